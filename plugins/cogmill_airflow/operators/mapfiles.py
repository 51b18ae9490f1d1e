"""Operators of render_mapfiles and rollback: render services again, or bring one collection back to an earlier revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.operators.base import ArchiveOperator, Templated, failed_tasks, follow_service_changes
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
        from cogmill.pipeline import rerender

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

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the services that changed or failed."""
        from cogmill.pipeline import rerender

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
        return [entry | {"diff": entry["diff"][:MAX_DIFF_CHARS]} for entry in noted]


class ListRenderedOperator(BaseOperator):
    """List the services that changed; red when MapServer could not draw one, which keeps its old mapfile.

    :param renderings: Results of all batches. (templated)
    """

    template_fields: Sequence[str] = ("renderings",)

    def __init__(self, *, renderings: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.renderings = renderings

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the names."""
        noted = [entry for batch in self.renderings or [] for entry in batch or []]
        changed = [entry["collection_id"] for entry in noted if entry["changed"]]
        verb = "would_change" if is_dry_run(context) else "changed"
        self.log.info("services_%s count=%d %s", verb, len(changed), changed)
        faults = [f"{entry['collection_id']}: {entry['fault']}" for entry in noted if entry["fault"]]
        failed = failed_tasks(context)
        if faults or failed:
            kept = f"{len(faults)} services keep their old mapfile" + (", and those of" if failed else "")
            raise AirflowFailException(f"{kept}: " + "; ".join([*faults, *failed]))
        return {verb: changed}


class RollbackOperator(ArchiveOperator):
    """Bring one collection back to its previous published revision."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what changed."""
        from cogmill.pipeline.rollback import rollback

        chosen = collection_id(context["params"]["collection"])
        with self.archive() as archive:
            plan = asdict(rollback(archive, chosen, dry_run=is_dry_run(context)))
            follow_service_changes(context, archive)
        for name in ("restored", "taken_back"):
            self.log.info("%s frames=%d %s", name, len(plan[name]), plan[name])
        return plan | {name: len(plan[name]) for name in ("restored", "taken_back")}
