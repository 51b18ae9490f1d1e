"""Delete what nobody needs any more: replaced COGs, incomplete uploads, stale temporary folders."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from cogmill.cog.leftovers import remove_stale_folders, stale_folders
from cogmill.maintenance.cells import delete_retired_cells
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

MOST_COGS = 5000
"""Retired COGs deleted in one run; the rest waits for the next night."""

A_DAY_S = 86_400
"""Incomplete uploads are kept for this long."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted."""

    cogs: list[str]
    uploads: list[str]
    """Keys of aborted multipart uploads."""
    folders: list[str]
    """Folders on the host where this ran."""
    cells: list[str]
    """Keys of overview cells that nothing shows any more."""


def collect(archive: Archive, *, dry_run: bool = False) -> Collected:
    """Delete what is old enough. A COG that something names again is kept, whatever list it was on."""
    grace_s = archive.settings.retired_cog_days * A_DAY_S
    cogs = archive.ledger.findings.due_retired(grace_s, MOST_COGS)
    uploads: list[str] = []
    cells: list[str] = []
    folders = stale_folders()
    if not dry_run:
        cogs = [key for key in cogs if _delete_cog(archive, key)]
        archive.ledger.history.forget(grace_s)
        cells = delete_retired_cells(archive, grace_s)
        uploads = archive.store.abort_uploads(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=A_DAY_S))
        folders = remove_stale_folders()
    log.info("garbage_collected cogs=%d uploads=%d folders=%d", len(cogs), len(uploads), len(folders))
    return Collected(cogs, uploads, [str(folder) for folder in folders], cells)


def _delete_cog(archive: Archive, key: str) -> bool:
    """Delete a retired COG unless something has come to name it since the list was read; tell whether it was."""
    with archive.ledger.findings.deletion(key) as is_due:
        if is_due:
            archive.store.delete(key)
        return is_due
