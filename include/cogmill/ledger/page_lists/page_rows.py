"""What the pages show: their lines, and which part of a long list a page is."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Box = tuple[float, float, float, float]
"""West, south, east, north in EPSG:3857 meters."""

WAITING = ("arrived", "building", "built")
"""States of frames on their way to the map."""

T = TypeVar("T")


def like_pattern(part: str) -> str:
    """Return the pattern of LIKE that texts fit which contain a part."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", part) + "%"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a long list is wanted, and in which order."""

    size: int
    """Lines of the page."""
    skip: int = 0
    """Lines before the page."""
    sort: str = ""
    """What it is sorted by, a minus sign before it for the opposite order; empty for the order of its own."""

    @property
    def by(self) -> str:
        """What the list is sorted by, without the direction."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """The largest, the latest or the last of the alphabet comes first."""
        return self.sort.startswith("-")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list that may be long."""

    rows: list[T]
    request: PageRequest
    has_next: bool

    @classmethod
    def cut(cls, rows: list[T], request: PageRequest) -> Page[T]:
        """Return a page of rows of which one more was read than it shows."""
        return cls(rows[: request.size], request, has_next=len(rows) > request.size)

    @property
    def has_previous(self) -> bool:
        """There are lines before it."""
        return self.request.skip > 0


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
    """Of all of them; this and what follows only where one collection was asked for."""
    scans: int = 0
    """Raw scans of it."""
    missing_scans: int = 0
    """Frames on the map without their raw scan."""
    overview_levels: int = 0
    """Levels of its overviews; none where its frames are drawn as they are."""
    overview_cells: int = 0
    overviews_are_current: bool = True
    """They show the present frames."""

    @property
    def waiting(self) -> int:
        """Frames on their way to the map."""
        return sum(self.states.get(state, 0) for state in WAITING)


@dataclass(frozen=True, slots=True)
class FrameFilter:
    """Which frames of a collection are shown; all of them by default."""

    search: str = ""
    """Part of a key, lower case."""
    state: str = ""


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
    scan_key: str | None = None
    """Its raw scan; only where the frames of a collection are listed."""
    bands: str | None = None
    """Such as `bw`; only there too."""
    shift_accuracy_m: float | None = None
    """Accuracy in meters that its datum shift claims; only there too."""
    missing_grids: Sequence[str] | None = None
    """Grids that would have placed it better and were not installed; only there too."""


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


@dataclass(frozen=True, slots=True)
class RejectionFilter:
    """Which rejected uploads are shown; all of them by default, those whose keys name no collection too."""

    reason: str = ""
    county: str = ""
    """As it stands in the keys."""
    collection: str = ""
    """Id of one collection."""
    part: str = ""
    """Part of the key, lower case."""

    @property
    def parameters(self) -> dict[str, str]:
        """Values for the queries."""
        pattern = like_pattern(self.part) if self.part else ""
        return {"reason": self.reason, "county": self.county, "collection": self.collection, "pattern": pattern}


@dataclass(frozen=True, slots=True)
class RejectionCounts:
    """How many rejected uploads there are of a filter."""

    all: int
    retriable: int
    """Those that building again can help: they have a collection, and their uploads are still there."""


@dataclass(frozen=True, slots=True)
class SavedReport:
    """What a run reported."""

    run_id: str
    at: dt.datetime
    report: Mapping[str, Any]
    """The fields of `RunReport`."""


@dataclass(frozen=True, slots=True)
class PlannedFrame:
    """A frame that a backfill means to take, or took."""

    why: str
    source_key: str
    collection_id: str | None
    size: int
    """Bytes of the upload."""
    state: str
    """Its state now."""
    reason: str | None
    detail: str | None
    outcome: str | None
    """What the run made of it: `built`, `unchanged`, `rejected`, `failed` or `replaced`; None until then."""
