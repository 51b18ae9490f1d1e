"""Compare bucket, ledger, tile index, index files and mapfiles: where do they disagree?

Costs one LIST per 1,000 keys, one GET per mapfile and a handful of statements; memory grows with collections, not with frames.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from cogmill.domain import keys
from cogmill.domain.key_reading import Becomes, read_key
from cogmill.domain.layout import layout_in_use
from cogmill.domain.model import StoredObject
from cogmill.domain.screening import key_fault
from cogmill.ledger.findings import CollectionLayers, Finding
from cogmill.maintenance.checks import KINDS, Place, place_of
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery.sweep import ledger_can_hold

log = logging.getLogger(__name__)

EXAMPLES = 20
"""Findings of each kind that a report shows; all of them are in the ledger."""

SETTLED = dt.timedelta(hours=1)
"""Younger objects may belong to work that is going on."""

READERS = 8
"""Mapfiles fetched at the same time."""

LONGEST_SUBJECT = 1000
"""Characters of an escaped key that are kept; an index of PostgreSQL holds no more than 2,700 bytes."""

ELSEWHERE = frozenset({"address_closed", "cog_altered", "service_dead"})
"""Kinds that other steps find."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one comparison saw."""

    objects: int
    """Objects of the archive in the bucket."""
    states: dict[str, int]
    """Frames by state."""
    counts: dict[str, int]
    """Findings by kind, zeros included."""
    examples: list[Finding]


def compare(archive: Archive) -> Comparison:
    """Compare all layers and remember what was found, which begins its grace period. Nothing else is changed.

    Raises:
        ServiceUnavailableError: The listing could not be completed; then nothing is concluded from it.
    """
    findings = archive.ledger.findings
    begun = findings.begin()
    objects, clock = _list(archive)
    findings.check(begun=begun, settled=clock - SETTLED)
    findings.add_findings([*_collection_findings(archive, clock)])
    findings.remember([kind for kind in KINDS if kind not in ELSEWHERE])
    counts = dict.fromkeys(KINDS, 0) | findings.counts()
    log.info("layers_compared objects=%d findings=%s", objects, {k: n for k, n in counts.items() if n})
    return Comparison(objects, archive.ledger.queries.states(), counts, findings.examples(EXAMPLES))


def _list(archive: Archive) -> tuple[int, dt.datetime]:
    """Bring the listing to the ledger; return the number of objects and the store's clock at the beginning."""
    count, clock = 0, None
    astray, example = Counter[str](), dict[str, str]()
    where = archive.store.place
    for side, page in ((each, page) for each in where.sides for page in archive.store.pages(side=each)):
        clock = clock or page.at
        named = [(stored, where.name(stored.key, side)) for stored in page.objects]
        found = [(stored, name, str(place)) for stored, name in named if name and (place := place_of(name))]
        placed = [(_called(stored, name), place) for stored, name, place in found if ledger_can_hold(stored.key)]
        archive.ledger.findings.add_listed(placed)
        if len(placed) < len(found):
            left_out = [stored.key for stored, _, _ in found if key_fault(stored.key)]
            archive.ledger.findings.add_findings([_left_out(key) for key in left_out])
        for key in (stored.key for stored, name in named if name is None):
            folder = key.partition("/")[0]  # they may be as many as the archive has: one finding for each first folder
            astray[folder] += 1
            example.setdefault(folder, key)
        count += len(placed)
    archive.ledger.findings.add_findings([_astray(archive, example[folder], n) for folder, n in astray.items()])
    return count, clock or dt.datetime.now(dt.UTC)


def _called(stored: StoredObject, name: str) -> StoredObject:
    return stored if name == stored.key else replace(stored, key=name)


def _collection_findings(archive: Archive, clock: dt.datetime) -> Iterator[dict[str, Any]]:
    yield from _accepted_findings(archive)
    layers = archive.ledger.findings.collections()
    yield from _index_file_findings(archive, layers)
    yield from _mapfile_findings(archive, layers, clock)
    yield from _picture_findings(archive, layers, clock)
    yield from _closed_scan_findings(archive, layers, clock)
    if archive.queue is not None and (dead := archive.queue.dead_letters()):
        yield _finding("event_dead", "dead-letter queue", None, f"{dead} messages")


def _accepted_findings(archive: Archive) -> Iterator[dict[str, Any]]:
    for key in archive.ledger.uploads.rejected_names():
        if read_key(key).becomes in {Becomes.FRAME, Becomes.SCAN}:
            yield _finding("rejected_accepted", key, None, "by another layout of keys than today's it was not")


def _index_file_findings(archive: Archive, layers: list[CollectionLayers]) -> Iterator[dict[str, Any]]:
    present = {row["key"] for row in archive.ledger.findings.listed([Place.TILE_INDEX])}
    unwanted: dict[str, CollectionLayers] = {}
    for entry in layers:
        wanted = {key for bands in entry.bands for key in keys.index_file_keys(entry.collection, bands)}
        possible = {key for bands in layout_in_use().bands for key in keys.index_file_keys(entry.collection, bands)}
        unwanted |= dict.fromkeys(sorted((possible - wanted) & present), entry)
        if missing := sorted(wanted - present):
            yield _finding("index_files_missing", entry.collection.id, entry, f"missing: {', '.join(missing)}")
        elif wanted and entry.exported_revision < entry.revision:
            yield _finding("index_files_missing", entry.collection.id, entry, "older than the index")
    yield from _unwanted_index_files(archive, unwanted)


