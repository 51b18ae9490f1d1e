"""What the cells of a collection show, and under which keys: a cell's key follows from its members, so equal cells have equal keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cogmill.cog.fingerprint import cog_digest, recipe_digest
from cogmill.cog.profiles import PROFILES, Profile
from cogmill.domain import keys
from cogmill.domain.geo import Bounds3857
from cogmill.overviews.grid import Cell

VERSION = "1"
"""Raised with every change that alters the pixels of any cell."""

PROFILE: Profile = PROFILES["bw_jpeg"]
"""How cells are compressed, gray and color: they are looked at, never measured in."""


@dataclass(frozen=True, slots=True)
class Member:
    """A COG that a cell shows: a frame, or a cell of the next finer level."""

    key: str
    """Where it lies in the bucket; with the place in the drawing order all that a cell's bytes depend on."""
    bounds: Bounds3857
    """Rectangle around its valid pixels."""
    acquired: dt.date | None = None
    """Day of the photograph; None when it is not known, or when the member is a cell of several days."""


@dataclass(frozen=True, slots=True)
class Content:
    """One picture of a cell: of all days, or of one."""

    cell: Cell
    members: tuple[Member, ...]
    """In drawing order, never none."""
    acquired: dt.date | None
    """The day that it shows; None when it shows several, or undated frames."""
    all_days: bool
    """It shows every frame of the cell."""

    def key(self, collection_id: str) -> str:
        """Return the key of the cell's COG: `overviews/<id>/<level>/<x>_<y>.<digest>.tif`."""
        digest = cog_digest(VERSION, _fingerprint(), *(member.key for member in self.members))
        return f"{keys.OVERVIEWS}{collection_id}/{self.cell.level}/{self.cell.x}_{self.cell.y}.{digest}.tif"


@cache
def _fingerprint() -> str:
    """Return what besides version and members a cell's bytes depend on."""
    return recipe_digest(PROFILE)


def contents(cell: Cell, members: Sequence[Member], *, by_day: bool) -> list[Content]:
    """Return the pictures that a cell needs: one of all its members, and with dates one of each day.

    Args:
        cell: The cell.
        members: What lies in it, in drawing order.
        by_day: Clients may ask for a day, so each day needs a picture of its own.
    """
    dated = all(member.acquired is not None for member in members)
    return contents_of_cells(cell, members, members if dated else (), by_day=by_day)


def contents_of_cells(cell: Cell, whole: Sequence[Member], of_days: Sequence[Member], *, by_day: bool) -> list[Content]:
    """Return the pictures that a cell of a coarser level needs.

    Args:
        cell: The cell.
        whole: Pictures of all days of the finer cells in it, from north to south and west to east.
        of_days: Their pictures of a single day, in the same order; one that is of all days too stands in both.
        by_day: Clients may ask for a day, so each day needs a picture of its own.
    """
    if not whole:
        return []
    days = sorted({member.acquired for member in of_days if member.acquired is not None})
    alike = {member.acquired for member in whole}
    one_day = alike.pop() if by_day and len(alike) == 1 else None
    found = [Content(cell, tuple(whole), one_day, all_days=True)]
    if by_day and one_day is None:
        found += [_of_day(cell, of_days, day) for day in days]
    return found


def _of_day(cell: Cell, members: Sequence[Member], day: dt.date) -> Content:
    return Content(cell, tuple(m for m in members if m.acquired == day), day, all_days=False)
