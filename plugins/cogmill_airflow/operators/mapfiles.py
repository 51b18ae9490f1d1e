"""The tasks of render_mapfiles and rollback: services again from the current template, or one back to what it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.operators.maintenance import ArchiveOperator
from cogmill_airflow.operators.reports import broken_tasks

if TYPE_CHECKING:
    from airflow.sdk import Context

BATCH = 50
"""Services that one mapped task draws."""

SHOWN_DIFF = 500
"""Letters of a diff in an XCom; more of it is in the task's log."""


class PlanRenderingOperator(ArchiveOperator):
    """List the services that are to be rendered again, in batches."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one batch per mapped task.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import rerender

        with self.archive() as archive:
            ids = rerender.services(archive, context["params"]["collections"] or [])
        self.log.info("rendering_planned services=%d", len(ids))
        parts = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)] or [[]]
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
        """Return the services that changed or failed.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import rerender

        params = context["params"]
        with self.archive() as archive:
            # all services: those that are there; chosen ones: also one whose mapfile was deleted
            chosen = bool(params["collections"])
            renderings = rerender.render_mapfiles(
                archive, self.batch["ids"], restore_deleted=chosen, dry_run=params["dry_run"]
            )
        for rendering in renderings:
            level = self.log.error if rendering.fault else self.log.info
            level(
                "%s %s\n%s", rendering.collection_id, rendering.fault or f"changed={rendering.changed}", rendering.diff
            )
        noted = [asdict(rendering) for rendering in renderings if rendering.changed or rendering.fault]
        return [entry | {"diff": entry["diff"][:SHOWN_DIFF]} for entry in noted]


class ListRenderedOperator(BaseOperator):
    """List the services that changed; red when one could not be drawn and kept its old mapfile.

    :param renderings: Results of all batches. (templated)
    """

    template_fields: Sequence[str] = ("renderings",)

    def __init__(self, *, renderings: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.renderings = renderings

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the names.

        :param context: Context of the task instance.
        """
        noted = [entry for batch in self.renderings or [] for entry in batch or []]
        changed = [entry["collection_id"] for entry in noted if entry["changed"]]
        verb = "would_change" if context["params"]["dry_run"] else "changed"
        self.log.info("services_%s count=%d %s", verb, len(changed), changed)
        faults = [f"{entry['collection_id']}: {entry['fault']}" for entry in noted if entry["fault"]]
        broken = broken_tasks(context)
        if faults or broken:
            kept = f"{len(faults)} services keep their old mapfile" + (", and those of" if broken else "")
            raise AirflowFailException(f"{kept}: " + "; ".join([*faults, *broken]))
        return {verb: changed}


class RollbackOperator(ArchiveOperator):
    """Bring one collection back to its previous published revision."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what changed.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline.rollback import rollback

        params = context["params"]
        with self.archive() as archive:
            plan = asdict(rollback(archive, params["collection"], dry_run=params["dry_run"]))
        for name in ("restored", "taken_back"):
            self.log.info("%s frames=%d %s", name, len(plan[name]), plan[name])
        return plan | {name: len(plan[name]) for name in ("restored", "taken_back")}
