"""Publish a collection: tile index, downloadable index files, mapfile.

The mapfile is written last and withdrawn first, so that nothing visible points to something that is not there.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cogmill.aws.s3 import PutOptions
from cogmill.config.collection_files import collection_abstract, load_collection_config, site_of
from cogmill.domain import keys
from cogmill.domain.errors import ConfigurationError, VerificationError
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Bands, Collection
from cogmill.index.tile_index import IndexAddress, IndexedFrame, IndexRow, index_row, write_index_files
from cogmill.ledger.collections import Candidate, CollectionState, ServiceFacts
from cogmill.ledger.connection.silence import CONNECT_S
from cogmill.mapserver.cgi import MapServerRunner
from cogmill.mapserver.mapfile import Service, render
from cogmill.mapserver.stated_facts import stated_facts
from cogmill.mapserver.titles import collection_title
from cogmill.mapserver.verify_service import verify_service
from cogmill.pipeline.archive import Archive, ServiceChange
from cogmill.pipeline.discovery.scan_copies import open_scans

log = logging.getLogger(__name__)

CONTENT_TYPES = {".zip": "application/zip", ".cpg": "text/plain", ".prj": "text/plain"}
"""All other parts of a shapefile are bytes to a browser."""


@dataclass(frozen=True, slots=True)
class IndexChange:
    """How many rows of a tile index were written and removed."""

    written: int
    removed: int


@dataclass(frozen=True, slots=True)
class Published:
    """What the publication of a mapfile did."""

    changed: bool
    """A new mapfile is out, or the service was withdrawn."""
    frames: int
    """Frames that became public with it."""
    service_url: str
    """Address of the service up to and including `map=...&`; empty when it has no frame."""
    extent: Bounds3857 | None
    """Bounds of all footprints."""


@dataclass(frozen=True, slots=True)
class MapfileDraft:
    """A rendered mapfile that is not published yet."""

    service: Service
    text: str
    points: list[tuple[float, float]]
    """x and y in EPSG:3857 meters inside the footprint of its newest frame."""


def update_tile_index(archive: Archive, collection_id: str) -> IndexChange:
    """Update the tile index from the ledger, in one transaction; the work is proportional to what changed."""
    open_scans(archive, collection_id)  # rows link to them
    collection = archive.ledger.collections.state(collection_id).collection

    def rows(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
        return [_values(_index_row(archive, collection, candidate)) for candidate in candidates]

    written, removed = archive.ledger.collections.change_index(collection_id, rows)
    log.info("tile_index_updated collection=%s written=%d removed=%d", collection_id, written, removed)
    return IndexChange(written, removed)


def export_index(archive: Archive, collection_id: str) -> list[str]:
    """Write the downloadable index files of each bands folder when the index has changed; return the keys written."""
    written: list[str] = []
    with archive.ledger.collections.export(collection_id) as state:
        if state.exported_revision == state.revision:
            return written
        for bands in archive.ledger.collections.bands_of(collection_id):
            written += _export(archive, state.collection, bands)
        archive.ledger.collections.mark_exported(collection_id, state.revision)
    return written


def draft_mapfile(archive: Archive, collection_id: str) -> MapfileDraft | None:
    """Render a mapfile from the current template; None for a collection without frames."""
    facts = archive.ledger.collections.service_facts(collection_id)
    extent = facts.extent
    if extent is None:
        return None
    service = _service(archive, archive.ledger.collections.state(collection_id).collection, facts, extent)
    return MapfileDraft(service, render(service), [(x, y) for x, y in facts.inside or []])


def verify_draft(archive: Archive, drafted: MapfileDraft) -> None:
    """Verify a draft by drawing it with the local MapServer.

    Raises:
        VerificationError: MapServer does not draw it.
    """
    with _mapserver(archive) as mapserver:
        verify_service(drafted.text, drafted.service, mapserver, points=drafted.points)


def publish_mapfile(archive: Archive, collection_id: str, *, restore_deleted: bool = False) -> Published:
    """Render the mapfile, verify it by drawing it, and replace the published one only when its bytes differ.

    A mapfile that somebody deleted stays away, for that is how a service is withdrawn, unless frames wait to become public.

    Args:
        archive: Clients and settings.
        collection_id: Whose mapfile.
        restore_deleted: Also write one that was deleted.

    Raises:
        VerificationError: MapServer does not draw the draft; what is published stays as it is.
    """
    frames, changed = 0, False
    while True:
        state = archive.ledger.collections.state(collection_id)
        try:
            published = _publish_mapfile(archive, collection_id, state, restore_deleted=restore_deleted)
        except (VerificationError, ConfigurationError):
            archive.ledger.collections.mark_unpublishable(collection_id)
            raise
        frames, changed = frames + published.frames, changed or published.changed
        # Another run may have changed the index and published since this one read it: then this mapfile is the older one.
        if archive.ledger.collections.state(collection_id).revision == state.revision:
            return replace(published, frames=frames, changed=changed)


def _publish_mapfile(
    archive: Archive, collection_id: str, state: CollectionState, *, restore_deleted: bool
) -> Published:
    drafted = draft_mapfile(archive, collection_id)
    if drafted is None:
        changed = state.mapfile_sha256 is not None
        if changed:
            withdraw_service(archive, collection_id)
        return Published(changed=changed, frames=0, service_url="", extent=None)
    body = drafted.text.encode()
    key = keys.mapfile_key(collection_id)
    present = archive.store.read(key)
    if present is None and state.mapfile_sha256 is not None and not (restore_deleted or state.has_built):
        log.warning("mapfile_deleted collection=%s maintenance withdraws the service", collection_id)
        return Published(changed=False, frames=0, service_url="", extent=None)
    changed = present != body
    if changed or state.mapfile_revision != state.revision:
        verify_draft(archive, drafted)
    if changed:
        archive.store.replace(key, body, _mapfile_options(archive))
    sha256 = hashlib.sha256(body).hexdigest()
    levels = drafted.service.overview_levels
    frames = archive.ledger.collections.mark_published(collection_id, state.revision, sha256, levels)
    log.info("mapfile_published collection=%s changed=%s frames=%d", collection_id, changed, frames)
    url = drafted.service.online_resource
    if changed or frames or state.mapfile_revision != state.revision:
        archive.changes.append(ServiceChange(collection_id, "published", state.revision, frames, url))
    return Published(changed, frames, url, drafted.service.extent)


def withdraw_service(archive: Archive, collection_id: str) -> None:
    """Withdraw a service, before anything it points to."""
    archive.store.delete(keys.mapfile_key(collection_id))
    archive.ledger.collections.mark_withdrawn(collection_id)
    revision = archive.ledger.collections.state(collection_id).revision
    archive.changes.append(ServiceChange(collection_id, "withdrawn", revision))
    log.warning("service_withdrawn collection=%s", collection_id)


def _index_row(archive: Archive, collection: Collection, frame: Candidate) -> IndexRow:
    zip_key = keys.index_zip_key(collection, frame.bands)
    root = archive.store.place.gdal_root(frame.cog_key)
    address = IndexAddress(collection.product, root, archive.settings.public_url, zip_key)
    known = IndexedFrame(frame.id, frame.name, frame.cog_key, frame.scan_key, frame.footprint_wkb)
    return index_row(known, address)


def _values(row: IndexRow) -> dict[str, Any]:
    values = asdict(row)
    del values["geom_wkb"]  # the database copies the footprint itself
    return values


def _export(archive: Archive, collection: Collection, bands: Bands) -> list[str]:
    rows = [IndexRow(**row) for row in archive.ledger.collections.index_rows(collection.id, bands)]
    written = []
    with TemporaryDirectory(prefix="cogmill-index-") as folder:
        files = write_index_files(rows, Path(folder), collection.service_name)
        for file in (*files.parts, files.zip_file):
            content_type = CONTENT_TYPES.get(file.suffix, "application/octet-stream")
            key = keys.tile_index_prefix(collection, bands) + file.name
            archive.store.replace(key, file.read_bytes(), PutOptions(content_type, acl=archive.settings.public_acl))
            written.append(key)
    log.info("index_exported collection=%s bands=%s rows=%d", collection.id, bands, len(rows))
    return written


def _dates(facts: ServiceFacts) -> tuple[dt.date, dt.date] | None:
    if facts.first_day is None or facts.last_day is None or facts.undated:
        return None
    return facts.first_day, facts.last_day


def _service(archive: Archive, collection: Collection, facts: ServiceFacts, extent: Bounds3857) -> Service:
    config = load_collection_config(archive.settings.collections_dir, collection.id)
    site = site_of(archive.settings, config)
    title = collection_title(collection, config, site)
    return Service(
        collection_id=collection.id,
        service_name=collection.service_name,
        title=title,
        product=collection.product,
        extent=extent,
        online_resource=archive.addresses.of(collection.id).wms,
        dates=_dates(facts),
        srs=site.output_crs,
        language=site.language,
        facts=tuple(stated_facts(site, collection_abstract(config, title, site)).items()),
        overview_levels=tuple(archive.ledger.overview_cells.levels(collection.id)),
    )


@contextmanager
def _mapserver(archive: Archive) -> Iterator[MapServerRunner]:
    """Give the local MapServer the clients this process has; its service file lives as long as the verification."""
    with TemporaryDirectory(prefix="cogmill-verify-") as folder:
        service_file = Path(folder) / "pg_service.conf"
        service_file.touch(mode=0o600)
        entry = archive.ledger.service_entry()
        service_file.write_text("\n".join(["[cogmill]", *(f"{name}={value}" for name, value in entry.items()), ""]))
        environment = {
            **archive.store.gdal_environment(),
            "PGSERVICEFILE": str(service_file),
            "PGCONNECT_TIMEOUT": str(CONNECT_S),
        }
        yield MapServerRunner(environment, str(archive.settings.mapserv))


def _mapfile_options(archive: Archive) -> PutOptions:
    """Return the metadata that s3fs shows as mode, owner and time of the file."""
    settings = archive.settings
    owner = {"mode": str(settings.mapfile_mode), "uid": str(settings.mapfile_uid), "gid": str(settings.mapfile_gid)}
    return PutOptions("text/plain; charset=utf-8", {**owner, "mtime": str(int(time.time()))})
