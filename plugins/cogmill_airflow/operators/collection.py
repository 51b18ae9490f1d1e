"""Operators of a collection's DAG, from the plan to the published mapfile. Each calls the pipeline function of its name."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.observability import lineage, metrics
from cogmill_airflow.observability.assets import emit_service_changes
from cogmill_airflow.operators.base import CollectionOperator, run_start, task_owner
from cogmill_airflow.operators.links import SERVICE_LINKS, service_addresses

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline import Archive

    from cogmill_airflow.observability.lineage import Datasets


class FramesFailedError(AirflowFailException):
    """Some frames of a batch were not built, through no fault of the uploads.

    Not retried: each of them waits for its next try, and those that were built are on their way to the map meanwhile.
    """


class PlanFramesOperator(CollectionOperator):
    """Divide the frames that wait to be built into batches."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one batch for each mapped build task."""
        from cogmill.pipeline.batches import plan_batches

        with self.archive() as archive:
            batches = plan_batches(archive, self.collection_id)
        frames = sum(len(batch["frame_ids"]) for batch in batches)
        self.log.info("frames_planned collection=%s frames=%d batches=%d", self.collection_id, frames, len(batches))
        return [{**batch} for batch in batches]


class BuildCogsOperator(CollectionOperator):
    """Build the COGs of one batch of frames.

    Safe to rerun: frames that are done are left out, and a retry takes over the leases of the try that was killed.

    :param batch: `label` and `frame_ids`, one entry of the plan. (templated)
    """

    template_fields: Sequence[str] = ("collection_id", "batch")

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the counts of the batch."""
        from cogmill.pipeline.build_cogs import build_batch

        begun = time.monotonic()
        with self.archive() as archive:
            result = build_batch(archive, self.batch["frame_ids"], task_owner(context))
        metrics.batch_done(self.collection_id, result, time.monotonic() - begun)
        counts = {**asdict(result), "rejected": len(result.rejected), "failed": len(result.failed)}
        self.log.info("batch_done %s", " ".join(f"{name}={count}" for name, count in counts.items()))
        if result.failed:
            raise FramesFailedError("; ".join(result.failed))
        return counts

    def datasets(self, archive: Archive) -> tuple[Datasets, Datasets]:
        """Return the uploads of this batch and their COGs, as the ledger knows them."""
        cogs = archive.ledger.queries.cogs(self.batch["frame_ids"])
        return lineage.objects(archive, cogs), lineage.objects(archive, cogs.values())


class UpdateTileIndexOperator(CollectionOperator):
    """Bring the tile index in PostGIS up to date, in one transaction."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many rows changed."""
        from cogmill.pipeline import publish

        with self.archive() as archive:
            return asdict(publish.update_tile_index(archive, self.collection_id))

    def datasets(self, archive: Archive) -> tuple[Datasets, Datasets]:
        """Return the table that was changed."""
        return [], [lineage.tile_index(archive)]


class ExportIndexOperator(CollectionOperator):
    """Write the downloadable index files, if the tile index changed."""

    exported: Sequence[str] = ()
    """Keys that this run wrote."""

    def execute(self, context: Context) -> list[str]:
        """Return the keys that were written."""
        from cogmill.pipeline import publish

        with self.archive() as archive:
            keys = publish.export_index(archive, self.collection_id)
        self.exported = keys
        return keys

    def datasets(self, archive: Archive) -> tuple[Datasets, Datasets]:
        """Return the tile index and the files that were written from it."""
        return [lineage.tile_index(archive)], lineage.objects(archive, self.exported)


class PublishMapfileOperator(CollectionOperator):
    """Render the mapfile, verify it by drawing it with MapServer, and publish it if its bytes changed."""

    operator_extra_links = SERVICE_LINKS
    published: Mapping[str, Any] | None = None
    """What was published; the links read it when the task ends."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return whether the service changed, how many frames became public with it, and its addresses."""
        from cogmill.domain.keys import THUMBNAIL_SIZES, thumbnail_key
        from cogmill.mapserver.urls import download_url
        from cogmill.pipeline import publish

        with self.archive() as archive:
            picture = download_url(archive.settings.public_url, thumbnail_key(self.collection_id, max(THUMBNAIL_SIZES)))
            published = publish.publish_mapfile(archive, self.collection_id)
            self._send_metrics(archive, published.frames, context)
            emit_service_changes(context, archive)
        links = service_addresses(published.service_url, picture)
        self.published = {"changed": published.changed, "frames": published.frames, **links}
        return dict(self.published)

    def datasets(self, archive: Archive) -> tuple[Datasets, Datasets]:
        """Return the tile index and the mapfile that shows it."""
        from cogmill.domain.keys import mapfile_key

        return [lineage.tile_index(archive)], lineage.objects(archive, [mapfile_key(self.collection_id)])

    def _send_metrics(self, archive: Archive, frames: int, context: Context) -> None:
        queries, since = archive.ledger.queries, run_start(context)
        metrics.published(
            self.collection_id,
            frames,
            lambda: queries.latencies(self.collection_id, since, metrics.MAX_LATENCIES),
        )
        metrics.queue(queries.queue)


class PlanOverviewsOperator(CollectionOperator):
    """Cut the cells that changed frames touch into batches, one for each mapped task; few cells are left to `update_overviews`."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return `label` and `cells` of each batch; one without cells when there is little to build."""
        from cogmill.pipeline.update_overviews import plan_overviews

        with self.archive() as archive:
            return [dict(batch) for batch in plan_overviews(archive, self.collection_id)]


class BuildOverviewsOperator(CollectionOperator):
    """Build and store a batch of cells, which `update_overviews` shows; safe to rerun, stored cells are found again.

    :param batch: `label` and `cells`, one entry of the plan. (templated)
    """

    template_fields: Sequence[str] = (*CollectionOperator.template_fields, "batch")

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> int:
        """Return how many cells were built."""
        from cogmill.pipeline.update_overviews import build_overviews

        if not self.batch["cells"]:
            return 0
        with self.archive() as archive:
            return build_overviews(archive, self.collection_id, self.batch["cells"])


class UpdatePublicFilesOperator(CollectionOperator):
    """Write the static files that the public gets of the collection and of the archive, where their bytes change.

    Safe to rerun: files that say the same as before are not stored again.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many files were written and removed, and which facts nobody has stated."""
        from cogmill.pipeline.public_files import update_public_files

        with self.archive() as archive:
            change = update_public_files(archive, self.collection_id)
        if change.missing_facts:
            self.log.warning("facts_missing %s: state them in include/site.yaml", ", ".join(change.missing_facts))
        counts = {"written": len(change.written), "removed": len(change.removed), "unchanged": change.unchanged}
        return counts | {"missing_facts": list(change.missing_facts)}


class UpdateOverviewsOperator(CollectionOperator):
    """Bring the overviews of the collection to what its tile index says, so that maps of many frames open few files.

    Safe to rerun: cells that show the same as before are not touched, and what is shown changes in one transaction.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the levels, and how many cells were built, kept and removed."""
        from cogmill.pipeline.update_overviews import update_overviews

        with self.archive() as archive:
            change = update_overviews(archive, self.collection_id)
        metrics.overviews_updated(self.collection_id, change)
        return asdict(change)
