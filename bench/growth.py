"""What it costs to add one frame to a collection that has few or many: the steps of a run after the COG is built.

The verification is left out, because these frames have no pixels; it draws at most `verify_service.PREVIEW_SPAN_M` around the new frame.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from cogmill.pipeline import Archive, publish

TURNS = 25
"""Frames added to each collection; the collections take turns, so that a busy moment of the machine hits both."""

BUILT = """
INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, date, roll, frame_num, acquired_from,
    acquired_to, scan_stem, source_sha256, recipe, cog_key, cog_size, cog_sha256, footprint, cpu_s, built_at)
SELECT collection_id, %(key)s, bands, %(key)s, etag, size, now(), 'built', date, roll, frame_num, acquired_from, acquired_to, %(key)s,
    source_sha256, recipe, replace(cog_key, stem, %(key)s), cog_size, cog_sha256, ST_Translate(footprint, 1, -1), cpu_s, now()
FROM cogmill.frame WHERE id = (SELECT max(id) FROM cogmill.frame WHERE collection_id = %(collection)s AND state = 'published')
"""


@dataclass(slots=True)
class Costs:
    """Seconds of each step, one entry per added frame."""

    index: list[float]
    """The tile index."""
    mapfile: list[float]
    """Reading extent and dates of the whole collection, rendering, marking the frame as published."""
    export: list[float]
    """The index files, which hold the whole collection; written once per run, however many frames it adds."""

    def frame(self) -> list[float]:
        """Return what each added frame cost."""
        return [index + mapfile for index, mapfile in zip(self.index, self.mapfile, strict=True)]


def add_frames(archive: Archive, libpq: dict[str, Any], collections: tuple[str, ...]) -> dict[str, Costs]:
    """Add frames to collections in turn and return what each step cost."""
    costs = {collection: Costs([], [], []) for collection in collections}
    with psycopg.connect(**libpq, autocommit=True) as connection:
        for turn in range(TURNS + 1):
            for collection, cost in costs.items():
                connection.execute(BUILT.encode(), {"collection": collection, "key": f"added-{uuid.uuid4().hex}"})
                for name, seconds in _steps(archive, collection):
                    if turn:  # the first opens connections and caches
                        getattr(cost, name).append(seconds)
    return costs


def _steps(archive: Archive, collection: str) -> Iterator[tuple[str, float]]:
    yield "index", timed(lambda: publish.update_tile_index(archive, collection))
    yield "mapfile", timed(lambda: _render(archive, collection))
    yield "export", timed(lambda: publish.export_index(archive, collection))


def _render(archive: Archive, collection: str) -> None:
    state = archive.ledger.collections.state(collection)
    drafted = publish.draft_mapfile(archive, collection)
    if drafted is None:
        raise ValueError(f"{collection} has no frame")
    archive.ledger.collections.mark_published(collection, state.revision, state.mapfile_sha256)


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
