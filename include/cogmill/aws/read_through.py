"""Read the body of an answer of S3 to its end, and hash it on the way."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

CHUNK = 1 << 20
"""Bytes read at a time."""


def read_through(body: Any, out: BinaryIO | None) -> tuple[str, int]:
    """Read a body to its end, into a file too where one is given; return the sha256 and number of its bytes."""
    found, size = hashlib.sha256(), 0
    for chunk in body.iter_chunks(CHUNK):
        found.update(chunk)
        size += len(chunk)
        if out:
            out.write(chunk)
    return found.hexdigest(), size
