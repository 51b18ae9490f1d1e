"""Sweep the bucket: list it and find the uploads that the ledger does not know."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from cogmill.aws.listing import Listing
from cogmill.domain.model import StoredObject
from cogmill.domain.screening import MAX_KEY_BYTES, derived_folder, is_wanted, key_fault
from cogmill.ledger.uploads import ListingAccount, SweepProgress, Watermark
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

MOST_DEBT_S = 60.0
"""A small bucket is listed at every check: only requests that take more than a minute of the hourly budget delay the next sweep."""


PART_S = 30.0
"""Longest part of a sweep: what the pages so far have brought is worked on before the bucket is listed to its end."""

PART_BESIDE_EVENTS_S = 10.0
"""The same where notifications are to be read in between."""


def is_sweep_due(archive: Archive, account: ListingAccount) -> bool:
    """Tell whether the bucket is to be listed: to finish a sweep, else as often as the budget allows, but with events only every `sweep_seconds`."""
    if account.wanted:
        return True
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
    """One part of a pass over the bucket, of a small one all of it, and the watermark that the whole may leave behind.

    A context: at its end the requests are counted and the position is kept, however it ends; the next part goes on from there. Folders
    in which no upload lies are passed over where that saves a request; what strangers leave there is maintenance's to find.
    """

    def __init__(self, archive: Archive, account: ListingAccount) -> None:
        self._archive = archive
        self._old = archive.ledger.uploads.watermark()
        self._now = account.moment
        period = dt.timedelta(seconds=archive.settings.full_sweep_seconds)
        full = self._old.full_at is None or self._now - self._old.full_at >= period
        self._progress = archive.ledger.uploads.sweep_progress() or SweepProgress(self._now, full)
        self._requests = 0
        self.completed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        uploads, per_hour = self._archive.ledger.uploads, self._archive.settings.list_requests_per_hour
        uploads.save_sweep(None if self.completed else self._progress)
        uploads.count_listing(self._requests, per_hour, wanted=not self.completed)

    def unknown_pages(self) -> Iterator[list[StoredObject]]:
        """Yield the settled uploads the ledger does not know, never an empty list.

        Who asks for the next page has recorded this one. The last page of the bucket completes the sweep.
        """
        taken, uploads, ends = self._archive.sidecars, self._archive.ledger.uploads, time.monotonic() + self._part_s()
        self._requests += 1  # also one that is not answered
        for page in self._archive.store.pages(skip=derived_folder, after=self._progress.reached):
            seen = self._seen(page)
            candidates = [
                o for o in page.objects if self._is_recent(o) and is_wanted(o.key, taken) and ledger_can_hold(o.key)
            ]
            settled = [o for o in candidates if self._is_settled(o, page)]
            unsettled = [o.last_modified for o in candidates if not self._is_settled(o, page)]
            unknown = uploads.unknown(settled) if settled else set()
            if unknown:
                yield [o for o in settled if o.key in unknown]
            self._progress = replace(seen, unsettled=min(filter(None, [seen.unsettled, *unsettled]), default=None))
            if page.more and time.monotonic() >= ends:
                return
            self._requests += 1
        self._requests -= 1
        self._complete()

    def _part_s(self) -> float:
        return PART_S if self._archive.queue is None else PART_BESIDE_EVENTS_S

    def _seen(self, page: Listing) -> SweepProgress:
        """Return the progress behind a page."""
        newest = max(filter(None, [self._progress.newest, *(o.last_modified for o in page.objects)]), default=None)
        reached = page.objects[-1].key if page.objects else self._progress.reached
        return replace(self._progress, newest=newest, reached=reached)

    def _complete(self) -> None:
        """Move the watermark forward, but not past an upload that is not settled yet.

        It follows the newest object, not what an answer says the time is: one wrong clock among many servers would make the sweep blind.
        An object from the future does not either.
        """
        self.completed = True
        done, margin = self._progress, dt.timedelta(seconds=self._archive.settings.watermark_margin_seconds)
        mark = min(done.newest, done.begun) - margin if done.newest else None
        known_until = min(filter(None, [mark, done.unsettled]), default=None)
        self._archive.ledger.uploads.set_watermark(Watermark(known_until, done.begun if done.full else None))

    def _is_recent(self, upload: StoredObject) -> bool:
        # a full sweep looks at every key: a multipart upload is dated by its beginning, which may be days ago
        return self._progress.full or self._old.known_until is None or upload.last_modified >= self._old.known_until

    def _is_settled(self, upload: StoredObject, page: Listing) -> bool:
        age = min(page.at, self._now) - upload.last_modified
        return bool(upload.size) or age >= dt.timedelta(seconds=self._archive.settings.settle_seconds)
