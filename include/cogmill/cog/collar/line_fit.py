"""Fit a straight line through depths of which many are wrong, always in the same way.

A vote over candidate lines through pairs of depths, as in RANSAC, but over all pairs of a fixed choice: nothing is random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Depths = NDArray[np.float64]
"""Depths below a side at places along it, shape (places,), in pixels; NaN where none was found."""

ANCHORS = 40
"""Places in each half of a side through whose depths candidate lines are drawn: 1,600 candidates."""

MIN_SUPPORT = 0.25
"""Share of places that must lie on the line. Low, because dark water may touch most of a side."""

MAX_OBJECTIONS = 0.2
"""Share of places that may lie clearly above the line: photograph where the line says collar, or lettering in the collar."""

OBJECTION_WEIGHT = 2
"""A place above the line speaks against it as loudly as this many places on it speak for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """Depth as a linear function of the place along a side, all in pixels of one grid."""

    at_start: float
    """Depth at the side's first corner."""
    slope: float
    """Depth per pixel along the side."""
    support: NDArray[np.bool_]
    """Shape (places,), True where a depth lies on the line."""
    bend: float = 0.0
    """Pixels beyond the line within which nine tenths of its supporters stay."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.at_start) and math.isfinite(self.slope) and self.bend >= 0):
            raise ValueError(
                f"a line has finite numbers and no negative bend: {self.at_start}, {self.slope}, {self.bend}"
            )

    def depth(self, places: NDArray[np.float64]) -> Depths:
        """Return the line's depth at places along the side."""
        return self.at_start + self.slope * places


def fit_line(places: NDArray[np.float64], depths: Depths, *, tolerance: float, max_slope: float) -> Line | None:
    """Return the line that the depths agree on, or None when they do not.

    Depths beyond the line are neutral (something dark in the photograph touches the collar there); depths before it object
    (the photograph begins earlier). That is what tells a collar's edge from a shore.

    Args:
        places: Ascending, shape (n,), pixels from the side's first corner.
        depths: Shape (n,), pixels below the side, NaN where unknown.
        tolerance: Pixels from the line within which a depth supports it.
        max_slope: Steepest line considered, depth per pixel along the side.
    """
    known = np.isfinite(depths)
    if np.count_nonzero(known) < MIN_SUPPORT * len(places):
        return None
    filled = np.where(known, depths, np.inf)
    start, slope = _candidates(places[known], depths[known], max_slope)
    if not start.size:
        return None
    offset = filled[None] - (start[:, None] + slope[:, None] * places[None])
    votes = (np.abs(offset) <= tolerance).sum(axis=1) - OBJECTION_WEIGHT * (offset < -tolerance).sum(axis=1)
    best = int(np.argmax(votes))
    line = _supported(places, filled, float(start[best]), float(slope[best]), tolerance)
    for _ in range(3):
        line = _refit(places, filled, line, tolerance)
    objections = np.count_nonzero(filled - line.depth(places) < -2 * tolerance)
    agreed = np.count_nonzero(line.support) >= MIN_SUPPORT * len(places) and abs(line.slope) <= max_slope
    return line if agreed and objections <= MAX_OBJECTIONS * len(places) else None


def _candidates(places: NDArray[np.float64], depths: Depths, max_slope: float) -> tuple[Depths, Depths]:
    """Return start and slope of the lines through pairs of known depths, one from each half; each of shape (candidates,)."""
    half = len(places) // 2
    left = np.unique(np.linspace(0, half - 1, ANCHORS).astype(int))
    right = np.unique(np.linspace(half, len(places) - 1, ANCHORS).astype(int))
    slope = (depths[right][None] - depths[left][:, None]) / (places[right][None] - places[left][:, None])
    start = depths[left][:, None] - slope * places[left][:, None]
    flat = np.abs(slope) <= max_slope
    return start[flat], slope[flat]


def _refit(places: NDArray[np.float64], depths: Depths, line: Line, tolerance: float) -> Line:
    """Return the least-squares line through the supporters, with its own supporters."""
    x, y = places[line.support], depths[line.support]
    if len(x) < 2 or np.ptp(x) == 0:  # noqa: PLR2004
        return line
    slope, start = np.polyfit(x, y, 1)
    return _supported(places, depths, float(start), float(slope), tolerance)


def _supported(places: NDArray[np.float64], depths: Depths, start: float, slope: float, tolerance: float) -> Line:
    """Return a line with the places that lie on it; unknown depths are infinite here."""
    offset = depths - (start + slope * places)
    support = np.abs(offset) <= tolerance
    bend = max(0.0, float(np.quantile(offset[support], 0.9))) if support.any() else 0.0
    return Line(start, slope, support, bend)
