"""Environment variables that look like a setting, and are none."""

from __future__ import annotations

import difflib
import logging
import os

log = logging.getLogger(__name__)


def warn_about_misspelled(known: set[str]) -> None:
    """Name in the log each variable `COGMILL_...` that is no setting and resembles one."""
    for name in sorted(os.environ):
        if name.startswith("COGMILL_") and name not in known:
            meant = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
            if meant:
                log.warning("setting_unknown name=%s did_you_mean=%s", name, meant[0])
