"""Bucket versus ledger: what has been uploaded that the ledger does not know?

Events may come twice, late, or never; this comparison is what makes the archive right.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cogmill.aws.s3 import Listing
from cogmill.domain import keys
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import RejectedFrame, Stage, State, StoredObject, UploadKey
from cogmill.ledger.uploads import Watermark
from cogmill.pipeline import ingest_events
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.storable import is_storable

MOST_COLLECTIONS = 200
"""Collections named by one registration; Airflow maps over a thousand things at most, and the next run names the others."""

NO_BYTES = "the upload has 0 bytes"


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one registration took in."""

    collection_ids: list[str]
    """Collections with work to do, for which a run should be asked; `MOST_COLLECTIONS` at most."""
    frames: int
    scans: int
    refused: list[RejectedFrame] = field(default_factory=list)
    """Uploads that no run will ever look at: names that fit no grammar or repeat another's, and empty files."""


def has_new_uploads(archive: Archive) -> bool:
    """Tell whether the ledger would change by `ingest_uploads`, or a collection waits for a run nobody asked for.

    Costs one LIST per 1,000 keys, no HEAD, and one SQL statement per page that holds recent keys. With a queue of events it costs
    one HEAD per announced key instead, and the bucket is listed only now and then.
    """
    if archive.ledger.uploads.due_collections(archive.settings.retrigger_seconds, 1):
        return True
    if archive.queue is not None and ingest_events.has_new_uploads(archive, archive.queue):
        return True
    if not _is_sweep_due(archive):
        return False
    sweep = _Sweep(archive)
    found = any(sweep.unknown_pages())
    if not found:
        sweep.complete()
    return found


def ingest_uploads(archive: Archive) -> IngestResult:
    """Take every unknown upload into the ledger and name the collections that have work to do."""
    taken = IngestResult([], 0, 0)
    if archive.queue is not None:
        for announced in ingest_events.announcements(archive, archive.queue):
            taken = _take_in(archive, announced.uploads, taken)
            archive.queue.delete(announced.messages)
    if _is_sweep_due(archive):
        sweep = _Sweep(archive)
        for page in sweep.unknown_pages():
            taken = _take_in(archive, page, taken)
        sweep.complete()
    due = archive.ledger.uploads.due_collections(archive.settings.retrigger_seconds, MOST_COLLECTIONS)
    # marked before the runs exist: a trigger that gets lost is repeated after `retrigger_seconds`, never at once and for ever
    archive.ledger.uploads.mark_triggered(due)
    return replace(taken, collection_ids=due)


def _take_in(archive: Archive, page: Sequence[StoredObject], taken: IngestResult) -> IngestResult:
    """Take some uploads into the ledger and add them up."""
    batch = _parse(page)
    _refuse_other_spelling(archive, batch)
    frames, twins = archive.ledger.uploads.register_frames(batch.frame_rows())
    _open_to_the_public(archive, batch.scans)
    # after that: what is in the ledger is not looked at again
    archive.ledger.uploads.register_scans(batch.scan_rows())
    refused = taken.refused + batch.refused() + [_refused(key, fault) for key, fault in twins.items()]
    return IngestResult([], taken.frames + frames, taken.scans + len(batch.scans), refused)


def _is_sweep_due(archive: Archive) -> bool:
    """Tell whether the bucket is to be listed: always, but with events only every `sweep_seconds`."""
    if archive.queue is None:
        return True
    known_until = archive.ledger.uploads.watermark().known_until
    margin = dt.timedelta(seconds=archive.settings.watermark_margin_seconds)
    pause = dt.timedelta(seconds=archive.settings.sweep_seconds)
    return known_until is None or dt.datetime.now(dt.UTC) - (known_until + margin) >= pause


