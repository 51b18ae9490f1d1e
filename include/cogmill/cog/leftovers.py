"""Private folders that vanished workers left in the temporary directory of this host: found, and removed after a day."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import tempfile
import time
from pathlib import Path

log = logging.getLogger(__name__)

A_DAY_S = 86_400
"""Folders that were touched less long ago may belong to work that is going on."""

NAMES = re.compile(r"cogmill-(?:verify-|proof-|index-|overviews-|outline-|compile-)?[a-z0-9_]{8}")
"""Names of the private folders; `proof-` is what releases up to 0.1 called `verify-`."""


def stale_folders() -> list[Path]:
    """Return the private folders on this host that have not been touched for a day."""
    limit, stale = time.time() - A_DAY_S, []
    for path in Path(tempfile.gettempdir()).iterdir():
        with contextlib.suppress(OSError):  # another task of this host has just removed it
            if NAMES.fullmatch(path.name) and path.is_dir() and not path.is_symlink() and path.stat().st_mtime < limit:
                stale.append(path)
    return sorted(stale)


def remove_stale_folders() -> list[Path]:
    """Remove what vanished workers left on this host, and return what is gone; what cannot be removed is left and named in the log."""
    folders = stale_folders()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        log.info("stale_folder_%s folder=%s", "left" if folder.exists() else "removed", folder)
    return [folder for folder in folders if not folder.exists()]
