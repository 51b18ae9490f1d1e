"""Compile everything public: one index of all features in three formats."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.aws.s3 import PutOptions
from cogmill.domain.errors import VerificationError
from cogmill.domain.public_access import COMPILED, FORMATS
from cogmill.index.columnar import write_columnar
from cogmill.index.geojson import GeoJsonWriter, feature_batches, property_names
from cogmill.ledger.queries import PublicService
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
        uploaded, unchanged = _upload(archive, stem)
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


def _upload(archive: Archive, stem: Path) -> tuple[list[str], list[str]]:
    outcome: dict[bool, list[str]] = {True: [], False: []}
    for suffix, content_type in FORMATS.items():
        key, upload = COMPILED + suffix, PutOptions(content_type, acl=archive.settings.public_acl)
        outcome[archive.store.replace_file(key, stem.with_suffix(suffix), upload)].append(key)
    return outcome[True], outcome[False]
