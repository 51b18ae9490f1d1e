"""What people look up page by page: collections, their frames, refusals, and where all of them lie. Changes nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cogmill.ledger.connection import Part, Row

Box = tuple[float, float, float, float]
"""West, south, east, north in EPSG:3857 metres."""

T = TypeVar("T")

COLLECTION_FILTERS = ("", "rejected", "failed", "waiting", "not public")
"""Which collections are shown: all, those with such frames, or those without a service."""

FIRST_REFUSAL = (dt.datetime.max.replace(tzinfo=dt.UTC), 0)
"""Before the latest refusal."""


@dataclass(frozen=True, slots=True)
class PageCursor:
    """Where a page begins: after one key, or before another."""

    after: str = ""
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list that may be long."""

    rows: list[T]
    has_previous: bool
    has_next: bool


@dataclass(frozen=True, slots=True)
class CollectionSummary:
    """A collection as a line of a list."""

    id: str
    service_name: str
    published_at: dt.datetime | None
    is_public: bool
    """Its mapfile is out."""
    is_withdrawn: bool
    """It was withdrawn on purpose."""
    states: Mapping[str, int]
    """Frames by state; states without frames are left out."""
    sample: Box | None
    """Extent of one of its photographs; None when none is in the tile index."""
    extent: Box | None = None
    """Of all of them; only where one collection was asked for."""

    @property
    def waiting(self) -> int:
        """Frames on their way to the map."""
        return sum(self.states.get(state, 0) for state in ("arrived", "building", "built"))


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """A frame as a line of a list."""

    id: int
    collection_id: str | None
    """None when the key names no collection."""
    source_key: str
    state: str
    reason: str | None
    detail: str | None
    size: int
    """Bytes of the upload."""
    arrived_at: dt.datetime
    changed_at: dt.datetime
    published_at: dt.datetime | None
    date: str | None
    roll: str | None
    frame_num: str | None


@dataclass(frozen=True, slots=True)
class PlacedCollection:
    """A collection on the map of all."""

    id: str
    extent: Box
    has_faults: bool
    """Some of its frames were refused or failed."""


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A photograph on the map of its collection."""

    id: int
    stem: str
    outline: Mapping[str, Any]
    """GeoJSON geometry, but in EPSG:3857 metres."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Frames on their way to the map, or waiting for another try."""

    frames: int
    age_s: float
    """How long the one that waits longest has been here; 0 when none waits."""


class Queries(Part):
    """Readings for people, each bounded by a page or by a number of outlines."""

    def states(self) -> dict[str, int]:
        """Return how many frames of the archive are in each state; reads an index of all frames."""
        return {row["state"]: row["frames"] for row in self._rows("browse_states")}

    def collections(self, turn: PageCursor, *, search: str, only: str, size: int) -> Page[CollectionSummary]:
        """Return a page of collections in the order of their ids.

        Args:
            turn: Ids between which the page lies.
            search: Part of an id, lower case; empty for all.
            only: One of `COLLECTION_FILTERS`.
            size: Lines of the page.
        """
        rows = self._rows(
            "browse_collections", after=turn.after, before=turn.before, search=search, only=only, at_most=size + 1
        )
        return _page(rows, turn, size, _card)

    def collection(self, collection_id: str) -> CollectionSummary:
        """Return one collection.

        Raises:
            KeyError: The ledger has no such collection.
        """
        rows = self._rows("browse_collection", collection_id=collection_id)
        if not rows:
            raise KeyError(f"the ledger has no collection {collection_id!r}")
        return _card(rows[0])

    def frames(self, collection_id: str, turn: PageCursor, *, search: str, state: str, size: int) -> Page[FrameSummary]:
        """Return a page of a collection's frames in the order of their keys.

        Args:
            collection_id: The collection.
            turn: Keys between which the page lies.
            search: Part of a key, lower case; empty for all.
            state: Only frames in this state; empty for all.
            size: Lines of the page.
        """
        rows = self._rows(
            "browse_frames",
            collection_id=collection_id,
            after=turn.after,
            before=turn.before,
            search=search,
            state=state,
            at_most=size + 1,
        )
        return _page(rows, turn, size, lambda row: FrameSummary(**row))

    def rejected(self, before: tuple[dt.datetime, int], *, size: int) -> Page[FrameSummary]:
        """Return a page of refused uploads of the whole archive, the latest first; `before` is when and id of the line above it."""
        rows = self._rows("browse_rejected", changed_at=before[0], id=before[1], at_most=size + 1)
        lines = [FrameSummary(**row) for row in rows[:size]]
        return Page(lines, has_previous=before != FIRST_REFUSAL, has_next=len(rows) > size)

    def queue(self) -> Queue:
        """Return how many frames of the archive wait, and for how long."""
        (row,) = self._rows("browse_queue")
        return Queue(**row)

    def latencies(self, collection_id: str, since: dt.datetime, at_most: int) -> list[float]:
        """Return the seconds from upload to map of the frames published since a moment, at most so many."""
        rows = self._rows("browse_latencies", collection_id=collection_id, since=since, at_most=at_most)
        return [row["latency_s"] for row in rows]

    def cogs(self, frame_ids: Sequence[int]) -> dict[str, str]:
        """Return source key -> COG key of those of some frames that have a COG."""
        return {row["source_key"]: row["cog_key"] for row in self._rows("browse_cogs", ids=list(frame_ids))}

    def extents(self, window: Box, *, search: str, at_most: int) -> list[PlacedCollection]:
        """Return where collections lie that meet a window, at most so many."""
        return [
            PlacedCollection(row["id"], _box(row["extent"]), row["has_faults"])
            for row in self._rows("browse_extents", **_edges(window), search=search, at_most=at_most)
        ]

    def footprints(self, collection_id: str, window: Box, *, tolerance: float, at_most: int) -> list[PlacedFrame]:
        """Return outlines of a collection's photographs that meet a window, simplified by so many metres, at most so many."""
        rows = self._rows(
            "browse_footprints",
            collection_id=collection_id,
            **_edges(window),
            tolerance=tolerance,
            at_most=at_most,
        )
        return [PlacedFrame(row["id"], row["stem"], json.loads(row["outline"])) for row in rows]


def _page(rows: list[Row], turn: PageCursor, size: int, line: Callable[[Row], T]) -> Page[T]:
    """Cut the line too many off the end that was looked towards; the lines are in ascending order."""
    more = len(rows) > size
    if turn.before is not None:
        return Page([line(row) for row in rows[-size:]], has_previous=more, has_next=True)
    return Page([line(row) for row in rows[:size]], has_previous=bool(turn.after), has_next=more)


def _card(row: Row) -> CollectionSummary:
    boxes = {
        name: _box(row[name]) if row.get(name) and row[name][0] is not None else None for name in ("sample", "extent")
    }
    return CollectionSummary(**{**row, **boxes})


def _box(edges: list[float]) -> Box:
    west, south, east, north = edges
    return west, south, east, north


def _edges(window: Box) -> dict[str, float]:
    return dict(zip(("west", "south", "east", "north"), window, strict=True))
