"""Finds the photograph inside its film collar, in the frame's own pixel grid.

A collar is a frame: near-black or near-white, connected to the edge, ending along four straight lines. So the lines are
looked for, not the pixels: the inside of the polygon stays untouched, whatever black water or white roof touches the
collar, and everything outside goes, whatever is written there (frame number, clock, fiducial marks).
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.cog.arrays.polygons import Ring, area, join, rectangle, shrink, sides
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar.line_fit import Line, fit_line
from cogmill.cog.collar.preview import Preview, reduce_frame, sample_intensity
from cogmill.cog.collar.rotation import wedge_box
from cogmill.cog.source.decode import Pixels

PROFILES_PER_SIDE = 240
"""Lines of pixels, perpendicular to a side, along which the end of the collar is looked for."""

INSET = 0.06
"""Share of a side left out at each end, where the neighbouring collar is."""

MAX_DEPTH = 0.16
"""Widest collar, as a share of the frame's shorter side: film of 9 inches shows at most 1.2 inches of collar."""

MAX_SLOPE = 0.1
"""Steepest angle between collar and side, 6 degrees; more is taken out beforehand with the wedges."""

DARK, BRIGHT = 70.0, 40.0
"""Median tone of a collar's outermost pixels, counted from black and from white."""

GRAIN = 4.0
"""Standard deviations of the collar's own grain that still are collar."""

MIN_STEP, MAX_STEP = 12.0, 45.0
"""Bounds in grey levels for what the grain allows."""

SUSTAINED = 0.012
"""The picture has begun where it stays for this share of the shorter side; lettering is smaller."""

MOSTLY = 0.75
"""Share of that stretch which must be lighter than the collar; the rest may be dark things in the picture."""

ROUNDS = 3
"""Collars inside each other: wedge of a rotation, white of the scanner's lid, film."""


BOX_RIM = 3
"""Thumb pixels of wedge left around that rectangle, so that its edge is looked for from outside."""

MARGIN_PX = 1.0
"""Blur of the collar's edge, cut off with it."""

EDGE_TOLERANCE_PX = 3.0
"""How far the film's edge may bend away from a straight line; the cut follows its innermost bend."""

LEAST_PICTURE = 0.4
"""A result smaller than this share of what lies between the wedges is a mistake, and the frame is left as it is."""


def find_picture(pixels: Pixels, reach: float, arena: ScratchArrays) -> Ring:
    """Return the outline of the photograph in pixel coordinates, convex and clockwise on the screen.

    Wedges that are no part of a rectangle are written into the frame's mask instead.

    Args:
        pixels: The frame.
        reach: Pixels by which the outline keeps away from the collar, for a kernel that looks around.
        arena: For a mask.
    """
    height, width = pixels.data.shape[1:]
    whole = rectangle(width, height)
    thumb = reduce_frame(pixels)
    box = wedge_box(pixels, thumb, arena)
    ring, cut = (whole, np.zeros(4, bool)) if box is None else (_rimmed(box, thumb), np.ones(4, bool))
    bend = np.zeros(4)
    for attempt in range(ROUNDS):
        lines = [_find_edge(pixels, thumb, ring, side) for side in range(4)]
        if box is not None and attempt == 0:
            lines = [line or _box_edge(thumb) for line in lines]
        if not any(lines):
            break
        ring, bend = _move(ring, lines, bend)
        cut |= np.array([line is not None for line in lines])
    along, inward = sides(ring)
    ring = join(ring + inward * (cut * (MARGIN_PX + reach + bend))[:, None], along)
    return _inside(ring, whole, least=LEAST_PICTURE * area(whole if box is None else box))


def _inside(ring: Ring, whole: Ring, least: float) -> Ring:
    """Return the part of a ring inside the frame, or the whole frame when that is too little to be true."""
    kept = shapely.intersection(shapely.polygons(ring), shapely.polygons(whole))
    if kept.geom_type != "Polygon" or kept.area < least:
        return whole
    corners = shapely.get_coordinates(shapely.normalize(kept))[:-1]
    clockwise: Ring = corners if area(corners) > 0 else corners[::-1]
    return clockwise


def _rimmed(box: Ring, thumb: Preview) -> Ring:
    return shrink(box, -BOX_RIM * thumb.factor)


def _deepest(thumb: Preview, ring: Ring) -> int:
    """Return the deepest place, in thumb pixels below a side, at which a collar may end."""
    return int(MAX_DEPTH * min(np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)) / thumb.factor)


def _box_edge(thumb: Preview) -> Line:
    """Return the side of a wedge's rectangle itself, where nothing better is known: its rim, and a thumb pixel of doubt."""
    return Line((BOX_RIM + 1.0) * thumb.factor, 0.0, np.ones(1, bool))


