"""Compile everything public: one index of all features in three formats, and the list of services."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.aws.s3 import PutOptions
from cogmill.domain import keys
from cogmill.domain.errors import ConfigurationError, VerificationError
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Collection
from cogmill.domain.public_access import COMPILED, FORMATS, PAGE, SERVICES
from cogmill.index.catalog import CatalogEntry, services_json, services_page
from cogmill.index.columnar import write_columnar
from cogmill.index.geojson import GeoJsonWriter, feature_batches, property_names
from cogmill.ledger.queries import PublicService
from cogmill.mapserver.mapfile import service_title
from cogmill.mapserver.urls import capabilities_url, download_url, service_url
from cogmill.pipeline import publish
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenCollection:
    """A collection that is missing in the compiled index, and why."""

    collection_id: str
    fault: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """What one compilation found and changed."""

    services: int
    features: int
    hash: str
    """Hash over all features, equal for all formats."""
    broken: list[BrokenCollection]
    uploaded: list[str]
    """Keys that changed."""
    unchanged: list[str]


def compile_indexes(archive: Archive) -> Compiled:
    """Compile what is public; upload what changed, and only after all formats are verified to hold the same.

    Memory hardly grows with the archive: a million features need about 450 MB. A collection that cannot be compiled is reported and left out; all others are present.

    Raises:
        VerificationError: The formats differ; nothing was uploaded.
        ServiceUnavailableError: S3 or the ledger became unavailable. Each key holds its old or its new content.
    """
    services, broken = _mappable(archive.ledger.queries.public_services())
    names = property_names(extra=archive.settings.compile_extra_properties)
    with TemporaryDirectory(prefix="cogmill-compile-") as name:
        stem = Path(name) / "compiled"
        broken += _write_geojson(archive, services, stem.with_suffix(".geojson"), names)
        verified = write_columnar(stem.with_suffix(".geojson"), names)
        uploaded, unchanged = _upload(archive, stem, services)
    for entry in broken:
        log.error("collection_not_compiled collection=%s fault=%s", entry.collection_id, entry.fault)
    log.info("indexes_compiled services=%d features=%d uploaded=%s", len(services), verified.count, uploaded)
    return Compiled(len(services), verified.count, verified.hash, broken, uploaded, unchanged)


def _mappable(services: Sequence[PublicService]) -> tuple[list[PublicService], list[BrokenCollection]]:
    """Part the services with a proper extent from those whose index holds a footprint without a place."""
    good = [service for service in services if all(map(math.isfinite, service.extent))]
    broken = [
        BrokenCollection(service.collection.id, "the extent of its index is not finite")
        for service in services
        if service not in good
    ]
    return good, broken


def _write_geojson(
    archive: Archive, services: Sequence[PublicService], path: Path, names: Sequence[str]
) -> list[BrokenCollection]:
    broken = []
    extra = archive.settings.compile_extra_properties
    with path.open("w", encoding="utf-8") as target:
        writer = GeoJsonWriter(target, names)
        for service in services:
            collection_id = service.collection.id
            try:
                writer.write_collection(
                    feature_batches(collection_id, archive.ledger.queries.public_frames(collection_id), extra=extra)
                )
            except VerificationError as err:
                broken.append(BrokenCollection(collection_id, str(err)))
        writer.finish()
    return broken


def _upload(archive: Archive, stem: Path, services: Sequence[PublicService]) -> tuple[list[str], list[str]]:
    entries = [_entry(archive, service) for service in services]
    stem.with_suffix(".json").write_text(services_json(entries), encoding="utf-8")
    stem.with_suffix(".html").write_text(services_page(entries), encoding="utf-8")
    content = [(COMPILED + suffix, suffix, content_type) for suffix, content_type in FORMATS.items()]
    content += [(SERVICES, ".json", "application/json"), (PAGE, ".html", "text/html; charset=utf-8")]
    outcome: dict[bool, list[str]] = {True: [], False: []}
    for key, suffix, content_type in content:
        upload = PutOptions(content_type, acl=archive.settings.public_acl)
        outcome[archive.store.replace_file(key, stem.with_suffix(suffix), upload)].append(key)
    return outcome[True], outcome[False]


def _entry(archive: Archive, service: PublicService) -> CatalogEntry:
    collection = service.collection
    extent = Bounds3857.from_edges(service.extent)
    wms = service_url(archive.settings.mapserver_url, collection.id)
    picture = keys.thumbnail_key(collection.id, min(keys.THUMBNAIL_SIZES))
    archives = {
        str(bands): f"{keys.tile_index_prefix(collection, bands)}{collection.service_name}_idx.zip"
        for bands in service.bands
    }
    return CatalogEntry(
        id=collection.id,
        name=collection.service_name,
        title=_title(archive, collection),
        county=collection.county,
        agency=collection.agency,
        year=collection.year,
        product=str(collection.product),
        frames=service.frames,
        years=service.years,
        extent_3857=extent,
        extent_4326=extent.to_4326(),
        wms=wms,
        capabilities=capabilities_url(wms),
        preview=download_url(archive.settings.public_url, picture),
        downloads={bands: download_url(archive.settings.public_url, key) for bands, key in archives.items()},
    )


def _title(archive: Archive, collection: Collection) -> str:
    """Return the title of the collection file, else the usual one; a mistake in the file costs a title, not the catalog."""
    try:
        return publish.collection_title(archive, collection)
    except ConfigurationError:
        log.exception("collection_file_wrong collection=%s", collection.id)
        return service_title(collection)
