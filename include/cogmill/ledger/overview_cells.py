"""Cells of the overviews of collections: what they show, and one change of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogmill.domain.geo import Bounds3857
from cogmill.ledger.connection import Part, Row, as_json


@dataclass(frozen=True, slots=True)
class OverviewState:
    """Where the overviews of a collection stand."""

    public: bool
    """The service has a mapfile."""
    revision: int
    """Of the tile index."""
    overview_revision: int
    """Of the tile index when the cells were written."""
    levels: list[int]
    """Finest first; none when the collection has no cells."""
    mapfile_levels: list[int]
    """Levels that the published mapfile draws; others than `levels` when a run was killed before it published."""
    traceable: bool
    """The history tells what changed since `overview_revision`."""
    frames: int
    """Index rows now."""
    changed: int
    """Index rows that changed since `overview_revision`, as far as the history tells."""
    more_to_come: bool
    """Frames of the collection wait to be built."""


@dataclass(frozen=True, slots=True)
class IndexedRectangle:
    """A COG and the rectangle around its valid pixels."""

    key: str
    bounds: Bounds3857
    acquired: dt.date | None


@dataclass(frozen=True, slots=True)
class ShownCell:
    """One row that MapServer reads."""

    oid: int
    level: int
    x: int
    y: int
    acquired: dt.date | None
    all_days: bool
    key: str
    bounds: Bounds3857
    """Rectangle around its valid pixels."""


class OverviewCells(Part):
    """The overview index of collections."""

    def state(self, collection_id: str) -> OverviewState:
        """Return where the overviews of a collection stand."""
        (row,) = self._rows("overview_state", collection_id=collection_id)
        return OverviewState(**row)

    def typical_frame(self, collection_id: str) -> tuple[float, float]:
        """Return width and pixel size of the middle frame, in EPSG:3857 meters; the collection has frames."""
        (row,) = self._rows("typical_frame", collection_id=collection_id)
        return row["width_m"], row["gsd_m"]

    def changed_bounds(self, collection_id: str, since: int) -> list[Bounds3857]:
        """Return where the tile index changed since a revision."""
        return [_bounds(row) for row in self._rows("changed_bounds", collection_id=collection_id, revision=since)]

    def all_bounds(self, collection_id: str) -> list[Bounds3857]:
        """Return the rectangle of every frame in the tile index."""
        return [_bounds(row) for row in self._rows("all_bounds", collection_id=collection_id)]

    def frames_in(self, collection_id: str, bounds: Bounds3857) -> list[IndexedRectangle]:
        """Return the frames that reach into a rectangle, in drawing order."""
        west, south, east, north = bounds
        edges = {"west": west, "south": south, "east": east, "north": north}
        rows = self._rows("frames_in", collection_id=collection_id, **edges)
        return [IndexedRectangle(row["key"], _bounds(row), row["acquired"]) for row in rows]

    def all(self, collection_id: str) -> list[ShownCell]:
        """Return every cell that MapServer reads, ordered by level, y, x and day."""
        return [_cell(row) for row in self._rows("overview_cells", collection_id=collection_id)]

    def levels(self, collection_id: str) -> list[int]:
        """Return the levels of a collection, finest first."""
        rows = self._rows("overview_levels", collection_id=collection_id)
        return [level for row in rows for level in row["levels"]]

    def change(  # noqa: PLR0913 - two sets of rows and what they stand for
        self,
        collection_id: str,
        *,
        root: str,
        shown: Collection[int],
        gone: Sequence[int],
        added: Sequence[Mapping[str, Any]],
        taken_back: Sequence[str],
        levels: Sequence[int],
        revision: int,
    ) -> bool:
        """Change the cells in one transaction; readers see all of it or nothing.

        Args:
            collection_id: Whose cells.
            root: `/vsis3/<bucket>/`, what locations begin with.
            shown: Numbers of all rows that the change was worked out from.
            gone: Numbers of the rows that leave.
            added: New rows: `level`, `x`, `y`, `acquired`, `all_days`, `key`, `size`, `sha256`, `west`, `south`, `east`, `north`.
            taken_back: Keys of those new rows that were not built but shown before, see `retired`.
            levels: The levels from now on, finest first. Rows of others may stay for a while: hosts still read the old mapfile.
            revision: The revision of the tile index that the cells show now.

        Returns:
            False when the cells are others meanwhile, because of another run or of maintenance, when a cell that was to be taken
            back has been deleted, or when the service was withdrawn; nothing was changed then.
        """
        with self._transaction():
            self._rows("lock_collection", collection_id=collection_id)
            found = {row["oid"] for row in self._rows("shown_cells", collection_id=collection_id)}
            held = {row["key"] for row in self._rows("hold_retired_cells", keys=list(taken_back))}
            about = {"collection_id": collection_id, "levels": list(levels), "revision": revision}
            if found != set(shown) or not held.issuperset(taken_back):
                return False
            if not self._rows("set_overview_revision", **about):
                return False
            self._rows("delete_cells", oids=list(gone))
            self._rows("insert_cells", collection_id=collection_id, root=root, rows=as_json(added))
        return True

    def note_stored(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember cells that are stored and not shown yet, as `change` takes them; unless they are shown, they are deleted later."""
        self._rows("note_stored_cells", rows=as_json(rows))

    def retired(self, keys: Sequence[str]) -> list[Row]:
        """Return the rows of cells that are stored and not shown, as `change` takes them."""
        return [row["shown"] for row in self._rows("retired_cells", keys=list(keys))]

    def clear(self, collection_id: str) -> None:
        """Take all cells of a collection out of what is shown; the service that drew from them is gone."""
        with self._transaction():
            self._rows("lock_collection", collection_id=collection_id)
            gone = [row["oid"] for row in self._rows("clear_cells", collection_id=collection_id)]
            self._rows("delete_cells", oids=gone)

    def retire_unnamed(self, keys: Sequence[str]) -> None:
        """Put objects that no row names on the list of those to be deleted later."""
        self._rows("retire_unnamed_cells", keys=list(keys))

    def hashes(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the sha256 that shown cells were stored with, by key."""
        return {row["key"]: row["sha256"] for row in self._rows("cell_hashes", keys=list(keys))}

    def forget(self, keys: Sequence[str]) -> list[str]:
        """Forget cells whose object is gone, and have them built again; return their keys."""
        with self._transaction():
            gone = self._rows("forget_cells", keys=list(keys))
            self.update_again(sorted({row["collection_id"] for row in gone}))
        return [row["key"] for row in gone]

    def update_again(self, collection_ids: Sequence[str]) -> None:
        """Let the next run of these collections look at every cell; it builds only what is missing."""
        self._rows("update_overviews_again", collection_ids=list(collection_ids))

    def due_audit(self, nights: int) -> dict[str, str]:
        """Return the sha256 of the cells whose turn it is to be read again by key, those not read for longest first."""
        return {row["key"]: row["sha256"] for row in self._rows("due_cell_audit", nights=nights)}

    def mark_audited(self, keys: Sequence[str]) -> None:
        """Record that these cells were read and are right."""
        self._rows("mark_cells_audited", keys=list(keys))

    def forget_retired(self, grace_s: float, at_most: int) -> list[str]:
        """Forget retired cells whose time is up and which nothing names again; return their keys, which are to be deleted."""
        return [row["key"] for row in self._rows("forget_retired_cells", grace_s=grace_s, at_most=at_most)]


def _bounds(row: Row) -> Bounds3857:
    return Bounds3857(row["west"], row["south"], row["east"], row["north"])


def _cell(row: Row) -> ShownCell:
    numbers = (row["oid"], row["level"], row["x"], row["y"])
    return ShownCell(*numbers, row["acquired"], row["all_days"], row["key"], _bounds(row))
