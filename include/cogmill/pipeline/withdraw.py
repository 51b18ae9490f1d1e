"""Withdraw frames and services, always in the same order: service, index, COG, so that nothing visible points to a missing object."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from cogmill.domain import keys
from cogmill.domain.layout import layout_in_use
from cogmill.domain.model import Collection
from cogmill.pipeline import publish
from cogmill.pipeline.archive import Archive, ServiceChange

log = logging.getLogger(__name__)


def withdraw_frames(archive: Archive, collection_id: str | None, source_keys: Sequence[str], detail: str) -> list[str]:
    """Withdraw frames whose uploads are gone; the others of their collection stay on the map throughout.

    Args:
        archive: Clients and settings.
        collection_id: Their collection; None for uploads whose names fitted none.
        source_keys: Uploads; those that are back in the bucket are left alone.
        detail: Why, for the ledger.

    Returns:
        The uploads whose frames were withdrawn.
    """
    gone = [key for key in source_keys if archive.store.sha256(key) is None]
    if collection_id is None:
        return archive.ledger.findings.withdraw_frames(gone, detail)
    shown, staying = archive.ledger.findings.count_rows(collection_id, gone)
    if shown and not staying:
        publish.withdraw_service(archive, collection_id)
    withdrawn = archive.ledger.findings.withdraw_frames(gone, detail)
    change = publish.update_tile_index(archive, collection_id)
    if staying or change.written:
        publish.export_index(archive, collection_id)
        publish.publish_mapfile(archive, collection_id)
    elif shown:
        _delete_index_files(archive, collection_id)
        withdraw_overviews(archive, collection_id)
    log.warning("frames_withdrawn collection=%s frames=%d staying=%d", collection_id, len(withdrawn), staying)
    return withdrawn


def unpublish(archive: Archive, collection_id: str) -> int:
    """Follow the deletion of a mapfile: rows and index files leave, COGs are retired; return the number of frames.

    A new upload into the collection brings all of it back.
    """
    if archive.store.read(keys.mapfile_key(collection_id)) is not None:
        return 0
    frames = archive.ledger.findings.unpublish(collection_id)
    publish.update_tile_index(archive, collection_id)
    _delete_index_files(archive, collection_id)
    withdraw_overviews(archive, collection_id)
    revision = archive.ledger.collections.state(collection_id).revision
    archive.changes.append(ServiceChange(collection_id, "withdrawn", revision))
    log.warning("collection_unpublished collection=%s frames=%d", collection_id, frames)
    return frames


def withdraw_overviews(archive: Archive, collection_id: str) -> None:
    """Retire the cells that the service was drawn from, and delete the pictures that pages show of it."""
    archive.ledger.overview_cells.clear(collection_id)
    for key in keys.thumbnail_keys(collection_id):
        archive.store.delete(key)


def _delete_index_files(archive: Archive, collection_id: str) -> None:
    collection: Collection = archive.ledger.collections.state(collection_id).collection
    present = {
        bands: list(archive.store.pages(keys.tile_index_prefix(collection, bands))) for bands in layout_in_use().bands
    }
    for bands, pages in present.items():
        ours = set(keys.index_file_keys(collection, bands))
        for key in sorted({stored.key for page in pages for stored in page.objects} & ours):
            archive.store.delete(key)
