"""Ingest: record every upload that the ledger does not know, and name the collections that have work to do.

Uploads are found by events, which may come twice, late, or never, and by the sweep, which makes up for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from cogmill.config.collection_files import load_collection_config
from cogmill.domain import keys
from cogmill.domain.advice import rejected_frame
from cogmill.domain.errors import ConfigurationError, InvalidFrameError, Reason
from cogmill.domain.layout.dates import Days, vague_days
from cogmill.domain.lifecycle import State
from cogmill.domain.model import Adoption, FrameName, RejectedFrame, Stage, StoredObject, UploadKey
from cogmill.domain.sidecars import SidecarKind, read_sidecar
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery import ingest_events
from cogmill.pipeline.discovery.sweep import Sweep, is_sweep_due

MOST_COLLECTIONS = 200
"""Collections named by one ingest; Airflow maps over a thousand things at most, and the next run names the others."""

MOST_ENTERED = 500
"""Keys that one ingest tells; counts are complete."""

NO_BYTES = "the upload has 0 bytes"


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one ingest recorded."""

    collection_ids: list[str]
    """Collections with work to do, for which a run should be asked; `MOST_COLLECTIONS` at most."""
    frames: int
    scans: int
    rejected: list[RejectedFrame] = field(default_factory=list)
    """Uploads that no run will ever look at: names that fit no grammar or repeat another's, wrong folders, and empty files."""
    entered: list[tuple[str, str]] = field(default_factory=list)
    """Collection and key of what was new or a new version, for people; `MOST_ENTERED` at most."""


def has_new_uploads(archive: Archive) -> bool:
    """Tell whether the ledger would change by `ingest_uploads`, or a collection waits for a run nobody asked for.

    Costs one LIST per 1,000 keys, no HEAD, and one SQL statement per page that holds recent keys, but lists the bucket no more often
    than the budget of requests allows, and a large one in parts, of which one call makes one. With a queue of events it costs one HEAD
    per key in the queue instead, and the bucket is listed only now and then.
    """
    if archive.ledger.uploads.due_collections(archive.settings.retrigger_seconds, 1):
        return True
    if archive.queue is not None and ingest_events.has_new_uploads(archive, archive.queue):
        return True
    account = archive.ledger.uploads.listing_account()
    if not is_sweep_due(archive, account):
        return False
    with Sweep(archive, account) as sweep:
        return any(sweep.unknown_pages())


def ingest_uploads(archive: Archive) -> IngestResult:
    """Record unknown uploads in the ledger, of a large bucket those of one part, and name the collections that have work to do."""
    result = IngestResult([], 0, 0)
    if archive.queue is not None:
        for notified in ingest_events.read_notifications(archive, archive.queue):
            result = enter(archive, notified.uploads, result)
            archive.queue.delete(notified.messages)
    account = archive.ledger.uploads.listing_account()
    if is_sweep_due(archive, account):
        with Sweep(archive, account) as sweep:
            for page in sweep.unknown_pages():
                result = enter(archive, page, result)
    due = archive.ledger.uploads.due_collections(archive.settings.retrigger_seconds, MOST_COLLECTIONS)
    # marked before the runs exist: a trigger that gets lost is repeated after `retrigger_seconds`, never at once and for ever
    archive.ledger.uploads.mark_triggered(due)
    return replace(result, collection_ids=due)


def enter(
    archive: Archive, page: Sequence[StoredObject], result: IngestResult, adopted: Adoption | None = None
) -> IngestResult:
    """Record some uploads, or COGs of another system that are adopted, in the ledger and add them to the result."""
    parsed = _parse(archive, page, keys.parse_cog if adopted else keys.parse_upload)
    archive.ledger.uploads.ingest_sidecars(parsed.sidecar_rows())
    spelled_otherwise = _add_collections(archive, parsed)
    frames, duplicates = archive.ledger.uploads.ingest_frames(
        [{**row, "adopted": adopted} for row in parsed.frame_rows()]
    )
    archive.ledger.uploads.respell(spelled_otherwise)
    _make_public(archive, parsed.scans)
    # after that: what is in the ledger is not looked at again
    archive.ledger.uploads.ingest_scans(parsed.scan_rows())
    rejected = result.rejected + parsed.rejected()
    rejected += [rejected_frame(key, fault.reason, fault.detail) for key, fault in duplicates.items()]
    entered = [(u.collection.id, o.key) for o, u in parsed.frames + parsed.scans if o.key not in duplicates]
    entered = (result.entered + entered)[:MOST_ENTERED]
    return IngestResult([], result.frames + frames, result.scans + len(parsed.scans), rejected, entered)


