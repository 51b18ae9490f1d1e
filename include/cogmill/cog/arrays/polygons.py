"""Polygons in pixel coordinates: column to the right, row down, pixel centers at .5; and their masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.arrays.scratch import ScratchArrays

Polygon = NDArray[np.float64]
"""Corners, shape (n, 2) as (column, row) in pixels, not closed, clockwise on the screen."""


IN_MEMORY = ScratchArrays(None)
"""Holds arrays that are not in files."""

ROWS = 512
"""Rows of a mask that are filled together."""

NEARLY_PX = 0.25
"""Distance of a pixel's center to an outline, in pixels, within which rounding could decide on which side it lies."""


def rectangle(width: int, height: int) -> Polygon:
    """Return the outline of a whole image."""
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], float)


def densify(polygon: Polygon, steps: int) -> Polygon:
    """Return a polygon of n * steps corners: every side is cut into `steps` equal pieces."""
    share = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    ends = np.roll(polygon, -1, axis=0)
    return (polygon[:, None] * (1 - share) + ends[:, None] * share).reshape(-1, 2)


def area(polygon: Polygon) -> float:
    """Return the area in square pixels (shoelace formula), positive for corners that run clockwise on the screen."""
    x, y = polygon.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def clockwise(corners: Polygon) -> Polygon:
    """Return a polygon with its corners in the order that this module promises."""
    return corners if area(corners) > 0 else corners[::-1]


def sides(polygon: Polygon) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the unit direction and the unit inward normal of every side, each of shape (n, 2); side i begins at corner i."""
    along = np.roll(polygon, -1, axis=0) - polygon
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    return along, np.stack([-along[:, 1], along[:, 0]], axis=1)


def intersect_sides(points: NDArray[np.float64], along: NDArray[np.float64]) -> Polygon:
    """Return the polygon whose corners are the intersections of neighboring sides; corner i is where side i begins.

    Args:
        points: Shape (n, 2): any point of each side's line.
        along: Shape (n, 2): direction of each side, of any length; neighbors must not be parallel.
    """
    before, direction = np.roll(points, 1, axis=0), np.roll(along, 1, axis=0)
    gap = points - before
    # Cramer's rule for before + share * direction = point + t * along.
    cross = direction[:, 0] * along[:, 1] - direction[:, 1] * along[:, 0]
    share = (gap[:, 0] * along[:, 1] - gap[:, 1] * along[:, 0]) / cross
    return before + direction * share[:, None]


def shrink(polygon: Polygon, margin: float) -> Polygon:
    """Return a convex polygon with every side moved inwards by `margin` pixels, or outwards where it is negative."""
    along, inward = sides(polygon)
    return intersect_sides(polygon + inward * margin, along)


def covers(polygon: Polygon, width: int, height: int) -> bool:
    """Return whether a convex polygon holds the center of every pixel of an image, none of them nearly at its outline."""
    _, inward = sides(polygon)
    centers = rectangle(width - 1, height - 1) + 0.5
    depths = ((centers[:, None] - polygon) * inward).sum(axis=-1)
    return bool(depths.min() > NEARLY_PX)


def rasterize(polygon: Polygon, mask: NDArray[np.uint8], scratch: ScratchArrays = IN_MEMORY) -> NDArray[np.uint8]:
    """Set a mask to 255 where a pixel's center lies inside a polygon (even-odd rule), and return it.

    Args:
        polygon: May leave the image.
        mask: Shape (rows, columns), all 0; changed in place.
        scratch: Holds the mask.
    """
    shape = mask.shape
    rows, columns = _crossings(polygon, shape[0])
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    edges = np.clip(np.ceil(columns - 0.5), 0, shape[1]).astype(int)
    spans = list(zip(rows[::2].tolist(), edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    for start in scratch.sweep(range(0, len(spans), ROWS)):
        for row, first, last in spans[start : start + ROWS]:
            mask[row, first:last] = 255
    return mask


def _crossings(polygon: Polygon, height: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where sides cross the center lines of rows 0 to `height`: rows and columns, each of shape (crossings,)."""
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0)]
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        crossed = np.arange(max(0, np.ceil(low - 0.5)), min(height, np.ceil(high - 0.5)), dtype=np.int64)
        if crossed.size:
            rows.append(crossed)
            columns.append(x0 + (crossed + 0.5 - y0) * (x1 - x0) / (y1 - y0))
    return np.concatenate(rows), np.concatenate(columns)
