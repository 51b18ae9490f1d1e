"""Cells of overviews: forget those that were lost, and delete those that nothing shows."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from cogmill.overviews.contents import PREFIX
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

MAX_CELLS = 5000
"""Retired cells deleted in one run; the rest waits for the next night."""

A_DAY = dt.timedelta(days=1)
"""A stored cell without a row may belong to a run that has not ended yet."""


@dataclass(frozen=True, slots=True)
class CellCleanup:
    """What was done about cells."""

    lost: list[str]
    """Keys whose object was gone; their collections build them again."""
    deleted: list[str]


def clean_up_cells(archive: Archive, grace_s: float) -> CellCleanup:
    """Compare the cells in the bucket with the overview index, and delete what has been retired for the grace period."""
    index = archive.ledger.overview_cells
    stored = [entry for page in archive.store.pages(PREFIX) for entry in page.objects]
    before = dt.datetime.now(dt.UTC) - A_DAY
    index.retire_unnamed([entry.key for entry in stored if entry.last_modified < before])
    # an empty listing is rather a wrong one than the loss of every cell
    lost = index.forget_lost([entry.key for entry in stored]) if stored else []
    # forgotten first: a run that wants one of them again finds it gone and builds it
    due = index.forget_retired(grace_s, MAX_CELLS)
    for key in due:
        archive.store.delete(key)
    log.info("cells_cleaned_up lost=%d deleted=%d", len(lost), len(due))
    return CellCleanup(lost, due)
