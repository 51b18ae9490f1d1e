"""Keys that S3 holds and the ledger cannot: left out and named, so that one of them stops nothing else."""

from __future__ import annotations

import logging
import re

log = logging.getLogger(__name__)

_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL refuses in a text: S3 allows NUL in a key, and a notice may spell half of a surrogate pair."""


def is_storable(key: str) -> bool:
    """Tell whether the ledger can hold a key; one that it cannot is named in the log, with its odd letters escaped.

    Asked wherever keys from outside are about to meet the ledger, about those alone that would.
    """
    if not _NO_TEXT.search(key):
        return True
    log.warning("key_left_out key=%r fault=the ledger cannot hold this name; rename the file", key)
    return False
