"""Cells of overviews, and the pictures of collections: repair what the comparison found, read cells again, delete retired ones."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from cogmill.domain import keys
from cogmill.ledger.findings import Finding
from cogmill.maintenance.checks import quarantine_key
from cogmill.maintenance.reading import read_again
from cogmill.pipeline import withdraw
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

MAX_CELLS = 5000
"""Retired cells deleted in one run; the rest waits for the next night."""


def build_missing(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Forget cells that are gone; the next run of their collection builds them."""
    gone = [finding.subject for finding in findings if archive.store.find(finding.subject) is None]
    yield from ((key, "forgotten, the next run builds it again") for key in archive.ledger.overview_cells.forget(gone))


def build_damaged(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Read cells that seem to be damaged, and have those built again that are."""
    stored = archive.ledger.overview_cells.hashes([finding.subject for finding in findings])
    bad = [each.key for each in read_again(archive.store, stored) if not each.is_right]
    return rebuild_damaged_cells(archive, bad)


def rebuild_damaged_cells(archive: Archive, cell_keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Move damaged cells to quarantine and forget them; the next run of their collection builds them.

    Moved first: a run in between would find the damaged object where it wants to store the right one.
    """
    for key in cell_keys:
        target = quarantine_key(key, archive.store.place.prefix)
        archive.store.move(key, target)
        archive.ledger.overview_cells.forget([key])
        yield key, f"moved to {target}, the next run builds it again"


def retire_orphans(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Let the grace period begin of cells that nothing names."""
    archive.ledger.overview_cells.retire_unnamed([finding.subject for finding in findings])
    yield from ((finding.subject, "will be deleted after COGMILL_RETIRED_COG_DAYS") for finding in findings)


def withdraw_orphans(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Retire the overviews of services that were withdrawn."""
    for finding in findings:
        if archive.ledger.collections.state(finding.subject).mapfile_sha256 is None:
            withdraw.withdraw_overviews(archive, finding.subject)
            yield finding.subject, "overviews withdrawn"


def draw_pictures_again(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Let the next run of collections store their pictures."""
    for finding in findings:
        if any(archive.store.find(key) is None for key in keys.thumbnail_keys(finding.subject)):
            archive.ledger.overview_cells.update_again([finding.subject])
            yield finding.subject, "the next run stores them"


def delete_retired_cells(archive: Archive, grace_s: float) -> list[str]:
    """Delete cells that have been retired for the grace period; return their keys."""
    # forgotten first: a run that wants one of them again finds it gone and builds it
    due = archive.ledger.overview_cells.forget_retired(grace_s, MAX_CELLS)
    for key in due:
        archive.store.delete(key)
    log.info("cells_deleted count=%d", len(due))
    return due
