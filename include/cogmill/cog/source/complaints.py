"""What decoders say about damaged blocks without failing: libjpeg and libtiff go on, and fill in what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from osgeo import gdal

DECODERS = re.compile(r"JPEGLib|\w+Decode|Corrupt|Premature")
"""Words of warnings that come from a decoder; others are about tags."""

HARMLESS = re.compile(r"Adobe color transform|Inconsistent progression")
"""Warnings of decoders about files that are sound."""


@dataclass(slots=True)
class Complaints:
    """What was heard, from any thread."""

    first: str = ""
    """Empty when nothing was heard."""
    count: int = 0

    def hear(self, severity: int, _number: int, message: str) -> None:
        """Note an error, or a warning of a decoder; GDAL calls this."""
        if severity < gdal.CE_Warning:
            return
        if severity == gdal.CE_Warning and (HARMLESS.search(message) or not DECODERS.search(message)):
            return
        self.first = self.first or message.strip()
        self.count += 1

    @property
    def text(self) -> str:
        """The first complaint, and how many more there were."""
        return self.first + (f" (and {self.count - 1} more)" if self.count > 1 else "")


@contextmanager
def listen() -> Iterator[Complaints]:
    """Collect what decoders complain about, in all threads, until the block ends.

    GDAL 3.6 calls the one handler in its own threads and the other in this one; 3.10 gathers what its threads say and says it here.
    """
    heard = Complaints()
    gdal.SetErrorHandler(heard.hear)
    gdal.PushErrorHandler(heard.hear)
    try:
        yield heard
    finally:
        gdal.PopErrorHandler()
        gdal.SetErrorHandler("CPLDefaultErrorHandler")
