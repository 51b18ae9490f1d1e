"""Outlines in pixel coordinates: polygons in, masks out. Column to the right, row down, pixel centres at .5."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
"""Corners of a polygon, shape (n, 2) as (column, row), not closed, clockwise on the screen."""


def rectangle(width: int, height: int) -> Ring:
    """Return the outline of a whole image."""
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], float)


def densify(ring: Ring, steps: int) -> Ring:
    """Return the ring with every side cut into `steps` pieces."""
    share = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    ends = np.roll(ring, -1, axis=0)
    return (ring[:, None] * (1 - share) + ends[:, None] * share).reshape(-1, 2)


def area(ring: Ring) -> float:
    """Return the area in square pixels, positive for rings that run clockwise on the screen."""
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def sides(ring: Ring) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the unit direction and the unit inward normal of every side, each of shape (n, 2)."""
    along = np.roll(ring, -1, axis=0) - ring
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    return along, np.stack([-along[:, 1], along[:, 0]], axis=1)


def join(points: NDArray[np.float64], along: NDArray[np.float64]) -> Ring:
    """Return the polygon whose sides run through `points` in the directions `along`; corner i is where side i begins."""
    before, direction = np.roll(points, 1, axis=0), np.roll(along, 1, axis=0)
    gap = points - before
    cross = direction[:, 0] * along[:, 1] - direction[:, 1] * along[:, 0]
    share = (gap[:, 0] * along[:, 1] - gap[:, 1] * along[:, 0]) / cross
    return before + direction * share[:, None]


def shrink(ring: Ring, margin: float) -> Ring:
    """Return a convex ring with every side moved inwards by `margin` pixels."""
    along, inward = sides(ring)
    return join(ring + inward * margin, along)


def fill(ring: Ring, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Set a mask to 255 where a pixel's centre lies inside the ring (even-odd), and return it.

    Args:
        ring: Outline; it may leave the image.
        mask: Shape (rows, columns), all 0.
    """
    shape = mask.shape
    rows, columns = _crossings(ring, shape[0])
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    edges = np.clip(np.ceil(columns - 0.5), 0, shape[1]).astype(int)
    for row, first, last in zip(rows[::2].tolist(), edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        mask[row, first:last] = 255
    return mask


def _crossings(ring: Ring, height: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return row and column of every crossing of the ring with the centre line of a row."""
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0)]
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        crossed = np.arange(max(0, np.ceil(low - 0.5)), min(height, np.ceil(high - 0.5)), dtype=np.int64)
        if crossed.size:
            rows.append(crossed)
            columns.append(x0 + (crossed + 0.5 - y0) * (x1 - x0) / (y1 - y0))
    return np.concatenate(rows), np.concatenate(columns)
