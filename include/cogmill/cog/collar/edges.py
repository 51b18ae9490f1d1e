"""Find the line in which a collar ends below one side of a frame: roughly in the preview, then to the pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.arrays.polygons import Polygon, sides
from cogmill.cog.collar.line_fit import Line, fit_line
from cogmill.cog.collar.margin import DEVIATION, Margin, describe_margin
from cogmill.cog.collar.preview import Preview, sample_intensity
from cogmill.cog.source.decode import Pixels

PROFILES_PER_SIDE = 240
"""Lines of pixels, perpendicular to a side, along which the end of the collar is looked for."""

INSET = 0.06
"""Share of a side left out at each end, where the neighboring collar is."""

MAX_DEPTH = 0.16
"""Widest collar, as a share of the frame's shorter side: film of 9 inches shows at most 1.2 inches of collar."""

MAX_SLOPE = 0.1
"""Steepest angle between collar and side, 6 degrees; more is taken out beforehand with the rotation fill."""

DARK, BRIGHT = 70.0, 40.0
"""Largest median intensity of a collar's outermost pixels, counted from black and from white."""

GRAIN = 4.0
"""Standard deviations of the collar's own grain that still are collar."""

MIN_STEP, MAX_STEP = 12.0, 45.0
"""Bounds, in gray levels, of what the grain allows."""

SUSTAINED = 0.012
"""The photograph has begun where it stays for this share of the shorter side; lettering is smaller."""

MOSTLY = 0.75
"""Share of that stretch which must be lighter than the collar; the rest may be dark things in the photograph."""

EDGE_TOLERANCE_PX = 3.0
"""How far the film's edge may bend away from a straight line; the cut follows its innermost bend."""


def find_edge(pixels: Pixels, preview: Preview, polygon: Polygon, side: int) -> tuple[Line, Margin] | None:
    """Return the depth below a side at which the photograph begins, in pixels, and what lies above it; None without either."""
    for bright in (False, True):
        rough = _rough_edge(preview, polygon, side, bright=bright)
        if rough is not None:
            line, margin = rough
            fine = _fine_edge(pixels, preview, polygon, side, line, bright=bright)
            if fine is not None:
                return fine, margin
    return None


def _deepest(preview: Preview, polygon: Polygon) -> int:
    """Return the largest depth below a side, in pixels of the preview, at which a collar may end."""
    return int(MAX_DEPTH * min(np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1)) / preview.factor)


def _places(polygon: Polygon, side: int, count: int) -> NDArray[np.float64]:
    """Return places along a side, shape (count,), in pixels from its first corner."""
    length = float(np.linalg.norm(polygon[(side + 1) % 4] - polygon[side]))
    return np.linspace(INSET * length, (1 - INSET) * length, count)


def _rough_edge(preview: Preview, polygon: Polygon, side: int, *, bright: bool) -> tuple[Line, Margin] | None:
    """Return where the collar ends in the preview, in its pixels, and what it looks like; None without a collar."""
    small = polygon / preview.factor
    along, inward = sides(small)
    places = _places(small, side, PROFILES_PER_SIDE)
    steps = np.arange(_deepest(preview, polygon)) + 0.5
    if len(steps) < 3:  # noqa: PLR2004
        return None
    points = small[side] + places[:, None, None] * along[side] + steps[None, :, None] * inward[side]
    intensities = sample_intensity(preview.data, points, bright=bright, nodata=preview.nodata)
    rim = intensities[:, :2]
    level = float(np.median(rim))
    if level > (BRIGHT if bright else DARK):
        return None
    grain = DEVIATION * float(np.median(np.abs(rim - level)))
    begun = intensities > level + np.clip(GRAIN * grain, MIN_STEP, MAX_STEP)
    stretch = max(3, round(SUSTAINED * min(preview.data.shape[1:])))
    line = fit_line(places, _first_sustained(begun, stretch), tolerance=1.25, max_slope=MAX_SLOPE)
    if line is None or line.depth(places).max() < 1:
        return None
    depths = line.depth(places)
    return line, describe_margin(intensities, depths, line, bright=bright)


def _first_sustained(begun: NDArray[np.bool_], stretch: int) -> NDArray[np.float64]:
    """Return for each profile the first step that begins a stretch of photograph, shape (profiles,); NaN for none.

    Args:
        begun: Shape (profiles, steps), True where a sample differs from the collar.
        stretch: Length of a stretch in steps.
    """
    padded = np.pad(begun, ((0, 0), (0, stretch - 1)), mode="edge").astype(np.float32)
    total = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1)
    begins = begun & (total[:, stretch:] - total[:, :-stretch] >= MOSTLY * stretch)
    return np.where(begins.any(axis=1), begins.argmax(axis=1).astype(float), np.nan)


def _fine_edge(  # noqa: PLR0913 - the same search as above, begun elsewhere
    pixels: Pixels, preview: Preview, polygon: Polygon, side: int, rough: Line, *, bright: bool
) -> Line | None:
    """Return where the collar ends, near the line found in the preview, places and depths in pixels of the frame."""
    along, inward = sides(polygon)
    places = _places(polygon, side, 2 * PROFILES_PER_SIDE)
    near = rough.depth(places / preview.factor) * preview.factor
    width = 2 * preview.factor + 4
    steps = np.arange(-width, width + 1) + 0.5
    depths = near[:, None] + steps[None]
    points = polygon[side] + places[:, None, None] * along[side] + depths[..., None] * inward[side]
    intensities = np.mean(
        [sample_intensity(pixels.data, points + beside * along[side], bright=bright) for beside in (-1, 0, 1)], axis=0
    )
    breaks = _break(intensities)
    return fit_line(places, near + breaks - width, tolerance=EDGE_TOLERANCE_PX, max_slope=MAX_SLOPE)


def _break(intensities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each profile the number of samples before its strongest rise, shape (profiles,); NaN where none is clear.

    The split with the largest difference of means, weighted by sqrt(n1 * n2): the least-squares fit of a step.

    Args:
        intensities: Shape (profiles, samples), from the collar inwards.
    """
    count = intensities.shape[1]
    before = np.arange(1, count)
    sums = np.cumsum(intensities, axis=1)
    rise = (sums[:, -1:] - sums[:, :-1]) / (count - before) - sums[:, :-1] / before
    best = np.argmax(rise * np.sqrt(before * (count - before)), axis=1)
    clear = rise[np.arange(len(intensities)), best] >= MIN_STEP / 2
    return np.where(clear, before[best].astype(float), np.nan)
