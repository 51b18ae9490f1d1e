"""Fits a straight line through depths of which many are wrong, always in the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Depths = NDArray[np.float64]
"""Depth below a side at evenly chosen places along it; NaN where none was found."""

ANCHORS = 40
"""Places in each half of a side through whose depths candidate lines are drawn: 1,600 candidates."""

MIN_SUPPORT = 0.25
"""Share of places that must lie on the line. Low, because dark water may touch most of a side."""

MAX_OBJECTIONS = 0.2
"""Share of places that may lie clearly above the line: picture where the line says collar, or lettering in the collar."""

OBJECTION_WEIGHT = 2
"""A place above the line speaks against it as loudly as this many places on it speak for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """Depth as a linear function of the place along a side."""

    at_start: float
    slope: float
    """Depth per unit of place."""
    support: NDArray[np.bool_]
    """Which places lie on the line."""
    bend: float = 0.0
    """How far beyond the line nine tenths of its supporters stay."""

    def depth(self, places: NDArray[np.float64]) -> Depths:
        """Return the line's depth at places along the side."""
        return self.at_start + self.slope * places


def fit_line(places: NDArray[np.float64], depths: Depths, *, tolerance: float, max_slope: float) -> Line | None:
    """Return the line that the depths agree on, or None when they do not.

    Depths beyond the line are neutral (something dark in the picture touches the collar there); depths before it object
    (the picture begins earlier). That is what tells a collar's edge from a shore.

    Args:
        places: Ascending, shape (n,).
        depths: Shape (n,).
        tolerance: How far from the line a depth may lie to support it.
        max_slope: Steepest line considered.
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
    """Return start and slope of the lines through pairs of depths, one from each half of the side."""
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
    offset = depths - (start + slope * places)
    support = np.abs(offset) <= tolerance
    bend = max(0.0, float(np.quantile(offset[support], 0.9))) if support.any() else 0.0
    return Line(start, slope, support, bend)
