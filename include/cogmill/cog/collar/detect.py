"""Find the photograph inside its film collar, in the frame's own pixel grid.

A collar is a frame: near-black or near-white, connected to the edge, ending along four straight lines. So the lines are
looked for, not the pixels: the inside of the polygon stays untouched, whatever black water or white roof touches the
collar, and everything outside goes, whatever is written there (frame number, clock, fiducial marks).
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.cog.arrays.polygons import Polygon, area, clockwise, intersect_sides, rectangle, shrink, sides
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar.line_fit import Line, fit_line
from cogmill.cog.collar.preview import Preview, reduce_frame, sample_intensity
from cogmill.cog.collar.rotation import find_rotated_frame
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

ROUNDS = 3
"""Collars inside each other: rotation fill, white of the scanner's lid, film."""

FILL_RIM = 3
"""Pixels of the preview that are left of the rotation fill, so that the frame's edge is looked for from outside."""

MARGIN_PX = 1.0
"""Blur of the collar's edge, cut off with it."""

EDGE_TOLERANCE_PX = 3.0
"""How far the film's edge may bend away from a straight line; the cut follows its innermost bend."""

MIN_PHOTOGRAPH = 0.4
"""A result smaller than this share of what lies inside the rotation fill is a mistake, and the frame is left as it is."""


def find_photograph(pixels: Pixels, kernel_radius_px: float, scratch: ScratchArrays) -> Polygon:
    """Return the outline of the photograph, convex, in pixels of the frame; the whole frame when no collar is found.

    Args:
        pixels: The frame. Rotation fill around a frame that is no rectangle is written into its mask.
        kernel_radius_px: Pixels by which the outline keeps away from the collar, for a kernel that looks around.
        scratch: Holds the frame, and gives the memory of such a mask.
    """
    height, width = pixels.data.shape[1:]
    whole = rectangle(width, height)
    preview = reduce_frame(pixels, scratch)
    box = find_rotated_frame(pixels, preview, scratch)
    polygon, cut = (whole, np.zeros(4, bool)) if box is None else (_rimmed(box, preview), np.ones(4, bool))
    bend = np.zeros(4)
    for attempt in range(ROUNDS):
        lines = [_find_edge(pixels, preview, polygon, side) for side in range(4)]
        if box is not None and attempt == 0:
            lines = [line or _box_edge(preview) for line in lines]
        if not any(lines):
            break
        polygon, bend = _move(polygon, lines, bend)
        cut |= np.array([line is not None for line in lines])
    along, inward = sides(polygon)
    polygon = intersect_sides(polygon + inward * (cut * (MARGIN_PX + kernel_radius_px + bend))[:, None], along)
    return _inside(polygon, whole, least=MIN_PHOTOGRAPH * area(whole if box is None else box))


def _inside(polygon: Polygon, whole: Polygon, least: float) -> Polygon:
    """Return the part of a polygon inside the frame, or the whole frame when that is too little to be true."""
    kept = shapely.intersection(shapely.polygons(polygon), shapely.polygons(whole))
    if kept.geom_type != "Polygon" or kept.area < least:
        return whole
    return clockwise(shapely.get_coordinates(shapely.normalize(kept))[:-1])


def _rimmed(box: Polygon, preview: Preview) -> Polygon:
    """Return the outline of a rotated frame with a rim of the fill around it, in pixels of the frame."""
    return shrink(box, -FILL_RIM * preview.factor)


def _deepest(preview: Preview, polygon: Polygon) -> int:
    """Return the largest depth below a side, in pixels of the preview, at which a collar may end."""
    return int(MAX_DEPTH * min(np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1)) / preview.factor)


def _box_edge(preview: Preview) -> Line:
    """Return the edge of the rotation fill itself, where nothing better is known: its rim, and a pixel of the preview of doubt."""
    return Line((FILL_RIM + 1.0) * preview.factor, 0.0, np.ones(1, bool))


def _find_edge(pixels: Pixels, preview: Preview, polygon: Polygon, side: int) -> Line | None:
    """Return the depth below a side at which the photograph begins, places and depths in pixels; None without a collar."""
    for bright in (False, True):
        rough = _rough_edge(preview, polygon, side, bright=bright)
        if rough is not None:
            fine = _fine_edge(pixels, preview, polygon, side, rough, bright=bright)
            if fine is not None:
                return fine
    return None


def _places(polygon: Polygon, side: int, count: int) -> NDArray[np.float64]:
    """Return places along a side, shape (count,), in pixels from its first corner."""
    length = float(np.linalg.norm(polygon[(side + 1) % 4] - polygon[side]))
    return np.linspace(INSET * length, (1 - INSET) * length, count)


def _rough_edge(preview: Preview, polygon: Polygon, side: int, *, bright: bool) -> Line | None:
    """Return where the collar ends in the preview, places and depths in its pixels; None without a collar."""
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
    # The median absolute deviation of a normal distribution is 1/1.4826 of its standard deviation.
    grain = 1.4826 * float(np.median(np.abs(rim - level)))
    begun = intensities > level + np.clip(GRAIN * grain, MIN_STEP, MAX_STEP)
    stretch = max(3, round(SUSTAINED * min(preview.data.shape[1:])))
    line = fit_line(places, _first_sustained(begun, stretch), tolerance=1.25, max_slope=MAX_SLOPE)
    return None if line is None or line.depth(places).max() < 1 else line


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


def _move(polygon: Polygon, lines: list[Line | None], bend: NDArray[np.float64]) -> tuple[Polygon, NDArray[np.float64]]:
    """Return the polygon whose sides are the lines found, and how far inwards each side's film bends beyond its line.

    Args:
        polygon: Shape (4, 2), in pixels of the frame, from whose sides the lines were found.
        lines: One per side; a side without one stays.
        bend: Shape (4,), pixels, of the sides as they were.
    """
    along, inward = sides(polygon)
    points, directions, bends = polygon.copy(), along.copy(), bend.copy()
    for side, line in enumerate(lines):
        if line is not None:
            points[side] = polygon[side] + inward[side] * line.at_start
            directions[side] = along[side] + inward[side] * line.slope
            bends[side] = line.bend
    return intersect_sides(points, directions / np.linalg.norm(directions, axis=1, keepdims=True)), bends
