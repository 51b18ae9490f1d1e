"""Find the photograph inside its film collar, in the frame's own pixel grid.

A collar is a frame: near-black or near-white, connected to the edge, ending along four straight lines. So the lines are
looked for, not the pixels: the inside of the polygon stays untouched, whatever black water or white roof touches the
collar, and everything outside goes, whatever is written there (frame number, clock, fiducial marks). Fields and lakes end
along straight lines too: what lies outside is a collar only where `margin` says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.cog.arrays.polygons import Polygon, area, clockwise, intersect_sides, rectangle, shrink, sides
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar.edges import find_edge
from cogmill.cog.collar.line_fit import Line
from cogmill.cog.collar.margin import Margin, is_film, is_written_fill
from cogmill.cog.collar.preview import Preview, reduce_frame
from cogmill.cog.collar.rotation import find_rotated_frame
from cogmill.cog.source.decode import Pixels

ROUNDS = 3
"""Collars inside each other: rotation fill, white of the scanner's lid, film."""

FILL_RIM = 3
"""Pixels of the preview that are left of the rotation fill, so that the frame's edge is looked for from outside."""

MARGIN_PX = 1.0
"""Blur of the collar's edge, cut off with it."""

THIN, THIN_PX = 0.0025, 3.0
"""Depth, as a share of the shorter side and in pixels, of a dark or bright edge that goes without a question: programs draw
such lines around what they export, and no picture is lost with them."""

MIN_PHOTOGRAPH = 0.4
"""A result smaller than this share of what lies inside the rotation fill is a mistake, and the frame is left as it is."""


@dataclass(frozen=True, slots=True)
class PhotographOutline:
    """Where the photograph lies in a frame, and what was decided about its rim."""

    polygon: Polygon
    """Outline, convex, in pixels of the frame; the whole frame when no collar is found."""
    collar_share: float
    """Share of what lies inside the rotation fill that is cut off with the collar, 0 to 1."""
    kept_rim: bool
    """Whether a straight edge was found that is not taken for a collar's, so that all inside of it stays."""


def find_photograph(pixels: Pixels, kernel_radius_px: float, scratch: ScratchArrays) -> PhotographOutline:
    """Return the outline of the photograph.

    Args:
        pixels: The frame. Rotation fill around a frame that is no rectangle is written into its mask.
        kernel_radius_px: Pixels by which the outline keeps away from the collar, for a kernel that looks around.
        scratch: Holds the frame, and gives the memory of such a mask.
    """
    height, width = pixels.data.shape[1:]
    whole = rectangle(width, height)
    preview = reduce_frame(pixels, scratch)
    box = find_rotated_frame(pixels, preview, scratch)
    outside = whole if box is None else _rimmed(box, preview)
    outline, kept_rim = _search(pixels, preview, outside, rotated=box is not None)
    inside = whole if box is None else box
    found = _inside(outline.cut(kernel_radius_px), whole, least=MIN_PHOTOGRAPH * area(inside))
    return PhotographOutline(found, max(0.0, 1 - area(found) / area(inside)), kept_rim)


@dataclass(frozen=True, slots=True)
class _Outline:
    """A polygon whose sides close in on the photograph."""

    polygon: Polygon
    """Shape (4, 2), in pixels of the frame."""
    bend: NDArray[np.float64]
    """Shape (4,), pixels: how far inwards each side's film bends beyond its line."""
    moved: NDArray[np.bool_]
    """Shape (4,): sides that are no longer those of the frame."""

    def cut(self, kernel_radius_px: float) -> Polygon:
        """Return the polygon with the blur, the bend and the kernel's radius taken off the sides that moved."""
        along, inward = sides(self.polygon)
        off = self.moved * (MARGIN_PX + kernel_radius_px + self.bend)
        return intersect_sides(self.polygon + inward * off[:, None], along)

    def move(self, lines: list[Line | None]) -> _Outline:
        """Return the outline whose sides are the lines found, one per side; a side without one stays."""
        polygon, bend = _move(self.polygon, lines, self.bend)
        return _Outline(polygon, bend, self.moved | np.array([line is not None for line in lines]))


def _search(pixels: Pixels, preview: Preview, outside: Polygon, *, rotated: bool) -> tuple[_Outline, bool]:
    """Return the innermost outline around which all is collar, and whether lines further in were given up.

    Args:
        pixels: The frame.
        preview: Of the frame.
        outside: Where the search begins, shape (4, 2).
        rotated: Whether `outside` lies in rotation fill, which goes in any case.
    """
    outline = _Outline(outside, np.zeros(4), np.zeros(4, bool))
    margins: list[Margin | None] = [None] * 4
    accepted, kept_rim = outline, False
    for attempt in range(ROUNDS):
        fill = rotated and attempt == 0
        edges = [find_edge(pixels, preview, outline.polygon, side) for side in range(4)]
        if not any(edges) and not fill:
            break
        lines = [edge and edge[0] for edge in edges]
        if outline is accepted:
            thin = [_thin(line, preview, fill=fill) for line in lines]
            accepted = outline.move(thin)
            kept_rim = any(line is not None and slim is not line for line, slim in zip(lines, thin, strict=True))
        if fill:
            lines = [line or _box_edge(preview) for line in lines]
        outline = outline.move(lines)
        margins = [edge[1] if edge else margin for edge, margin in zip(edges, margins, strict=True)]
        if is_film(margins) or (rotated and is_written_fill(margins, FILL_RIM + 2)):
            accepted, kept_rim = outline, False
        elif not kept_rim:
            outline = accepted
    return accepted, kept_rim


def _thin(line: Line | None, preview: Preview, *, fill: bool) -> Line | None:
    """Return what goes in any case: the fill of a rotation, or a line drawn along the edge."""
    if fill:
        deepest = (FILL_RIM + 2) * preview.factor
        return line if line is not None and _depth(line, preview) <= deepest else _box_edge(preview)
    thin = max(THIN_PX, THIN * preview.factor * min(preview.data.shape[1:]))
    return line if line is not None and _depth(line, preview) <= thin else None


def _depth(line: Line, preview: Preview) -> float:
    """Return the largest depth of a line along a side, pixels of the frame."""
    ends = np.array([0.0, preview.factor * min(preview.data.shape[1:])])
    return float(line.depth(ends).max())


def _inside(polygon: Polygon, whole: Polygon, least: float) -> Polygon:
    """Return the part of a polygon inside the frame, or the whole frame when that is too little to be true."""
    kept = shapely.intersection(shapely.polygons(polygon), shapely.polygons(whole))
    if kept.geom_type != "Polygon" or kept.area < least:
        return whole
    return clockwise(shapely.get_coordinates(shapely.normalize(kept))[:-1])


def _rimmed(box: Polygon, preview: Preview) -> Polygon:
    """Return the outline of a rotated frame with a rim of the fill around it, in pixels of the frame."""
    return shrink(box, -FILL_RIM * preview.factor)


def _box_edge(preview: Preview) -> Line:
    """Return the edge of the rotation fill itself, where nothing better is known: its rim, and a pixel of the preview of doubt."""
    return Line((FILL_RIM + 1.0) * preview.factor, 0.0, np.ones(1, bool))


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
