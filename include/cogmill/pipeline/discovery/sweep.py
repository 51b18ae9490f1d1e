"""Sweep the bucket: list it and find the uploads that the ledger does not know."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Self

from cogmill.aws.listing import Listing
from cogmill.domain.model import StoredObject
from cogmill.domain.screening import MAX_KEY_BYTES, derived_folder, is_upload, key_fault
from cogmill.ledger.uploads import ListingAccount, Watermark
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

MOST_DEBT_S = 60.0
"""A small bucket is listed at every check: only requests that take more than a minute of the hourly budget delay the next sweep."""


def is_sweep_due(archive: Archive, account: ListingAccount) -> bool:
    """Tell whether the bucket is to be listed: as often as the budget allows, but with events only every `sweep_seconds`."""
    if account.debt_s > MOST_DEBT_S:
        return False
    pause_s = 0 if archive.queue is None else archive.settings.sweep_seconds
    return account.idle_s is None or account.idle_s >= pause_s


def ledger_can_hold(key: str) -> bool:
    """Tell whether the ledger can hold a key, and name one that it cannot in the log, with its odd characters escaped.

    To be asked wherever keys from S3 are about to meet the ledger, about those alone: one of them must stop nothing else.
    """
    fault = key_fault(key)
    if fault:
        log.warning("key_left_out key=%s fault=%s; rename the file", ascii(key[:MAX_KEY_BYTES]), fault)
    return fault is None


class Sweep:
    """One pass over the bucket, the watermark it may leave behind, and what it costs.

    A context: at its end the requests are counted, however it ends. Folders in which no upload lies are passed over where that saves a
    request; what strangers leave there is maintenance's to find.
    """

    def __init__(self, archive: Archive, account: ListingAccount) -> None:
        self._archive = archive
        self._old = archive.ledger.uploads.watermark()
        self._begun = account.moment
        self._newest: dt.datetime | None = None
        self._unsettled: dt.datetime | None = None
        self._requests = 0
        self._completed = False
        period = dt.timedelta(seconds=archive.settings.full_sweep_seconds)
        self._full = self._old.full_at is None or self._begun - self._old.full_at >= period

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        per_hour = self._archive.settings.list_requests_per_hour
        self._archive.ledger.uploads.count_listing(self._requests, per_hour, wanted=not self._completed)

    def unknown_pages(self) -> Iterator[list[StoredObject]]:
        """Yield the settled uploads the ledger does not know, never an empty list."""
        self._requests += 1  # also one that is not answered
        for page in self._archive.store.pages(skip=derived_folder):
            self._newest = max(filter(None, [self._newest, *(o.last_modified for o in page.objects)]), default=None)
            candidates = [o for o in page.objects if is_upload(o.key) and self._is_recent(o) and ledger_can_hold(o.key)]
            settled = [o for o in candidates if self._is_settled(o, page)]
            unknown = self._archive.ledger.uploads.unknown(settled) if settled else set()
            if unknown:
                yield [o for o in settled if o.key in unknown]
            self._requests += 1
        self._requests -= 1

    def complete(self) -> None:
        """Move the watermark forward, but not past an upload that is not settled yet.

        It follows the newest object, not what an answer says the time is: one wrong clock among many servers would make the sweep blind.
        An object from the future does not either.
        """
        self._completed = True
        margin = dt.timedelta(seconds=self._archive.settings.watermark_margin_seconds)
        mark = min(self._newest, self._begun) - margin if self._newest else None
        known_until = min(filter(None, [mark, self._unsettled]), default=None)
        self._archive.ledger.uploads.set_watermark(Watermark(known_until, self._begun if self._full else None))

    def _is_recent(self, upload: StoredObject) -> bool:
        # a full sweep looks at every key: a multipart upload is dated by its beginning, which may be days ago
        return self._full or self._old.known_until is None or upload.last_modified >= self._old.known_until

    def _is_settled(self, upload: StoredObject, page: Listing) -> bool:
        age = min(page.at, self._begun) - upload.last_modified
        if upload.size or age >= dt.timedelta(seconds=self._archive.settings.settle_seconds):
            return True
        self._unsettled = min(filter(None, [self._unsettled, upload.last_modified]))
        return False
