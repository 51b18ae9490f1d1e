"""The read side for people, page by page: collections, their frames, rejections, and where all of them lie."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cogmill.ledger.connection import Part, Row

Box = tuple[float, float, float, float]
"""West, south, east, north in EPSG:3857 meters."""

T = TypeVar("T")

COLLECTION_FILTERS = ("", "rejected", "failed", "waiting", "not public")
"""Which collections are shown: all, those with such frames, or those without a service."""

FIRST_REJECTION = (dt.datetime.max.replace(tzinfo=dt.UTC), 0)
"""Cursor before the latest rejection."""


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
    has_picture: bool
    """The small pictures of it are stored."""
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
    hold: str | None
    """Why no run takes it, one of `Hold`; None when nothing holds it back."""
    reason: str | None
    detail: str | None
    next_try_at: dt.datetime
    """When a frame that failed is tried again, at the earliest."""
    size: int
    """Bytes of the upload."""
    arrived_at: dt.datetime
    changed_at: dt.datetime
    published_at: dt.datetime | None
    date: str | None
    roll: str | None
    frame_num: str | None
    uploaded_at: dt.datetime
    cog_key: str | None
    """COG that was stored last; None before the first."""
    deleted_at: dt.datetime | None
    """When a comparison first missed its upload in the bucket; None: it is there, as far as is known."""


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """A raw scan as a line of a list."""

    key: str
    collection_id: str
    size: int
    """Bytes of the upload."""
    uploaded_at: dt.datetime
    deleted_at: dt.datetime | None
    """When a comparison first missed it in the bucket."""
    has_frame: bool
    """A frame links to it."""


@dataclass(frozen=True, slots=True)
class PlacedCollection:
    """A collection on the map of all."""

    id: str
    extent: Box
    has_faults: bool
    """Some of its frames were rejected or failed."""


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A photograph on the map of its collection."""

    id: int
    stem: str
    outline: Mapping[str, Any]
    """GeoJSON geometry, but in EPSG:3857 meters."""


class PageQueries(Part):
    """Queries for people, each bounded by a page or by a number of outlines."""

    def collections(self, cursor: PageCursor, *, search: str, only: str, size: int) -> Page[CollectionSummary]:
        """Return a page of collections in the order of their ids.

        Args:
            cursor: Ids between which the page lies.
            search: Part of an id, lower case; empty for all.
            only: One of `COLLECTION_FILTERS`.
            size: Lines of the page.
        """
        rows = self._rows(
            "collections_page", after=cursor.after, before=cursor.before, search=search, only=only, at_most=size + 1
        )
        return _page(rows, cursor, size, _summary)

    def collection(self, collection_id: str) -> CollectionSummary:
        """Return one collection.

        Raises:
            KeyError: The ledger has no such collection.
        """
        rows = self._rows("collection_summary", collection_id=collection_id)
        if not rows:
            raise KeyError(f"the ledger has no collection {collection_id!r}")
        return _summary(rows[0])

    def frames(
        self, collection_id: str, cursor: PageCursor, *, search: str, state: str, size: int
    ) -> Page[FrameSummary]:
        """Return a page of a collection's frames in the order of their keys.

        Args:
            collection_id: The collection.
            cursor: Keys between which the page lies.
            search: Part of a key, lower case; empty for all.
            state: Only frames in this state; empty for all.
            size: Lines of the page.
        """
        rows = self._rows(
            "frames_page",
            collection_id=collection_id,
            after=cursor.after,
            before=cursor.before,
            search=search,
            state=state,
            at_most=size + 1,
        )
        return _page(rows, cursor, size, lambda row: FrameSummary(**row))

    def rejected(self, before: tuple[dt.datetime, int], *, size: int) -> Page[FrameSummary]:
        """Return a page of rejected uploads of the whole archive, the latest first; `before` is when and id of the line above it."""
        rows = self._rows("rejections_page", changed_at=before[0], id=before[1], at_most=size + 1)
        lines = [FrameSummary(**row) for row in rows[:size]]
        return Page(lines, has_previous=before != FIRST_REJECTION, has_next=len(rows) > size)

    def uploads(self, search: str, *, at_most: int) -> tuple[list[FrameSummary], list[ScanSummary]]:
        """Return frames and scans of the whole archive whose keys contain a text, the latest first, at most so many of each.

        Args:
            search: Part of a key, lower case.
            at_most: Lines of each list.
        """
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", search) + "%"
        frames = self._rows("frames_found", pattern=pattern, at_most=at_most)
        scans = self._rows("scans_found", pattern=pattern, at_most=at_most)
        return [FrameSummary(**row) for row in frames], [ScanSummary(**row) for row in scans]

    def finding_counts(self) -> dict[str, tuple[int, dt.datetime]]:
        """Return how much the last comparison found by kind, and when the oldest of each was first seen."""
        return {row["kind"]: (row["findings"], row["since"]) for row in self._rows("finding_counts")}

    def findings(self, kind: str, after: str, *, size: int) -> Page[Row]:
        """Return a page of findings of a kind: `subject`, `collection_id`, `detail` and `first_seen`, by subject."""
        rows = self._rows("findings_page", kind=kind, after=after, at_most=size + 1)
        return Page(rows[:size], has_previous=bool(after), has_next=len(rows) > size)

    def collections_in(self, window: Box, *, search: str, at_most: int) -> list[PlacedCollection]:
        """Return where collections lie that meet a window, at most so many."""
        return [
            PlacedCollection(row["id"], _box(row["extent"]), row["has_faults"])
            for row in self._rows("collections_in_window", **_edges(window), search=search, at_most=at_most)
        ]

    def frames_in(self, collection_id: str, window: Box, *, tolerance: float, at_most: int) -> list[PlacedFrame]:
        """Return outlines of a collection's photographs that meet a window, simplified by so many meters, at most so many."""
        rows = self._rows(
            "frames_in_window",
            collection_id=collection_id,
            **_edges(window),
            tolerance=tolerance,
            at_most=at_most,
        )
        return [PlacedFrame(row["id"], row["stem"], json.loads(row["outline"])) for row in rows]


def _page(rows: list[Row], cursor: PageCursor, size: int, summarize: Callable[[Row], T]) -> Page[T]:
    """Cut the one row too many off the end that was read towards; rows are in ascending order."""
    more = len(rows) > size
    if cursor.before is not None:
        return Page([summarize(row) for row in rows[-size:]], has_previous=more, has_next=True)
    return Page([summarize(row) for row in rows[:size]], has_previous=bool(cursor.after), has_next=more)


def _summary(row: Row) -> CollectionSummary:
    edges = row.get("extent")
    extent = _box(edges) if edges and edges[0] is not None else None
    return CollectionSummary(**{**row, "extent": extent})


def _box(edges: list[float]) -> Box:
    west, south, east, north = edges
    return west, south, east, north


def _edges(window: Box) -> dict[str, float]:
    return dict(zip(("west", "south", "east", "north"), window, strict=True))
