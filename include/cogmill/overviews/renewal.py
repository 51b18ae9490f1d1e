"""Renew the cells of one level after another: what each is to show, from where, and which must be built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cogmill.aws.s3 import PutOptions, S3Store
from cogmill.domain.geo import Bounds3857
from cogmill.ledger.overview_cells import OverviewCells, ShownCell
from cogmill.overviews.build import BuiltCell
from cogmill.overviews.contents import Content, Member, contents, contents_of_cells
from cogmill.overviews.grid import Cell
from cogmill.overviews.pool import CellProcesses, build_cells
from cogmill.overviews.pyramid import NEW, Pyramid, cell_of, keys_of, member_of, row_of


@dataclass(frozen=True, slots=True)
class Renewal:
    """Works out what cells are to show, level by level, and provides what is missing."""

    index: OverviewCells
    store: S3Store
    collection_id: str
    pyramid: Pyramid
    by_day: bool
    """Clients may ask for a day, so each day needs pictures of its own."""
    processes: CellProcesses
    """Compose the cells of all levels."""

    def renew(self, touched: Sequence[Cell], finer: int | None) -> set[Cell]:
        """Work out the touched cells of one level; return the cells of the next level that this touches.

        Args:
            touched: Cells of the level.
            finer: The level whose cells they show; None at the finest, which shows frames.
        """
        wanted = {cell: self._contents(cell, finer) for cell in touched}
        known = {row.key: row for cell in touched for row in self.pyramid.shown.get(cell, [])}
        missing = [each for found in wanted.values() for each in found if each.key(self.collection_id) not in known]
        known |= self._provide(missing)
        for cell, found in wanted.items():
            rows = [known[key] for each in found if (key := each.key(self.collection_id)) in known]
            self.pyramid.kept += sum(row.oid != NEW for row in rows)
            self.pyramid.next[cell] = rows
        changed = [
            cell for cell in touched if keys_of(self.pyramid.next[cell]) != keys_of(self.pyramid.shown.get(cell, []))
        ]
        return {cell.parent for cell in changed}

    def _contents(self, cell: Cell, finer: int | None) -> list[Content]:
        """Return what a cell is to show: frames at the finest level, cells of the next finer one above it."""
        if finer is None:
            return contents(cell, frames_in(self.index, self.collection_id, cell.bounds), by_day=self.by_day)
        inside = [row for row in self.pyramid.of_level(finer) if cell_of(row).parent == cell]
        inside.sort(key=lambda row: (row.y, row.x))
        whole = [member_of(row) for row in inside if row.all_days]
        of_days = [member_of(row) for row in inside if row.acquired is not None]
        return contents_of_cells(cell, whole, of_days, by_day=self.by_day)

    def _provide(self, missing: Sequence[Content]) -> dict[str, ShownCell]:
        """Take or build the cells that are not shown yet; return them by key, without those that have no valid pixels.

        Whatever is stored is noted at once, so that it is found again when this process is killed.
        """
        stored = self.index.retired([each.key(self.collection_id) for each in missing])
        self.pyramid.taken_back.extend(row["key"] for row in stored)
        rows = {row["key"]: self.pyramid.add(row) for row in stored}

        def keep(content: Content, built: BuiltCell, source: Path) -> None:
            self.store.create(content.key(self.collection_id), source, built.sha256, PutOptions("image/tiff"))

        new = [each for each in missing if each.key(self.collection_id) not in rows]
        for content, built in build_cells(new, self.store.read, keep, self.processes):
            if built is not None:
                row = row_of(content, content.key(self.collection_id), built)
                self.index.note_stored([row])
                rows[row["key"]] = self.pyramid.add(row)
        return rows


def frames_in(index: OverviewCells, collection_id: str, bounds: Bounds3857) -> list[Member]:
    """Return the frames that reach into a rectangle, in drawing order."""
    frames = index.frames_in(collection_id, bounds)
    return [Member(frame.key, frame.bounds, frame.acquired) for frame in frames]