class _Sweep:
    """One pass over the bucket, and the watermark it may leave behind."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._old = archive.ledger.uploads.watermark()
        self._started: dt.datetime | None = None
        self._unsettled: dt.datetime | None = None
        self._full = False

    def unknown_pages(self) -> Iterator[list[StoredObject]]:
        """Yield the settled uploads the ledger does not know, never an empty list."""
        for page in self._archive.store.pages():
            if self._started is None:
                self._begin(page.at)
            candidates = [
                o for o in page.objects if keys.is_upload(o.key) and self._is_recent(o) and is_storable(o.key)
            ]
            settled = [o for o in candidates if self._is_settled(o, page)]
            unknown = self._archive.ledger.uploads.unknown(settled) if settled else set()
            if unknown:
                yield [o for o in settled if o.key in unknown]

    def complete(self) -> None:
        """Move the watermark forward, but not past an upload that is not settled yet."""
        if self._started is None:
            return
        mark = self._started - dt.timedelta(seconds=self._archive.settings.watermark_margin_seconds)
        known_until = min(filter(None, [mark, self._unsettled]))
        self._archive.ledger.uploads.set_watermark(Watermark(known_until, self._started if self._full else None))

    def _begin(self, at: dt.datetime) -> None:
        self._started = at
        period = dt.timedelta(seconds=self._archive.settings.full_sweep_seconds)
        self._full = self._old.full_at is None or at - self._old.full_at >= period

    def _is_recent(self, upload: StoredObject) -> bool:
        # a full sweep looks at every key: a multipart upload is dated by its beginning, which may be days ago
        return self._full or self._old.known_until is None or upload.last_modified >= self._old.known_until

    def _is_settled(self, upload: StoredObject, page: Listing) -> bool:
        age = page.at - upload.last_modified
        if upload.size or age >= dt.timedelta(seconds=self._archive.settings.settle_seconds):
            return True
        self._unsettled = min(filter(None, [self._unsettled, upload.last_modified]))
        return False


@dataclass(slots=True)
class _Batch:
    """The uploads of one page, parsed."""

    frames: list[tuple[StoredObject, UploadKey]] = field(default_factory=list)
    scans: list[tuple[StoredObject, UploadKey]] = field(default_factory=list)
    faults: list[tuple[StoredObject, InvalidFrameError]] = field(default_factory=list)

    def frame_rows(self) -> list[dict[str, Any]]:
        """Rows for the ledger; refused names are rows too, so that nothing disappears."""
        return [_frame_row(*frame) for frame in self.frames] + [_refused_row(*fault) for fault in self.faults]

    def scan_rows(self) -> list[dict[str, Any]]:
        return [
            {"key": o.key, "collection_id": u.collection.id, "bands": u.bands, "stem": u.stem, **_version(o)}
            for o, u in self.scans
        ]

    def refused(self) -> list[RejectedFrame]:
        empty = [(o, InvalidFrameError(Reason.EMPTY, NO_BYTES)) for o, _ in self.frames if not o.size]
        return [_refused(o.key, fault) for o, fault in self.faults + empty]


def _refused(key: str, fault: InvalidFrameError) -> RejectedFrame:
    return RejectedFrame(key, fault.reason, fault.detail, fault.advice)


def _parse(objects: Sequence[StoredObject]) -> _Batch:
    batch = _Batch()
    for stored in objects:
        try:
            upload = keys.parse_upload(stored.key)
        except InvalidFrameError as fault:
            batch.faults.append((stored, fault))
            continue
        (batch.frames if upload.stage == Stage.GEOREF else batch.scans).append((stored, upload))
    return batch


def _refuse_other_spelling(archive: Archive, batch: _Batch) -> None:
    """Refuse uploads whose folders differ from the collection's only in case; their service would be the same."""
    collections = {u.collection for _, u in batch.frames + batch.scans}
    known = archive.ledger.uploads.register_collections(sorted(collections, key=lambda c: c.service_name))

    def fits(upload: UploadKey) -> bool:
        return known[upload.collection.id] == upload.collection.service_name

    for group in (batch.frames, batch.scans):
        for stored, upload in [entry for entry in group if not fits(entry[1])]:
            group.remove((stored, upload))
            spelling = known[upload.collection.id]
            detail = f"{stored.key!r}: this collection is written {spelling}, with other capital letters"
            batch.faults.append((stored, InvalidFrameError(Reason.BAD_NAME, detail)))


def _open_to_the_public(archive: Archive, scans: Sequence[tuple[StoredObject, UploadKey]]) -> None:
    if archive.settings.public_acl:
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


def _refused_row(stored: StoredObject, fault: InvalidFrameError) -> dict[str, Any]:
    return {
        "source_key": stored.key,
        "state": State.REJECTED,
        "reason": fault.reason,
        "detail": fault.detail,
        **_version(stored),
    }