@dataclass(slots=True)
class _ParsedPage:
    """The uploads of one page, parsed."""

    frames: list[tuple[StoredObject, UploadKey]] = field(default_factory=list)
    scans: list[tuple[StoredObject, UploadKey]] = field(default_factory=list)
    sidecars: list[tuple[StoredObject, SidecarKind, UploadKey]] = field(default_factory=list)
    faults: list[tuple[StoredObject, InvalidFrameError]] = field(default_factory=list)

    def frame_rows(self) -> list[dict[str, Any]]:
        """Rows for the ledger; rejected names are rows too, so that nothing disappears."""
        return [_frame_row(*frame) for frame in self.frames] + [_rejected_row(*fault) for fault in self.faults]

    def scan_rows(self) -> list[dict[str, Any]]:
        return [
            {"key": o.key, "collection_id": u.collection.id, "bands": u.bands, "stem": u.stem, **_version(o)}
            for o, u in self.scans
        ]

    def sidecar_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "key": o.key,
                "kind": kind,
                "collection_id": u.collection.id,
                "bands": u.bands,
                "stem": u.stem,
                **_version(o),
            }
            for o, kind, u in self.sidecars
        ]

    def rejected(self) -> list[RejectedFrame]:
        empty = [(o, InvalidFrameError(Reason.EMPTY, NO_BYTES)) for o, _ in self.frames if not o.size]
        return [rejected_frame(o.key, fault.reason, fault.detail) for o, fault in self.faults + empty]


def _parse(archive: Archive, objects: Sequence[StoredObject], parse: Callable[[str], UploadKey]) -> _ParsedPage:
    parsed = _ParsedPage()
    read = cache(partial(_collection_date, archive.settings.collections_dir))
    taken = archive.sidecars
    for stored in objects:
        if beside := read_sidecar(stored.key, taken):
            parsed.sidecars.append((stored, *beside))
            continue
        try:
            upload = parse(stored.key)
        except InvalidFrameError as fault:
            parsed.faults.append((stored, fault))
            continue
        if upload.name and (days := read(upload.collection.id)) and _tells_no_day(upload, upload.name):
            upload = replace(upload, name=replace(upload.name, acquired=days))
        (parsed.frames if upload.stage == Stage.GEOREF else parsed.scans).append((stored, upload))
    return parsed


def _tells_no_day(upload: UploadKey, name: FrameName) -> bool:
    """Tell whether the name of a frame's file says no more than its folders do."""
    return name.acquired is None or name.acquired == keys.year_days(upload.collection.year)


def _collection_date(folder: Path, collection_id: str) -> Days | None:
    """Return when the photographs of a collection were taken, as its file says; a file that is wrong is told when frames are built."""
    try:
        config = load_collection_config(folder, collection_id)
    except ConfigurationError:
        return None
    return vague_days(config.date) if config and config.date else None


def _add_collections(archive: Archive, parsed: _ParsedPage) -> list[str]:
    """Add the collections of uploads where they are new; return the ids of those that the ledger spells with other capital letters."""
    collections = {upload.collection for _, upload in parsed.frames + parsed.scans}
    known = archive.ledger.uploads.add_collections(sorted(collections, key=lambda c: c.service_name))
    return sorted({c.id for c in collections if known[c.id] != c.service_name})


def _make_public(archive: Archive, scans: Sequence[tuple[StoredObject, UploadKey]]) -> None:
    if archive.settings.public_acl and not archive.store.place.public:  # else copies are public
        for stored, _ in scans:
            archive.store.set_acl(stored.key, archive.settings.public_acl)


def _version(stored: StoredObject) -> Mapping[str, Any]:
    return {"etag": stored.etag, "size": stored.size, "uploaded_at": stored.last_modified}


def _frame_row(stored: StoredObject, upload: UploadKey) -> dict[str, Any]:
    if upload.name is None:
        raise TypeError(f"{upload.key} is a scan, not a frame")
    first, last = upload.name.acquired or (None, None)
    row = {
        "collection_id": upload.collection.id,
        "source_key": stored.key,
        "bands": upload.bands,
        "stem": upload.stem,
        "state": State.ARRIVED,
        "date": upload.name.date,
        "roll": upload.name.roll,
        "frame_num": upload.name.frame_num,
        "acquired_from": first,
        "acquired_to": last,
        "scan_stem": upload.name.scan_stem,
        **_version(stored),
    }
    if not stored.size:
        row |= {"state": State.REJECTED, "reason": Reason.EMPTY, "detail": NO_BYTES}
    return row


def _rejected_row(stored: StoredObject, fault: InvalidFrameError) -> dict[str, Any]:
    return {
        "source_key": stored.key,
        "state": State.REJECTED,
        "reason": fault.reason,
        "detail": fault.detail,
        **_version(stored),
    }
