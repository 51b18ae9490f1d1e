"""Overviews of a collection: plan the cells that its changes touch, build what is missing, and show them in one transaction.

The work follows the cells that changed frames touch, never the size of the collection. A cell's key follows from its members,
so whatever a run that was killed has stored is found again, and a cell that shows the same as before is not touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from cogmill.aws.s3 import PutOptions
from cogmill.domain import keys
from cogmill.ledger.overview_cells import OverviewState, ShownCell
from cogmill.overviews.build import BuiltCell
from cogmill.overviews.contents import Content, Member, contents, contents_of_cells
from cogmill.overviews.grid import MOST_FRAMES, Cell, cells, finest_level, levels, resolution
from cogmill.overviews.pool import build_cells
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.publish import publish_mapfile

log = logging.getLogger(__name__)

KEPT_FACTOR = 2.0
"""The finest level stays while the typical frame has not become this many times larger or smaller than the level is made for."""


NEW = -1
"""Number of a row that the ledger does not have yet."""


@dataclass(frozen=True, slots=True)
class OverviewChange:
    """What became of the overviews of a collection."""

    levels: list[int]
    """Levels that have cells now, finest first."""
    built: int = 0
    """Cells that were made."""
    kept: int = 0
    """Cells that show the same as before."""
    removed: int = 0
    """Cells that nothing shows any more."""
    bytes_written: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Pyramid:
    """The cells of a collection while they are worked out, level by level."""

    shown: dict[Cell, list[ShownCell]]
    """What MapServer reads now."""
    next: dict[Cell, list[ShownCell]] = field(default_factory=dict)
    """What it is to read; a cell that is not in here stays as it is."""
    added: list[dict[str, Any]] = field(default_factory=list)
    kept: int = 0

    def of_level(self, level: int) -> Iterator[ShownCell]:
        """Yield the cells of a level as they are to be."""
        for cell in {**self.shown, **self.next}:
            if cell.level == level:
                yield from self.now(cell)

    def of(self, level: int) -> set[Cell]:
        """Return the places of a level that have cells now."""
        return {cell for cell in self.shown if cell.level == level}

    def now(self, cell: Cell) -> list[ShownCell]:
        """Return what a cell is to show."""
        return self.next.get(cell, self.shown.get(cell, []))

    def gone(self) -> list[int]:
        """Return the numbers of the rows that leave."""
        kept = {row.oid for rows in self.next.values() for row in rows}
        return [row.oid for cell in self.next for row in self.shown.get(cell, []) if row.oid not in kept]


def update_overviews(archive: Archive, collection_id: str) -> OverviewChange:
    """Bring the overviews of a collection to what its tile index says.

    Raises:
        ServiceUnavailableError: S3 or the ledger went away; what is shown stays as it was.
        VerificationError: A cell is not what was to be written; what is shown stays as it was.
    """
    begun = time.monotonic()
    while True:
        state = archive.ledger.overview_cells.state(collection_id, MOST_FRAMES)
        if state.overview_revision == state.revision:
            return OverviewChange(state.levels)
        wanted = _levels(archive, collection_id, state)
        pyramid = _worked_out(archive, collection_id, state, wanted)
        shown = archive.ledger.overview_cells.change(
            collection_id,
            root=keys.gdal_path(archive.store.bucket, ""),
            gone=pyramid.gone(),
            added=pyramid.added,
            levels=wanted,
            revision=state.revision,
        )
        if shown:
            break
    if wanted != state.levels:
        publish_mapfile(archive, collection_id)
    return _told(collection_id, wanted, pyramid, time.monotonic() - begun)


def _told(collection_id: str, wanted: list[int], pyramid: _Pyramid, seconds: float) -> OverviewChange:
    """Log and return what a run did."""
    change = OverviewChange(
        levels=wanted,
        built=len(pyramid.added),
        kept=pyramid.kept,
        removed=len(pyramid.gone()),
        bytes_written=sum(row["size"] for row in pyramid.added),
        seconds=round(seconds, 1),
    )
    log.info("overviews_updated collection=%s %s", collection_id, change)
    return change


def _levels(archive: Archive, collection_id: str, state: OverviewState) -> list[int]:
    """Return the levels that a collection needs, finest first; none when its frames are few."""
    extent = archive.ledger.collections.service_facts(collection_id).extent
    if not state.wanted or extent is None:
        return []
    finest = finest_level(*archive.ledger.overview_cells.typical_frame(collection_id))
    if state.levels and 1 / KEPT_FACTOR <= resolution(finest) / resolution(state.levels[0]) <= KEPT_FACTOR:
        finest = state.levels[0]
    return levels(finest, extent)


def _worked_out(archive: Archive, collection_id: str, state: OverviewState, wanted: list[int]) -> _Pyramid:
    """Return the pyramid as it is to be, with every cell that it needs stored.

    Cells of levels that are no longer wanted stay until the next run: map hosts may still hold the mapfile that draws them.
    """
    rows = archive.ledger.overview_cells.all(collection_id)
    by_cell = groupby(rows, key=_cell)
    pyramid = _Pyramid({cell: list(found) for cell, found in by_cell})
    for cell in pyramid.shown:
        if cell.level not in {*wanted, *state.levels}:
            pyramid.next[cell] = []
    facts = archive.ledger.collections.service_facts(collection_id)
    run = _Run(archive, collection_id, pyramid, by_day=not facts.undated)
    known = state.traceable and state.overview_revision > 0 and wanted[:1] == state.levels[:1]
    touched = set(_touched(archive, collection_id, state, wanted[0], known=known)) if wanted else set()
    for finer, level in zip([None, *wanted], wanted, strict=False):
        if finer is not None and not (known and level in state.levels):
            touched = {_cell(row).parent for row in pyramid.of_level(finer)} | pyramid.of(level)
        touched = run.renew(sorted(touched), finer)
    return pyramid


def _touched(archive: Archive, collection_id: str, state: OverviewState, finest: int, *, known: bool) -> Iterable[Cell]:
    """Yield the cells of the finest level where the tile index has changed since the cells were written; else all."""
    index = archive.ledger.overview_cells
    changed = index.changed_bounds(collection_id, state.overview_revision) if known else index.all_bounds(collection_id)
    return (cell for bounds in changed for cell in cells(finest, bounds))


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of one collection's overviews."""

    archive: Archive
    collection_id: str
    pyramid: _Pyramid
    by_day: bool

    def renew(self, touched: Sequence[Cell], finer: int | None) -> set[Cell]:
        """Work out the touched cells of one level; return the cells of the next level that this touches.

        Args:
            touched: Cells of the level.
            finer: The level whose cells they show; None at the finest, which shows frames.
        """
        wanted = {cell: self._contents(cell, finer) for cell in touched}
        known = {row.key: row for cell in touched for row in self.pyramid.shown.get(cell, [])}
        missing = [each for found in wanted.values() for each in found if each.key(self.collection_id) not in known]
        known |= self._build(missing)
        for cell, found in wanted.items():
            rows = [known[key] for each in found if (key := each.key(self.collection_id)) in known]
            self.pyramid.kept += sum(row.oid != NEW for row in rows)
            self.pyramid.next[cell] = rows
        changed = [
            cell for cell in touched if _keys(self.pyramid.next[cell]) != _keys(self.pyramid.shown.get(cell, []))
        ]
        return {cell.parent for cell in changed}

    def _contents(self, cell: Cell, finer: int | None) -> list[Content]:
        """Return what a cell is to show: frames at the finest level, cells of the next finer one above it."""
        if finer is None:
            frames = self.archive.ledger.overview_cells.frames_in(self.collection_id, cell.bounds)
            members = [Member(frame.key, frame.bounds, frame.acquired) for frame in frames]
            return contents(cell, members, by_day=self.by_day)
        inside = [row for row in self.pyramid.of_level(finer) if _cell(row).parent == cell]
        inside.sort(key=lambda row: (row.y, row.x))
        whole = [Member(row.key, row.bounds, row.acquired) for row in inside if row.all_days]
        of_days = [Member(row.key, row.bounds, row.acquired) for row in inside if row.acquired is not None]
        return contents_of_cells(cell, whole, of_days, by_day=self.by_day)

    def _build(self, missing: Sequence[Content]) -> dict[str, ShownCell]:
        """Store the cells that are not there yet; return them by key. Cells without valid pixels are left out."""
        store, settings = self.archive.store, self.archive.settings

        def keep(content: Content, built: BuiltCell, source: Path) -> None:
            store.create(content.key(self.collection_id), source, built.sha256, PutOptions("image/tiff"))

        finished = build_cells(missing, store.read, keep, settings.build_processes * settings.build_threads)
        rows = [self._shown(content, built) for content, built in finished if built is not None]
        return {row.key: row for row in rows}

    def _shown(self, content: Content, built: BuiltCell) -> ShownCell:
        """Note a cell that was stored as one that is to be shown."""
        key, cell = content.key(self.collection_id), content.cell
        edges = dict(zip(("west", "south", "east", "north"), built.bounds, strict=True))
        place = {"level": cell.level, "x": cell.x, "y": cell.y}
        shown = {"acquired": content.acquired, "all_days": content.all_days, "key": key}
        self.pyramid.added.append({**place, **shown, **edges, "size": built.size, "sha256": built.sha256})
        return ShownCell(NEW, cell.level, cell.x, cell.y, content.acquired, content.all_days, key, built.bounds)


def _cell(row: ShownCell) -> Cell:
    return Cell(row.level, row.x, row.y)


def _keys(rows: Iterable[ShownCell]) -> set[str]:
    return {row.key for row in rows}