def _unwanted_index_files(archive: Archive, unwanted: dict[str, CollectionLayers]) -> Iterator[dict[str, Any]]:
    """Tell index files that no frame wants any more from those that the predecessor wrote under the very same names."""
    with ThreadPoolExecutor(READERS) as pool:
        # ours carry their hash
        for (key, entry), sha256 in zip(unwanted.items(), pool.map(archive.store.sha256, unwanted), strict=True):
            if sha256:
                yield _finding("index_files_orphan", key, entry, "no frame of this folder is in the index")
            elif sha256 is not None:
                yield _finding("index_files_foreign", key, entry, "not written by Cogmill, and left alone")


def _mapfile_findings(archive: Archive, layers: list[CollectionLayers], clock: dt.datetime) -> Iterator[dict[str, Any]]:
    known = {keys.mapfile_key(entry.collection.id): entry for entry in layers}
    kept = archive.settings.kept_mapfiles
    listed = [
        r for r in archive.ledger.findings.listed([Place.MAPFILES]) if r["key"] in known or not _is_kept(r["key"], kept)
    ]
    present = {row["key"] for row in listed if row["key"] in known}
    for row in listed:
        if not row["key"].endswith(".map"):
            yield _finding("mapfile_stray", row["key"], None, f"{row['size']} bytes")
        elif row["key"] not in known:
            yield _finding("mapfile_unknown", row["key"], None, f"last changed {clock - row['modified']} ago")
    hashes = _hashes(archive, sorted(present))
    for key, entry in known.items():
        if fault := _mapfile_fault(entry, hashes.get(key)):
            kind, detail = fault
            yield _finding(kind, entry.collection.id, entry, detail)


def _is_kept(key: str, patterns: list[str]) -> bool:
    """Tell whether people keep an object below `mapfiles/` by hand."""
    return any(fnmatchcase(key.removeprefix(keys.MAPFILES), pattern) for pattern in patterns)


def _mapfile_fault(entry: CollectionLayers, sha256: str | None) -> tuple[str, str] | None:
    """Compare one collection with the hash of its mapfile, None when there is none."""
    if sha256 is None and entry.mapfile_sha256 is not None:
        return "mapfile_missing", f"{entry.rows} frames are still in the index"
    if sha256 is None:
        waits = entry.rows and not entry.unpublished
        return ("service_missing", f"{entry.rows} frames wait for their service") if waits else None
    if not entry.rows and not entry.alive:
        return "mapfile_without_rows" if entry.mapfile_sha256 else "mapfile_unknown", "no frame is left"
    if entry.rows and sha256 != entry.mapfile_sha256:
        return "mapfile_changed", "edited by hand or restored from elsewhere"
    if entry.rows and (entry.mapfile_revision < entry.revision or entry.other_levels):
        return "mapfile_changed", "older than the index, or it draws other levels of overviews than there are"
    return None  # without rows its frames are on their way back into the index


def _picture_findings(archive: Archive, layers: list[CollectionLayers], clock: dt.datetime) -> Iterator[dict[str, Any]]:
    listed = {row["key"]: row for row in archive.ledger.findings.listed([Place.THUMBNAILS])}
    public = [entry for entry in layers if entry.rows and entry.mapfile_sha256 is not None]
    wanted = {entry.collection.id: keys.thumbnail_keys(entry.collection.id) for entry in public}
    for entry in public:
        missing = sorted(wanted[entry.collection.id] - listed.keys())
        if missing and entry.overviews_current:
            yield _finding("picture_missing", entry.collection.id, entry, f"missing: {', '.join(missing)}")
    for key in sorted(listed.keys() - set().union(*wanted.values())):
        if listed[key]["modified"] < clock - SETTLED:
            yield _finding("picture_orphan", key, None, f"{listed[key]['size']} bytes")


def _closed_scan_findings(
    archive: Archive, layers: list[CollectionLayers], clock: dt.datetime
) -> Iterator[dict[str, Any]]:
    for entry in layers if archive.store.place.public else ():
        scans = archive.ledger.public_documents.scans_to_open(entry.collection.id)
        if waiting := [scan["key"] for scan in scans if scan["arrived_at"] < clock - SETTLED]:
            detail = f"{len(waiting)} scans are not in the public bucket, such as {waiting[0]}"
            yield _finding("public_file_missing", entry.collection.id, entry, detail)


def _hashes(archive: Archive, mapfile_keys: list[str]) -> dict[str, str]:
    with ThreadPoolExecutor(READERS) as pool:
        bodies = zip(mapfile_keys, pool.map(archive.store.read, mapfile_keys), strict=True)
        return {key: hashlib.sha256(body).hexdigest() for key, body in bodies if body is not None}


def _astray(archive: Archive, example: str, objects: int) -> dict[str, Any]:
    here, there = archive.store.place.sides
    subject = here.uri(example.partition("/")[0] + "/")
    detail = f"{objects} objects, such as {ascii(example)[:LONGEST_SUBJECT]}, belong into {there.uri()}; nothing reads them here"
    return _finding("wrong_bucket", ascii(subject)[1:-1][:LONGEST_SUBJECT], None, detail)


def _left_out(key: str) -> dict[str, Any]:
    return _finding("key_left_out", ascii(key)[:LONGEST_SUBJECT], None, f"{key_fault(key)}; rename the file")


def _finding(kind: str, subject: str, entry: CollectionLayers | None, detail: str) -> dict[str, Any]:
    collection_id = entry.collection.id if entry else None
    return {"kind": kind, "subject": subject, "collection_id": collection_id, "detail": detail}
