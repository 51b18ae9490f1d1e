"""Sweep the bucket: list it and find the uploads that the ledger does not know."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

from cogmill.aws.s3 import Listing
from cogmill.domain.model import StoredObject
from cogmill.domain.screening import MAX_KEY_BYTES, is_upload, key_fault
from cogmill.ledger.uploads import Watermark
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


def is_sweep_due(archive: Archive) -> bool:
    """Tell whether the bucket is to be listed: always, but with events only every `sweep_seconds`."""
    if archive.queue is None:
        return True
    known_until = archive.ledger.uploads.watermark().known_until
    margin = dt.timedelta(seconds=archive.settings.watermark_margin_seconds)
    pause = dt.timedelta(seconds=archive.settings.sweep_seconds)
    return known_until is None or dt.datetime.now(dt.UTC) - (known_until + margin) >= pause


def ledger_can_hold(key: str) -> bool:
    """Tell whether the ledger can hold a key, and name one that it cannot in the log, with its odd characters escaped.

    To be asked wherever keys from S3 are about to meet the ledger, about those alone: one of them must stop nothing else.
    """
    fault = key_fault(key)
    if fault:
        log.warning("key_left_out key=%s fault=%s; rename the file", ascii(key[:MAX_KEY_BYTES]), fault)
    return fault is None


class Sweep:
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
            candidates = [o for o in page.objects if is_upload(o.key) and self._is_recent(o) and ledger_can_hold(o.key)]
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
