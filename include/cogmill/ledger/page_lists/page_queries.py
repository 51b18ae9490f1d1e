"""The read side for people, page by page: collections, their frames, rejections, findings, and where all of them lie."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from cogmill.ledger.connection import Part, Row
from cogmill.ledger.page_lists.page_rows import (
    WAITING,
    Box,
    CollectionSummary,
    FrameFilter,
    FrameSummary,
    Page,
    PageRequest,
    PlacedCollection,
    PlacedFrame,
    PlannedFrame,
    RejectionCounts,
    RejectionFilter,
    SavedReport,
    ScanSummary,
    like_pattern,
)

COLLECTION_FILTERS = ("", "rejected", "failed", "waiting", "not public")
"""Which collections are shown: all, those with such frames, or those without a service."""

COLLECTION_SORTS = {
    "name": (),
    "on_map": ("published",),
    "waiting": WAITING,
    "rejected": ("rejected",),
    "failed": ("failed",),
    "published": (),
}
"""What collections can be sorted by, and the states of the frames that are counted for it."""

FRAME_SORTS = ("name", "state", "date", "size", "changed")
"""What the frames of a collection can be sorted by."""

REJECTION_SORTS = ("changed", "upload", "reason")
"""What rejected uploads can be sorted by."""

ALL_FRAMES = FrameFilter()


class PageQueries(Part):
    """Queries for people, each bounded by a page or by a number of outlines."""

    def collections(self, request: PageRequest, *, search: str = "", only: str = "") -> Page[CollectionSummary]:
        """Return a page of collections.

        Args:
            request: Which page, sorted by one of `COLLECTION_SORTS`; by default by name.
            search: Part of an id, lower case; empty for all.
            only: One of `COLLECTION_FILTERS`.
        """
        rows = self._rows(
            "collections_page",
            search=search,
            only=only,
            sort=request.by,
            descending=request.is_descending,
            states=list(COLLECTION_SORTS.get(request.by, ())),
            skip=request.skip,
            at_most=request.size + 1,
        )
        return Page.cut([_summary(row) for row in rows], request)

    def collection(self, collection_id: str) -> CollectionSummary:
        """Return one collection.

        Raises:
            KeyError: The ledger has no such collection.
        """
        rows = self._rows("collection_summary", collection_id=collection_id)
        if not rows:
            raise KeyError(f"the ledger has no collection {collection_id!r}")
        return _summary(rows[0])

    def frames(self, collection_id: str, request: PageRequest, shown: FrameFilter = ALL_FRAMES) -> Page[FrameSummary]:
        """Return a page of a collection's frames, sorted by one of `FRAME_SORTS`; by default by key."""
        rows = self._rows(
            "frames_page",
            collection_id=collection_id,
            search=shown.search,
            state=shown.state,
            sort=request.by,
            descending=request.is_descending,
            skip=request.skip,
            at_most=request.size + 1,
        )
        return Page.cut([FrameSummary(**row) for row in rows], request)

    def rejections(self, shown: RejectionFilter, request: PageRequest) -> Page[FrameSummary]:
        """Return a page of rejected uploads, sorted by one of `REJECTION_SORTS`; by default the latest first."""
        rows = self._rows(
            "rejections_page",
            **shown.parameters,
            sort=request.sort or "-changed",
            skip=request.skip,
            at_most=request.size + 1,
        )
        return Page.cut([FrameSummary(**row) for row in rows], request)

    def rejection_counts(self, shown: RejectionFilter) -> RejectionCounts:
        """Return how many rejected uploads a filter shows."""
        (row,) = self._rows("rejection_counts", **shown.parameters)
        return RejectionCounts(**row)

    def all_rejections(self, shown: RejectionFilter, at_most: int) -> Iterator[FrameSummary]:
        """Stream all rejected uploads that a filter shows, by key, at most so many."""
        rows = self._stream("rejections_page", **shown.parameters, sort="upload", skip=0, at_most=at_most)
        return (FrameSummary(**row) for row in rows)

    def rejection_reasons(self) -> dict[str, int]:
        """Return how many rejected uploads there are of each reason, the most frequent first."""
        return {row["reason"]: row["uploads"] for row in self._rows("rejection_reasons")}

    def rejection_counties(self) -> list[str]:
        """Return the counties in which there are rejected uploads, by name."""
        return [row["county"] for row in self._rows("rejection_counties")]

    def uploads(self, search: str, *, at_most: int) -> tuple[list[FrameSummary], list[ScanSummary]]:
        """Return frames and scans of the whole archive whose keys contain a text, the latest first, at most so many of each.

        Args:
            search: Part of a key, lower case.
            at_most: Lines of each list.
        """
        pattern = like_pattern(search)
        frames = self._rows("frames_found", pattern=pattern, at_most=at_most)
        scans = self._rows("scans_found", pattern=pattern, at_most=at_most)
        return [FrameSummary(**row) for row in frames], [ScanSummary(**row) for row in scans]

    def finding_counts(self) -> dict[str, tuple[int, dt.datetime]]:
        """Return how much the last comparison found by kind, and when the oldest of each was first seen."""
        return {row["kind"]: (row["findings"], row["since"]) for row in self._rows("finding_counts")}

    def findings(self, kind: str, request: PageRequest) -> Page[Row]:
        """Return a page of findings of a kind: `subject`, `collection_id`, `detail` and `first_seen`, by subject."""
        rows = self._rows("findings_page", kind=kind, skip=request.skip, at_most=request.size + 1)
        return Page.cut(rows, request)

    def report(self, dag_id: str, run_id: str) -> SavedReport | None:
        """Return what a run reported; None while it has reported nothing."""
        rows = self._rows("run_report", dag_id=dag_id, run_id=run_id)
        return SavedReport(run_id, **rows[0]) if rows else None

    def latest_reports(self, dag_id: str, *, at_most: int) -> list[SavedReport]:
        """Return the latest reports of a DAG, the latest first."""
        return [SavedReport(**row) for row in self._rows("latest_reports", dag_id=dag_id, at_most=at_most)]

    def planned_frames(self, dag_id: str, run_id: str, request: PageRequest) -> Page[PlannedFrame]:
        """Return a page of the frames that a backfill means to take or took, in their order."""
        rows = self._rows("planned_frames", dag_id=dag_id, run_id=run_id, skip=request.skip, at_most=request.size + 1)
        return Page.cut([PlannedFrame(**row) for row in rows], request)

    def all_planned_frames(self, dag_id: str, run_id: str) -> Iterator[PlannedFrame]:
        """Stream all frames that a backfill means to take or took, in their order."""
        rows = self._stream("planned_frames", dag_id=dag_id, run_id=run_id, skip=0, at_most=None)
        return (PlannedFrame(**row) for row in rows)

    def collections_in(self, window: Box, *, search: str = "", only: str = "", at_most: int) -> list[PlacedCollection]:
        """Return where collections lie that meet a window and that the list shows, at most so many.

        Args:
            window: Edges in EPSG:3857 meters.
            search: Part of an id, lower case; empty for all.
            only: One of `COLLECTION_FILTERS`.
            at_most: How many.
        """
        rows = self._rows("collections_in_window", **_edges(window), search=search, only=only, at_most=at_most)
        return [PlacedCollection(row["id"], _box(row["extent"]), row["has_faults"]) for row in rows]

    def frames_in(
        self, collection_id: str, window: Box, shown: FrameFilter = ALL_FRAMES, *, tolerance: float, at_most: int
    ) -> list[PlacedFrame]:
        """Return outlines of a collection's photographs that meet a window and that the list shows.

        Args:
            collection_id: The collection.
            window: Edges in EPSG:3857 meters.
            shown: What the list shows.
            tolerance: Meters by which an outline may be simplified.
            at_most: How many.
        """
        rows = self._rows(
            "frames_in_window",
            collection_id=collection_id,
            **_edges(window),
            search=shown.search,
            state=shown.state,
            tolerance=tolerance,
            at_most=at_most,
        )
        return [PlacedFrame(row["id"], row["stem"], json.loads(row["outline"])) for row in rows]


def _summary(row: Row) -> CollectionSummary:
    edges = row.get("extent")
    extent = _box(edges) if edges and edges[0] is not None else None
    return CollectionSummary(**{**row, "extent": extent})


def _box(edges: list[float]) -> Box:
    west, south, east, north = edges
    return west, south, east, north


def _edges(window: Box) -> dict[str, Any]:
    return dict(zip(("west", "south", "east", "north"), window, strict=True))