def _find_edge(pixels: Pixels, thumb: Preview, ring: Ring, side: int) -> Line | None:
    """Return how deep below a side the picture begins, in pixels of the frame along the side, or None without a collar."""
    for bright in (False, True):
        rough = _rough_edge(thumb, ring, side, bright=bright)
        if rough is not None:
            fine = _fine_edge(pixels, thumb, ring, side, rough, bright=bright)
            if fine is not None:
                return fine
    return None


def _places(ring: Ring, side: int, count: int) -> NDArray[np.float64]:
    """Return places along a side in pixels from its first corner."""
    length = float(np.linalg.norm(ring[(side + 1) % 4] - ring[side]))
    return np.linspace(INSET * length, (1 - INSET) * length, count)


def _rough_edge(thumb: Preview, ring: Ring, side: int, *, bright: bool) -> Line | None:
    """Find the collar's end in the thumb; places and depths in its pixels."""
    small = ring / thumb.factor
    along, inward = sides(small)
    places = _places(small, side, PROFILES_PER_SIDE)
    steps = np.arange(_deepest(thumb, ring)) + 0.5
    if len(steps) < 3:  # noqa: PLR2004
        return None
    points = small[side] + places[:, None, None] * along[side] + steps[None, :, None] * inward[side]
    tones = sample_intensity(thumb.data, points, bright=bright, empty=thumb.empty)
    rim = tones[:, :2]
    level = float(np.median(rim))
    if level > (BRIGHT if bright else DARK):
        return None
    grain = 1.4826 * float(np.median(np.abs(rim - level)))
    picture = tones > level + np.clip(GRAIN * grain, MIN_STEP, MAX_STEP)
    stretch = max(3, round(SUSTAINED * min(thumb.data.shape[1:])))
    line = fit_line(places, _first_sustained(picture, stretch), tolerance=1.25, max_slope=MAX_SLOPE)
    return None if line is None or line.depth(places).max() < 1 else line


def _first_sustained(picture: NDArray[np.bool_], stretch: int) -> NDArray[np.float64]:
    """Return for each profile, shape (profiles, steps), the first step that begins a stretch of picture; NaN for none."""
    padded = np.pad(picture, ((0, 0), (0, stretch - 1)), mode="edge").astype(np.float32)
    total = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1)
    begins = picture & (total[:, stretch:] - total[:, :-stretch] >= MOSTLY * stretch)
    return np.where(begins.any(axis=1), begins.argmax(axis=1).astype(float), np.nan)


def _fine_edge(  # noqa: PLR0913 - the same search as above, begun elsewhere
    pixels: Pixels, thumb: Preview, ring: Ring, side: int, rough: Line, *, bright: bool
) -> Line | None:
    """Find the collar's end to the pixel, near the line found in the thumb; places and depths in pixels of the frame."""
    along, inward = sides(ring)
    places = _places(ring, side, 2 * PROFILES_PER_SIDE)
    near = rough.depth(places / thumb.factor) * thumb.factor
    width = 2 * thumb.factor + 4
    steps = np.arange(-width, width + 1) + 0.5
    depths = near[:, None] + steps[None]
    points = ring[side] + places[:, None, None] * along[side] + depths[..., None] * inward[side]
    tones = np.mean(
        [sample_intensity(pixels.data, points + beside * along[side], bright=bright) for beside in (-1, 0, 1)], axis=0
    )
    breaks = _break(tones)
    return fit_line(places, near + breaks - width, tolerance=EDGE_TOLERANCE_PX, max_slope=MAX_SLOPE)


def _break(tones: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each profile the number of samples before its strongest rise; NaN where none is clear."""
    count = tones.shape[1]
    before = np.arange(1, count)
    sums = np.cumsum(tones, axis=1)
    rise = (sums[:, -1:] - sums[:, :-1]) / (count - before) - sums[:, :-1] / before
    best = np.argmax(rise * np.sqrt(before * (count - before)), axis=1)
    clear = rise[np.arange(len(tones)), best] >= MIN_STEP / 2
    return np.where(clear, before[best].astype(float), np.nan)


def _move(ring: Ring, lines: list[Line | None], bend: NDArray[np.float64]) -> tuple[Ring, NDArray[np.float64]]:
    """Return the ring whose sides are the lines found, and how far inwards each film edge bends beyond its line."""
    along, inward = sides(ring)
    points, directions, bends = ring.copy(), along.copy(), bend.copy()
    for side, line in enumerate(lines):
        if line is not None:
            points[side] = ring[side] + inward[side] * line.at_start
            directions[side] = along[side] + inward[side] * line.slope
            bends[side] = line.bend
    return join(points, directions / np.linalg.norm(directions, axis=1, keepdims=True)), bends
