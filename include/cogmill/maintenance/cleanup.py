"""Delete what nobody needs any more: replaced COGs, incomplete uploads, stale temporary folders."""

from __future__ import annotations

import datetime as dt
import logging
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cogmill.maintenance.cells import delete_retired_cells
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

MOST_COGS = 5000
"""Retired COGs deleted in one run; the rest waits for the next night."""

A_DAY_S = 86_400
"""Incomplete uploads and folders of vanished workers are kept for this long."""

TEMP = re.compile(r"cogmill-(?:verify-|proof-|index-|overviews-|outline-|compile-)?[a-z0-9_]{8}")
"""Names of the private folders that workers make in their temporary directory; `proof-` is what releases up to 0.1 called `verify-`."""


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
    folders = _stale_folders()
    if not dry_run:
        cogs = [key for key in cogs if _delete_cog(archive, key)]
        archive.ledger.history.forget(grace_s)
        cells = delete_retired_cells(archive, grace_s)
        uploads = archive.store.abort_uploads(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=A_DAY_S))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    log.info("garbage_collected cogs=%d uploads=%d folders=%d", len(cogs), len(uploads), len(folders))
    return Collected(cogs, uploads, [str(folder) for folder in folders], cells)


def _delete_cog(archive: Archive, key: str) -> bool:
    """Delete a retired COG unless something has come to name it since the list was read; tell whether it was."""
    with archive.ledger.findings.deletion(key) as is_due:
        if is_due:
            archive.store.delete(key)
        return is_due


def _stale_folders() -> list[Path]:
    """Return the private folders of workers on this host that have not been touched for a day."""
    limit = time.time() - A_DAY_S
    own = [path for path in Path(tempfile.gettempdir()).iterdir() if TEMP.fullmatch(path.name)]
    return sorted(path for path in own if path.is_dir() and not path.is_symlink() and path.stat().st_mtime < limit)
