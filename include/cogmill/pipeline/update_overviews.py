"""Overviews of a collection: plan the cells that its changes touch, build what is missing, and show them in one transaction.

The work follows the cells that changed frames touch, never the size of the collection. A cell's key follows from its members,
so whatever a run that was killed has stored is found again, and a cell that shows the same as before is not touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypedDict

from cogmill.aws.s3 import PutOptions
from cogmill.domain import keys
from cogmill.domain.geo import Bounds3857
from cogmill.ledger.collections import ServiceFacts
from cogmill.ledger.overview_cells import OverviewState
from cogmill.overviews.grid import MOST_FRAMES, Cell, cells, finest_level, levels, resolution
from cogmill.overviews.pool import CellProcesses
from cogmill.overviews.pyramid import Pyramid, cell_of, member_of
from cogmill.overviews.renewal import Renewal, frames_in
from cogmill.overviews.thumbnail import draw_thumbnails, level_for
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.publish import publish_mapfile
from cogmill.pipeline.withdraw import withdraw_overviews

log = logging.getLogger(__name__)

KEPT_FACTOR = 2.0
"""The finest level stays while the typical frame has not become this many times larger or smaller than the level is made for."""

CELLS_PER_TASK = 32
"""Cells that one mapped task builds; no more are built by `update_overviews` itself. A cell takes one to two seconds of a core."""

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
    """Cells that show the same as before, and those that were stored already: by a mapped task, or because they were shown once."""
    removed: int = 0
    """Cells that nothing shows any more."""
    bytes_written: int = 0
    seconds: float = 0.0
    postponed: bool = False
    """More frames of the collection wait to be built; a run after them updates the overviews."""


class CellBatch(TypedDict):
    """The cells of one mapped task; small enough for an XCom."""

    label: str
    cells: list[tuple[int, int, int]]
    """Level, x and y of each."""


def plan_overviews(archive: Archive, collection_id: str) -> list[CellBatch]:
    """Cut the cells of the finest level that are to be built into batches; `update_overviews` builds all others, and those left.

    Never empty: where they are few there is one batch without cells, so that the task is seen to succeed.
    """
    state = archive.ledger.overview_cells.state(collection_id)
    if state.overview_revision == state.revision or _waits(state):
        return [CellBatch(label="nothing to build", cells=[])]
    extent = archive.ledger.collections.service_facts(collection_id).extent
    touched = sorted(_touched(archive, collection_id, state, _levels(archive, collection_id, state, extent)))
    if len(touched) <= CELLS_PER_TASK:
        return [CellBatch(label=f"few cells ({len(touched)}), built by update_overviews", cells=[])]
    starts = range(0, len(touched), CELLS_PER_TASK)[: archive.settings.max_batches]
    return [_batch(touched[start : start + CELLS_PER_TASK]) for start in starts]


def build_overviews(archive: Archive, collection_id: str, places: Sequence[Sequence[int]]) -> int:
    """Build and store cells of the finest level, to be shown by `update_overviews`; return how many were built.

    Args:
        archive: Clients and settings.
        collection_id: Whose cells.
        places: Level, x and y of each.

    Raises:
        ServiceUnavailableError: S3 or the ledger went away; what was stored is found again.
        VerificationError: A cell is not what was to be written.
    """
    facts = archive.ledger.collections.service_facts(collection_id)
    with _processes(archive) as processes:
        renewal = _renewal(archive, collection_id, facts, Pyramid({}), processes)
        renewal.renew([Cell(*place) for place in places], None)
    built = len(renewal.pyramid.added) - len(renewal.pyramid.taken_back)
    log.info("cells_built collection=%s cells=%d built=%d", collection_id, len(places), built)
    return built


def _batch(part: Sequence[Cell]) -> CellBatch:
    label = f"level {part[0].level}, {part[0].x}/{part[0].y} … {part[-1].x}/{part[-1].y} ({len(part)})"
    return CellBatch(label=label, cells=[(cell.level, cell.x, cell.y) for cell in part])


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
        facts = archive.ledger.collections.service_facts(collection_id)
        wanted = _levels(archive, collection_id, state, facts.extent)
        pyramid = _worked_out(archive, collection_id, state, facts, wanted)
        _store_thumbnails(archive, collection_id, facts.extent, pyramid, wanted)
        shown = archive.ledger.overview_cells.change(
            collection_id,
            root=archive.store.place.gdal_root(keys.OVERVIEWS),
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
    taken_back = set(pyramid.taken_back)
    built = [row for row in pyramid.added if row["key"] not in taken_back]
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


def _worked_out(
    archive: Archive, collection_id: str, state: OverviewState, facts: ServiceFacts, wanted: list[int]
) -> Pyramid:
    """Return the pyramid as it is to be, with every cell that it needs stored.

    Cells of levels that are no longer wanted stay until the next run: map hosts may still hold the mapfile that draws them.
    """
    rows = archive.ledger.overview_cells.all(collection_id)
    by_cell = groupby(rows, key=cell_of)
    pyramid = Pyramid({cell: list(found) for cell, found in by_cell})
    for cell in pyramid.shown:
        if cell.level not in {*wanted, *state.levels}:
            pyramid.next[cell] = []
    known = _is_traceable(state, wanted)
    touched = _touched(archive, collection_id, state, wanted)
    with _processes(archive) as processes:
        renewal = _renewal(archive, collection_id, facts, pyramid, processes)
        for finer, level in zip([None, *wanted], wanted, strict=False):
            if finer is not None and not (known and level in state.levels):
                touched = {cell_of(row).parent for row in pyramid.of_level(finer)} | pyramid.of(level)
            touched = renewal.renew(sorted(touched), finer)
    return pyramid


def _is_traceable(state: OverviewState, wanted: Sequence[int]) -> bool:
    """Tell whether what changed since the cells were written is known, and they belong to the finest level that is wanted."""
    return state.traceable and state.overview_revision > 0 and list(wanted[:1]) == state.levels[:1]


def _touched(archive: Archive, collection_id: str, state: OverviewState, wanted: Sequence[int]) -> set[Cell]:
    """Return the cells of the finest level where the tile index has changed since the cells were written; else all."""
    if not wanted:
        return set()
    index = archive.ledger.overview_cells
    if _is_traceable(state, wanted):
        changed = index.changed_bounds(collection_id, state.overview_revision)
    else:
        changed = index.all_bounds(collection_id)
    return {cell for bounds in changed for cell in cells(wanted[0], bounds)}


def _processes(archive: Archive) -> CellProcesses:
    """Return as many processes as a task has slots; they take seconds to start, so one run starts them once."""
    return CellProcesses(archive.settings.build_processes * archive.settings.build_threads)


def _renewal(
    archive: Archive, collection_id: str, facts: ServiceFacts, pyramid: Pyramid, processes: CellProcesses
) -> Renewal:
    index, store = archive.ledger.overview_cells, archive.store
    return Renewal(index, store, collection_id, pyramid, by_day=not facts.undated, processes=processes)


def _store_thumbnails(
    archive: Archive, collection_id: str, extent: Bounds3857 | None, pyramid: Pyramid, wanted: Sequence[int]
) -> None:
    """Store what pages show of a collection, drawn from a level that is fine enough, or from its frames when they are few."""
    if extent is None:
        return
    if wanted:
        level = level_for(extent, wanted, keys.THUMBNAIL_SIZES[0])
        members = [member_of(row) for row in pyramid.of_level(level) if row.all_days]
    else:
        members = frames_in(archive.ledger.overview_cells, collection_id, extent)
    pictures = draw_thumbnails(extent, members, archive.store.read, keys.THUMBNAIL_SIZES)
    for size, data in pictures.items():
        options = PutOptions("image/webp", acl=archive.settings.public_acl)
        archive.store.replace(keys.thumbnail_key(collection_id, size), data, options)
