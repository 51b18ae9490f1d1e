"""Names of files as patterns, one rule for each kind of file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cogmill.domain.errors import ConfigurationError, InvalidFrameError, Reason
from cogmill.domain.layout.dates import DateRules, Days
from cogmill.domain.layout.kinds import Product
from cogmill.domain.layout.patterns import Pattern

FIELDS = ("date", "roll", "frame")
"""Parts of names that the ledger keeps, and every service shows."""


class FolderParts(NamedTuple):
    """What the folders of a key say, in the ledger's words."""

    bands: str
    """A value of `Bands`."""
    folder: str
    """The place as written: one folder, several, or empty."""
    agency: str
    year: str
    product: str
    """A value of `Product`."""
    stage: str
    """A value of `Stage`."""


class NameParts(NamedTuple):
    """What the name of a frame's file says."""

    date: str
    roll: str
    frame: str
    days: Days | None
    """First and last possible day; None when nothing tells a year."""
    scan_stem: str | None
    """Stem of its raw scan; None for what has none."""


@dataclass(frozen=True, eq=False)
class NameRule:
    """How the files of some collections are named. The first rule whose conditions hold is the one that counts."""

    patterns: tuple[Pattern, ...]
    """Accepted names without extension; the first that fits counts."""
    says: str
    """What is said of a name that fits none, behind the name: `is not <date>_<roll>-<frame>`."""
    products: frozenset[Product] = frozenset(Product)
    agencies: frozenset[str] = frozenset()
    """Agencies in capital letters; empty: all of them."""
    place: str = ""
    """Regular expression that the place must fit, capital letters or not; empty: any place."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Values of `FIELDS`, where the name does not tell them."""
    scan: Pattern | None = None
    """Stem of the raw scan, of the parts of the name; None: the name itself."""
    has_scan: bool = True
    """Whether there are raw scans at all."""

    def check(self) -> None:
        """Raise ConfigurationError unless every pattern can be read, and tells all fields that are not fixed."""
        for pattern in self.patterns:
            pattern.expression  # noqa: B018 - which compiles it
            missing = [name for name in FIELDS if name not in (*pattern.parts, *self.fixed)]
            if missing:
                raise ConfigurationError(
                    f"{pattern.text!r}: {', '.join(missing)} must be a part of it, or have a fixed value"
                )
            unknown = sorted(set(self.scan.parts) - set(pattern.parts)) if self.scan else []
            if unknown:
                raise ConfigurationError(
                    f"{pattern.text!r}: the scan's name needs {', '.join(unknown)}, which is no part of it"
                )

    def holds_for(self, where: FolderParts) -> bool:
        """Tell whether files in some folders are named by this rule."""
        return (
            where.product in self.products
            and (not self.agencies or where.agency.upper() in self.agencies)
            and (not self.place or re.fullmatch(self.place, where.folder, re.IGNORECASE) is not None)
        )

    def read(self, stem: str, where: FolderParts, dates: DateRules) -> NameParts:
        """Return what a name says.

        Raises:
            InvalidFrameError: `bad_name`: it fits no pattern, or its date is one that the archive rejects.
        """
        for pattern in self.patterns:
            parts = pattern.read(stem)
            if parts is not None:
                break
        else:
            raise InvalidFrameError(Reason.BAD_NAME, f"{stem!r} {self.says}")
        date, roll, frame = (parts.get(name) or self.fixed.get(name, "") for name in FIELDS)
        days = dates.days(date, where.year) if parts.get("date") else dates.year_days(where.year)
        scan = self.scan.write(parts) if self.scan else stem
        return NameParts(date, roll, frame, days, scan if self.has_scan else None)
