"""The read side for people, page by page."""

from cogmill.ledger.page_lists.page_queries import (
    COLLECTION_FILTERS,
    COLLECTION_SORTS,
    FRAME_SORTS,
    REJECTION_SORTS,
    PageQueries,
)
from cogmill.ledger.page_lists.page_rows import (
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
)

__all__ = [
    "COLLECTION_FILTERS",
    "COLLECTION_SORTS",
    "FRAME_SORTS",
    "REJECTION_SORTS",
    "Box",
    "CollectionSummary",
    "FrameFilter",
    "FrameSummary",
    "Page",
    "PageQueries",
    "PageRequest",
    "PlacedCollection",
    "PlacedFrame",
    "PlannedFrame",
    "RejectionCounts",
    "RejectionFilter",
    "SavedReport",
    "ScanSummary",
]
