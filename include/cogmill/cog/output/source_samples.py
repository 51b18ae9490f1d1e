"""Sample the source of a COG at a lattice of its coarsest level, to be compared with what was written there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.levels import level_sizes
from cogmill.cog.output.verify_cog import ReferenceSamples
from cogmill.cog.source.decode import Bytes

POINTS = 24
"""Points a side at which the COG is compared with its source."""

MOST_STEPS = 32
"""Samples a side of the source that make one of those points; as many as the point has pixels, where these are fewer."""

MOST_BEND_PX = 0.1
"""Pixels of the source by which the projection may bend within a point, for its corners to stand for all of it."""

ToPixel = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From pixel coordinates of the COG, shape (n, 2) as (column, row), to those of the source."""


def sample_source(data: Bytes, mask: Bytes, to_pixel: ToPixel, scratch: ScratchArrays) -> ReferenceSamples:
    """Return what the coarsest level of a COG must show, as the mean of the source below each of its pixels.

    The source is read between its pixels where the pixels of the COG lie, each taken through the projection: so fine lines,
    rows of crops and pixels that are not square give the same mean as the COG's own, whatever its angle.

    Args:
        data: The source, shape (bands, rows, columns).
        mask: Of the COG at full resolution, shape (rows, columns), 255 where valid; only where all that a pixel of the
            coarsest level covers is valid there is a sample.
        to_pixel: From the COG to the source.
        scratch: Holds both.
    """
    rows, columns = mask.shape
    scale = 2 ** (len(level_sizes(columns, rows)) - 1)
    steps = (np.arange(POINTS) + 0.5) / POINTS
    mesh = np.stack(np.meshgrid(steps * columns, steps * rows), axis=-1).astype(int) // scale * scale
    corners = [corner for row in scratch.sweep(mesh) for corner in row if _is_valid(mask, corner, scale)]
    if not corners:
        return ReferenceSamples(np.zeros((0, 2)), np.zeros((len(data), 0)))
    at = np.array(corners, float)
    unit = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], float)
    found = to_pixel((at[:, None] + unit * scale).reshape(-1, 2)).reshape(-1, 4, 2)
    weights = _weights(min(scale, MOST_STEPS))
    bend = float(np.abs(to_pixel(at + scale / 2) - found.mean(axis=1)).max())
    if bend > MOST_BEND_PX:  # so coarse a raster that its projection bends below one of those pixels
        places = (at[:, None] + (weights @ unit) * scale).reshape(-1, 2)
        found, weights = to_pixel(places).reshape(len(at), -1, 2), np.eye(len(weights))
    parts = [found[start : start + POINTS] for start in range(0, len(found), POINTS)]
    values = [_means_between_pixels(data, weights @ part) for part in scratch.sweep(parts)]
    return ReferenceSamples(at + scale / 2, np.concatenate(values, axis=1))


def _is_valid(mask: Bytes, corner: NDArray[np.int64], scale: int) -> bool:
    """Whether a pixel of the coarsest level lies inside the COG, and all below it is valid."""
    column, row = corner.tolist()
    below = mask[row : row + scale, column : column + scale]
    return below.shape == (scale, scale) and bool(below.all())


def _weights(steps: int) -> NDArray[np.float64]:
    """Return the shares of four corners in each of `steps` x `steps` points between them, shape (points, 4)."""
    share = (np.arange(steps) + 0.5) / steps
    x, y = (each.ravel() for each in np.meshgrid(share, share))
    return np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], axis=1)


def _means_between_pixels(data: Bytes, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means of an image, each at some points, by linear interpolation; its outermost pixels go on forever.

    Args:
        data: Shape (bands, rows, columns).
        points: Shape (means, n, 2) as (column, row), pixel centers at .5.

    Returns:
        Shape (bands, means).
    """
    low = np.floor(points - 0.5)
    share = points - 0.5 - low
    height, width = data.shape[1:]
    left, top = np.moveaxis(low.astype(int), -1, 0)
    total: NDArray[np.float64] = np.zeros((len(data), len(points)))
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = np.abs(1 - right - share[..., 0]) * np.abs(1 - below - share[..., 1])
        near = data[:, (top + below).clip(0, height - 1), (left + right).clip(0, width - 1)]
        total += np.einsum("bmn,mn->bm", near, weight)
    total /= points.shape[1]
    return total
