"""The cells of a collection while they are worked out: what is shown now, and what is to be shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cogmill.domain.geo import Bounds3857
from cogmill.ledger.overview_cells import ShownCell
from cogmill.overviews.build import BuiltCell
from cogmill.overviews.contents import Content, Member
from cogmill.overviews.grid import Cell

NEW = -1
"""Number of a row that the ledger does not have yet."""


@dataclass(slots=True)
class Pyramid:
    """The cells of a collection while they are worked out, level by level."""

    shown: dict[Cell, list[ShownCell]]
    """What MapServer reads now."""
    next: dict[Cell, list[ShownCell]] = field(default_factory=dict)
    """What it is to read; a cell that is not in here stays as it is."""
    added: list[Mapping[str, Any]] = field(default_factory=list)
    """Rows that come."""
    taken_back: list[str] = field(default_factory=list)
    """Keys of those that were shown once and need not be built."""
    kept: int = 0

    def of_level(self, level: int) -> Iterator[ShownCell]:
        """Yield the cells of a level as they are to be."""
        for cell in {**self.shown, **self.next}:
            if cell.level == level:
                yield from self.next.get(cell, self.shown.get(cell, []))

    def of(self, level: int) -> set[Cell]:
        """Return the places of a level that have cells now."""
        return {cell for cell in self.shown if cell.level == level}

    def gone(self) -> list[int]:
        """Return the numbers of the rows that leave."""
        kept = {row.oid for rows in self.next.values() for row in rows}
        return [row.oid for cell in self.next for row in self.shown.get(cell, []) if row.oid not in kept]

    def add(self, row: Mapping[str, Any]) -> ShownCell:
        """Note a row that is to be shown, as `OverviewCells.change` takes it."""
        self.added.append(row)
        acquired = row["acquired"]
        day = dt.date.fromisoformat(acquired) if isinstance(acquired, str) else acquired
        edges = Bounds3857(row["west"], row["south"], row["east"], row["north"])
        return ShownCell(NEW, row["level"], row["x"], row["y"], day, row["all_days"], row["key"], edges)


def row_of(content: Content, key: str, built: BuiltCell) -> dict[str, Any]:
    """Return the row of a cell that was built, as `OverviewCells.change` takes it."""
    edges = dict(zip(("west", "south", "east", "north"), built.bounds, strict=True))
    place = {"level": content.cell.level, "x": content.cell.x, "y": content.cell.y}
    shown = {"acquired": content.acquired, "all_days": content.all_days, "key": key}
    return {**place, **shown, **edges, "size": built.size, "sha256": built.sha256}


def member_of(row: ShownCell) -> Member:
    """Return a cell as what a coarser one shows."""
    return Member(row.key, row.bounds, row.acquired)


def cell_of(row: ShownCell) -> Cell:
    """Return the square of a row."""
    return Cell(row.level, row.x, row.y)


def keys_of(rows: Iterable[ShownCell]) -> set[str]:
    """Return the keys of rows."""
    return {row.key for row in rows}
