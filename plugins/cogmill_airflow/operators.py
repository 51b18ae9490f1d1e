"""The tasks of a collection's DAG. Each is one function of the pipeline, named alike, with its result in the log and in a small XCom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from cogmill_airflow.base import MillOperator
from cogmill_airflow.links import MapPreviewLink, WmsCapabilitiesLink, addresses
from cogmill_airflow.shown import shown

if TYPE_CHECKING:
    from airflow.sdk import Context


BROKEN = ("failed", "upstream_failed")
"""Task states that are our fault."""


class FramesFailed(AirflowException):
    """Some frames of a batch were not built, and it was not their fault."""


class CollectionOperator(MillOperator):
    """Base of the tasks that work on one collection.

    :param collection_id: The collection. (templated)
    """

    template_fields: Sequence[str] = ("collection_id",)

    def __init__(self, *, collection_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.collection_id = collection_id


class PlanFramesOperator(CollectionOperator):
    """Cut the frames that wait to be built into batches."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one entry per mapped build task.

        :param context: Context of the task instance.
        """
        from include.cogmill.pipeline import build

        del context
        with self.mill() as mill:
            batches = [dict(batch) for batch in build.plan(mill, self.collection_id)]
        frames = sum(len(batch["frame_ids"]) for batch in batches)
        self.log.info("frames_planned collection=%s frames=%d batches=%d", self.collection_id, frames, len(batches))
        return batches


class BuildCogsOperator(CollectionOperator):
    """Build the COGs of one batch of frames.

    Safe to rerun: frames that are done are left out, and a retry takes back the leases of its killed predecessor.

    :param batch: `label` and `frame_ids`, one entry of the plan.
    """

    template_fields: Sequence[str] = ("collection_id", "batch")

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        """Return what became of the batch.

        :param context: Context of the task instance.
        """
        from include.cogmill.pipeline import build

        ti = context["ti"]
        owner = f"{ti.dag_id}/{ti.run_id}/{ti.map_index}"
        with self.mill() as mill:
            result = build.build_batch(mill, self.batch["frame_ids"], owner)
        for frame in result.rejected:
            self.log.warning(
                "frame_rejected key=%s reason=%s detail=%s advice=%s",
                frame.key,
                frame.reason,
                frame.detail,
                frame.advice,
            )
        self.log.info(
            "batch_done built=%d unchanged=%d rejected=%d failed=%d",
            result.built,
            result.unchanged,
            len(result.rejected),
            len(result.failed),
        )
        if result.failed:
            raise FramesFailed("; ".join(result.failed))
        return {**asdict(result), "rejected": len(result.rejected), "failed": 0}


class ListRejectedOperator(CollectionOperator):
    """List the frames of this run that were refused, from the ledger, so that retries and killed workers lose none."""

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return one entry per refused frame to be shown; one that says so when there is none.

        :param context: Context of the task instance.
        """
        from include.cogmill.pipeline import report

        with self.mill() as mill:
            digest = report.digest(mill, self.collection_id, context["dag_run"].start_date)
        return shown(digest.rejected)


class UpdateTileIndexOperator(CollectionOperator):
    """Bring the tile index in PostGIS up to date, in one transaction."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many rows changed.

        :param context: Context of the task instance.
        """
        from include.cogmill.pipeline import publish

        del context
        with self.mill() as mill:
            change = asdict(publish.update_tile_index(mill, self.collection_id))
        self.log.info("tile_index_updated collection=%s change=%s", self.collection_id, change)
        return change


class ExportIndexOperator(CollectionOperator):
    """Write the downloadable index files, if the tile index changed."""

    def execute(self, context: Context) -> list[str]:
        """Return the keys that were written.

        :param context: Context of the task instance.
        """
        from include.cogmill.pipeline import publish

        del context
        with self.mill() as mill:
            keys = publish.export_index(mill, self.collection_id)
        self.log.info("index_exported collection=%s keys=%s", self.collection_id, keys)
        return keys


class PublishMapfileOperator(CollectionOperator):
    """Render the mapfile, prove it by drawing it, and publish it if its bytes changed: the one visible act.

    :param service_name: Name of the service's raster layer, for the preview.
    """

    operator_extra_links: ClassVar[tuple[Any, ...]] = (WmsCapabilitiesLink(), MapPreviewLink())
    published: Mapping[str, Any] | None = None
    """What was published; the links read it when the task ends."""

    def __init__(self, *, service_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service_name = service_name

    def execute(self, context: Context) -> dict[str, Any]:
        """Return whether the service changed, how many frames became public with it, and its addresses.

        :param context: Context of the task instance.
        """
        from include.cogmill.pipeline import publish

        del context
        with self.mill() as mill:
            published = publish.publish_mapfile(mill, self.collection_id)
        links = addresses(published.service_url, self.service_name, published.extent)
        self.published = {"changed": published.changed, "frames": published.frames, **links}
        self.log.info("mapfile_published collection=%s %s", self.collection_id, self.published)
        return dict(self.published)


class ReportOperator(CollectionOperator):
    """Say what became of the run's frames; red if any of it was our fault.

    :param published: Result of the publishing task. (templated)
    """

    template_fields: Sequence[str] = ("collection_id", "published")
    operator_extra_links: ClassVar[tuple[Any, ...]] = (WmsCapabilitiesLink(), MapPreviewLink())

    def __init__(self, *, published: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.published = published

    def execute(self, context: Context) -> dict[str, int]:
        """Return the digest's numbers.

        :param context: Context of the task instance.
        """
        from include.cogmill.pipeline import report

        with self.mill() as mill:
            digest = report.digest(mill, self.collection_id, context["dag_run"].start_date)
        self.log.info("digest\n%s", digest.text)
        faults = [*digest.failed, *_broken_tasks(context)]
        if faults:
            raise AirflowFailException(f"{len(faults)} of our faults: " + "; ".join(map(str, faults)))
        return {
            "published": digest.published,
            "rejected": len(digest.rejected),
            "missing_scans": len(digest.missing_scans),
        }


def _broken_tasks(context: Context) -> list[str]:
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return [f"task {task} {state}" for task, state in sorted(states.items()) if state in BROKEN]
