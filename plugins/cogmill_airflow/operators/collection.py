"""The tasks of a collection's DAG. Each is one function of the pipeline, named alike, with its result in the log and in a small XCom."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowException

from cogmill_airflow.observability import lineage, metrics
from cogmill_airflow.observability.assets import changed_service
from cogmill_airflow.operators.base import ArchiveOperator
from cogmill_airflow.operators.links import MapPreviewLink, WmsCapabilitiesLink, addresses

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from cogmill.pipeline import Archive


class FramesFailed(AirflowException):
    """Some frames of a batch were not built, and it was not their fault."""


class CollectionOperator(ArchiveOperator):
    """Base of the tasks that work on one collection.

    :param collection_id: The collection. (templated)
    """

    template_fields: Sequence[str] = ("collection_id",)

    def __init__(self, *, collection_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.collection_id = collection_id

    def datasets(self, archive: Archive) -> tuple[list[Any], list[Any]]:
        """Return what the task read and what it wrote, as OpenLineage names them.

        :param archive: Where.
        """
        del archive
        return [], []

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:
        """Return the task's datasets; called by the OpenLineage provider, where it is installed.

        :param task_instance: Not used.
        """
        del task_instance
        with self.archive() as archive:
            return lineage.lineage(*self.datasets(archive))


class PlanFramesOperator(CollectionOperator):
    """Cut the frames that wait to be built into batches."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one entry per mapped build task.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import build_cogs

        del context
        with self.archive() as archive:
            batches = [dict(batch) for batch in build_cogs.plan(archive, self.collection_id)]
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
        from cogmill.pipeline import build_cogs

        ti = context["ti"]
        owner = f"{ti.dag_id}/{ti.run_id}/{ti.map_index}"
        begun = time.monotonic()
        with self.archive() as archive:
            result = build_cogs.build_batch(archive, self.batch["frame_ids"], owner)
        metrics.batch_done(self.collection_id, result, time.monotonic() - begun)
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

    def datasets(self, archive: Archive) -> tuple[list[Any], list[Any]]:
        """Return the uploads of this batch and their COGs, as the ledger knows them.

        :param archive: Where.
        """
        cogs = archive.ledger.queries.cogs(self.batch["frame_ids"])
        return lineage.objects(archive, cogs), lineage.objects(archive, cogs.values())


class UpdateTileIndexOperator(CollectionOperator):
    """Bring the tile index in PostGIS up to date, in one transaction."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many rows changed.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import publish

        del context
        with self.archive() as archive:
            change = asdict(publish.update_tile_index(archive, self.collection_id))
        self.log.info("tile_index_updated collection=%s change=%s", self.collection_id, change)
        return change

    def datasets(self, archive: Archive) -> tuple[list[Any], list[Any]]:
        """Return the table that was changed.

        :param archive: Where.
        """
        return [], [lineage.tile_index(archive)]


class ExportIndexOperator(CollectionOperator):
    """Write the downloadable index files, if the tile index changed."""

    written: Sequence[str] = ()
    """Keys that were written."""

    def execute(self, context: Context) -> list[str]:
        """Return the keys that were written.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import publish

        del context
        with self.archive() as archive:
            keys = publish.export_index(archive, self.collection_id)
        self.log.info("index_exported collection=%s keys=%s", self.collection_id, keys)
        self.written = keys
        return keys

    def datasets(self, archive: Archive) -> tuple[list[Any], list[Any]]:
        """Return the tile index and the files that were written from it.

        :param archive: Where.
        """
        return [lineage.tile_index(archive)], lineage.objects(archive, self.written)


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
        from cogmill.pipeline import publish

        with self.archive() as archive:
            published = publish.publish_mapfile(archive, self.collection_id)
            browse, since = archive.ledger.queries, context["dag_run"].start_date
            metrics.published(
                self.collection_id,
                published.frames,
                lambda: browse.latencies(self.collection_id, since, metrics.MOST_LATENCIES),
            )
            metrics.queue(browse.queue)
            if published.changed or published.frames:
                changed_service(context, archive, self.collection_id, published)
        links = addresses(published.service_url, self.service_name, published.extent)
        self.published = {"changed": published.changed, "frames": published.frames, **links}
        self.log.info("mapfile_published collection=%s %s", self.collection_id, self.published)
        return dict(self.published)

    def datasets(self, archive: Archive) -> tuple[list[Any], list[Any]]:
        """Return the tile index and the mapfile that shows it.

        :param archive: Where.
        """
        from cogmill.domain.keys import mapfile_key

        return [lineage.tile_index(archive)], lineage.objects(archive, [mapfile_key(self.collection_id)])
