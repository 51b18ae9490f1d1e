"""Overviews of a collection: plan the cells that its changes touch, build what is missing, and show them in one transaction.

The work follows the cells that changed frames touch, never the size of the collection. A cell's key follows from its members,
so whatever a run that was killed has stored is found again, and a cell that shows the same as before is not touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cogmill.aws.s3 import PutOptions
from cogmill.domain import keys
from cogmill.domain.geo import Bounds3857
from cogmill.ledger.overview_cells import OverviewState, ShownCell
from cogmill.overviews.build import BuiltCell
from cogmill.overviews.contents import Content, Member, contents, contents_of_cells
from cogmill.overviews.grid import MOST_FRAMES, Cell, cells, finest_level, levels, resolution
from cogmill.overviews.pool import build_cells
from cogmill.overviews.pyramid import NEW, Pyramid, cell_of, keys_of, member_of, row_of
from cogmill.overviews.thumbnail import draw_thumbnails
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.publish import publish_mapfile
from cogmill.pipeline.withdraw import withdraw_overviews

log = logging.getLogger(__name__)

KEPT_FACTOR = 2.0
"""The finest level stays while the typical frame has not become this many times larger or smaller than the level is made for."""

SHARE_WAITED_FOR = 0.5
"""While more frames of a collection wait to be built, its overviews wait until so many of its index rows have changed: what
thousands of frames in many batches cost stays a small multiple of building the overviews once."""


@dataclass(frozen=True, slots=True)
class OverviewChange:
    """What became of the overviews of a collection."""

    levels: list[int]
    """Levels that have cells now, finest first."""
    built: int = 0
    """Cells that were made."""
    kept: int = 0
    """Cells that show the same as before, and those that were shown once and are shown again."""
    removed: int = 0
    """Cells that nothing shows any more."""
    bytes_written: int = 0
    seconds: float = 0.0
    postponed: bool = False
    """More frames of the collection wait to be built; a run after them updates the overviews."""


def update_overviews(archive: Archive, collection_id: str) -> OverviewChange:
    """Bring the overviews of a collection, and the pictures that pages show of it, to what its tile index says.

    Raises:
        ServiceUnavailableError: S3 or the ledger went away; what is shown stays as it was.
        VerificationError: A cell is not what was to be written; what is shown stays as it was.
    """
    begun = time.monotonic()
    while True:
        state = archive.ledger.overview_cells.state(collection_id)
        if not state.public:
            withdraw_overviews(archive, collection_id)
            return OverviewChange([])
        if state.levels != state.mapfile_levels:
            # a run was killed before it published; the cells that the old mapfile draws are about to leave
            publish_mapfile(archive, collection_id)
        if state.overview_revision == state.revision or _waits(state):
            return OverviewChange(state.levels, postponed=state.overview_revision != state.revision)
        extent = archive.ledger.collections.service_facts(collection_id).extent
        wanted = _levels(archive, collection_id, state, extent)
        pyramid = _worked_out(archive, collection_id, state, wanted)
        _store_thumbnails(archive, collection_id, extent, pyramid, wanted)
        shown = archive.ledger.overview_cells.change(
            collection_id,
            root=keys.gdal_path(archive.store.bucket, ""),
            shown=[row.oid for rows in pyramid.shown.values() for row in rows],
            gone=pyramid.gone(),
            added=pyramid.added,
            taken_back=pyramid.taken_back,
            levels=wanted,
            revision=state.revision,
        )
        if shown:
            break
    if wanted != state.levels:
        publish_mapfile(archive, collection_id)
    return _told(collection_id, wanted, pyramid, time.monotonic() - begun)


def _waits(state: OverviewState) -> bool:
    """Tell whether the overviews are better updated by a later run, because most of what they will show is still to come."""
    if not (state.more_to_come and state.levels and state.traceable):
        return False
    return state.changed < SHARE_WAITED_FOR * state.frames


def _told(collection_id: str, wanted: list[int], pyramid: Pyramid, seconds: float) -> OverviewChange:
    """Log and return what a run did."""
    built = [row for row in pyramid.added if row["key"] not in set(pyramid.taken_back)]
    change = OverviewChange(
        levels=wanted,
        built=len(built),
        kept=pyramid.kept + len(pyramid.taken_back),
        removed=len(pyramid.gone()),
        bytes_written=sum(row["size"] for row in built),
        seconds=round(seconds, 1),
    )
    log.info("overviews_updated collection=%s %s", collection_id, change)
    return change


def _levels(archive: Archive, collection_id: str, state: OverviewState, extent: Bounds3857 | None) -> list[int]:
    """Return the levels that a collection needs, finest first; none when its frames are few."""
    if state.frames <= MOST_FRAMES or extent is None:
        return []
    finest = finest_level(*archive.ledger.overview_cells.typical_frame(collection_id))
    if state.levels and 1 / KEPT_FACTOR <= resolution(finest) / resolution(state.levels[0]) <= KEPT_FACTOR:
        finest = state.levels[0]
    return levels(finest, extent)


def _worked_out(archive: Archive, collection_id: str, state: OverviewState, wanted: list[int]) -> Pyramid:
    """Return the pyramid as it is to be, with every cell that it needs stored.

    Cells of levels that are no longer wanted stay until the next run: map hosts may still hold the mapfile that draws them.
    """
    rows = archive.ledger.overview_cells.all(collection_id)
    by_cell = groupby(rows, key=cell_of)
    pyramid = Pyramid({cell: list(found) for cell, found in by_cell})
    for cell in pyramid.shown:
        if cell.level not in {*wanted, *state.levels}:
            pyramid.next[cell] = []
    facts = archive.ledger.collections.service_facts(collection_id)
    run = _Run(archive, collection_id, pyramid, by_day=not facts.undated)
    known = state.traceable and state.overview_revision > 0 and wanted[:1] == state.levels[:1]
    touched = set(_touched(archive, collection_id, state, wanted[0], known=known)) if wanted else set()
    for finer, level in zip([None, *wanted], wanted, strict=False):
        if finer is not None and not (known and level in state.levels):
            touched = {cell_of(row).parent for row in pyramid.of_level(finer)} | pyramid.of(level)
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
    pyramid: Pyramid
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
            return contents(cell, _frames(self.archive, self.collection_id, cell.bounds), by_day=self.by_day)
        inside = [row for row in self.pyramid.of_level(finer) if cell_of(row).parent == cell]
        inside.sort(key=lambda row: (row.y, row.x))
        whole = [member_of(row) for row in inside if row.all_days]
        of_days = [member_of(row) for row in inside if row.acquired is not None]
        return contents_of_cells(cell, whole, of_days, by_day=self.by_day)

    def _provide(self, missing: Sequence[Content]) -> dict[str, ShownCell]:
        """Take back or store the cells that are not shown yet; return them by key, without those that have no valid pixels."""
        again = self.archive.ledger.overview_cells.retired([each.key(self.collection_id) for each in missing])
        self.pyramid.taken_back.extend(row["key"] for row in again)
        rows = {row["key"]: self.pyramid.add(row) for row in again}
        settings, store = self.archive.settings, self.archive.store

        def keep(content: Content, built: BuiltCell, source: Path) -> None:
            store.create(content.key(self.collection_id), source, built.sha256, PutOptions("image/tiff"))

        new = [each for each in missing if each.key(self.collection_id) not in rows]
        for content, built in build_cells(new, store.read, keep, settings.build_processes * settings.build_threads):
            if built is not None:
                row = row_of(content, content.key(self.collection_id), built)
                rows[row["key"]] = self.pyramid.add(row)
        return rows


def _store_thumbnails(
    archive: Archive, collection_id: str, extent: Bounds3857 | None, pyramid: Pyramid, wanted: Sequence[int]
) -> None:
    """Store what pages show of a collection, drawn from its coarsest level, or from its frames when they are few."""
    if extent is None:
        return
    if wanted:
        members = [member_of(row) for row in pyramid.of_level(wanted[-1]) if row.all_days]
    else:
        members = _frames(archive, collection_id, extent)
    pictures = draw_thumbnails(extent, members, archive.store.read, keys.THUMBNAIL_SIZES)
    for size, data in pictures.items():
        options = PutOptions("image/webp", acl=archive.settings.public_acl)
        archive.store.replace(keys.thumbnail_key(collection_id, size), data, options)


def _frames(archive: Archive, collection_id: str, bounds: Bounds3857) -> list[Member]:
    """Return the frames that reach into a rectangle, in drawing order."""
    frames = archive.ledger.overview_cells.frames_in(collection_id, bounds)
    return [Member(frame.key, frame.bounds, frame.acquired) for frame in frames]
