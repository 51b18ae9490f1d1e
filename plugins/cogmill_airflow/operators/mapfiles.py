"""Operators of render_mapfiles and rollback: render services again, or bring one collection back to an earlier revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.operators.base import (
    ArchiveOperator,
    Templated,
    failed_tasks,
    follow_service_changes,
    save_report,
)
from cogmill_airflow.operators.links import RunReportLink
from cogmill_airflow.operators.selection import chosen_collections, collection_id, is_dry_run, names_everything

if TYPE_CHECKING:
    from airflow.sdk import Context

BATCH_SERVICES = 50
"""Services that one mapped task renders."""

MAX_DIFF_CHARS = 500
"""Characters of a diff in the XCom; more of it is in the task's log."""


class PlanRenderingOperator(ArchiveOperator):
    """Divide the services to render into batches."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one batch for each mapped task."""
        from cogmill.pipeline.by_hand import rerender

        with self.archive() as archive:
            chosen = chosen_collections(archive, context["params"])
            if names_everything(context["params"]):
                ids = sorted({*chosen} & {*rerender.services(archive, [])})
            else:
                ids = rerender.services(archive, chosen)  # a service by name must be there
        self.log.info("rendering_planned services=%d", len(ids))
        parts = [ids[start : start + BATCH_SERVICES] for start in range(0, len(ids), BATCH_SERVICES)] or [[]]
        return [{"label": f"{part[0]} … {part[-1]}" if part else "no service", "ids": part} for part in parts]


class RenderMapfilesOperator(ArchiveOperator):
    """Render and draw a batch of services, and publish those whose mapfile changes; a dry run publishes nothing.

    :param batch: `label` and `ids`, one entry of the plan. (templated)
    """

    template_fields: Sequence[str] = ("batch",)

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many services were rendered, and those among them that changed or failed."""
        from cogmill.pipeline.by_hand import rerender

        with self.archive() as archive:
            # all services: those that are there; chosen ones: also one whose mapfile was deleted
            by_name = not names_everything(context["params"])
            renderings = rerender.render_mapfiles(
                archive, self.batch["ids"], restore_deleted=by_name, dry_run=is_dry_run(context)
            )
            follow_service_changes(context, archive)
        for rendering in renderings:
            self.log.info("%s changed=%s\n%s", rendering.collection_id, rendering.changed, rendering.diff)
        noted = [asdict(rendering) for rendering in renderings if rendering.changed or rendering.fault]
        shortened = [entry | {"diff": entry["diff"][:MAX_DIFF_CHARS]} for entry in noted]
        return {"rendered": len(renderings), "noted": shortened}


class ListRenderedOperator(ArchiveOperator):
    """List and report the services that changed; red when MapServer could not draw one, which keeps its old mapfile.

    :param renderings: Results of all batches. (templated)
    """

    template_fields: Sequence[str] = ("renderings",)
    operator_extra_links = (RunReportLink(),)

    def __init__(self, *, renderings: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.renderings = renderings

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the names."""
        from cogmill.pipeline.by_hand.rerender import rendering_report

        batches = [batch for batch in self.renderings or [] if batch]
        noted = [entry for batch in batches for entry in batch["noted"]]
        dry_run, failed = is_dry_run(context), failed_tasks(context)
        report = rendering_report(noted, sum(batch["rendered"] for batch in batches), failed, dry_run=dry_run)
        with self.archive() as archive:
            save_report(archive, context, report)
        changed = [entry["collection_id"] for entry in noted if entry["changed"]]
        self.log.info("%s %s", report.headline, changed)
        faults = [f"{entry['collection_id']}: {entry['fault']}" for entry in noted if entry["fault"]]
        if faults or failed:
            kept = f"{len(faults)} services keep their old mapfile" + (", and those of" if failed else "")
            raise AirflowFailException(f"{kept}: " + "; ".join([*faults, *failed]))
        return {"would_change" if dry_run else "changed": changed}


class RollbackOperator(ArchiveOperator):
    """Bring one collection back to its previous published revision, and report it; green, and says so, where there is none."""

    operator_extra_links = (RunReportLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what changed, in a sentence and as numbers."""
        from cogmill.pipeline.by_hand.rollback import rollback, rollback_report

        chosen = collection_id(context["params"]["collection"])
        dry_run = is_dry_run(context)
        with self.archive() as archive:
            done = rollback(archive, chosen, dry_run=dry_run)
            report = rollback_report(archive, done, dry_run=dry_run)
            save_report(archive, context, report)
            follow_service_changes(context, archive)
        self.log.info("%s", "\n".join([report.headline, *report.lines]))
        return {
            "what": report.headline,
            "collection_id": chosen,
            "revision": done.revision,
            "restored": len(done.restored),
            "taken_back": len(done.taken_back),
        }
