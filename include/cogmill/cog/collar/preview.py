"""A frame at a reduced size, and its tones at any set of points: what the search for collars looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.source.decode import Bytes, Pixels

THUMB_PX = 900
"""Longer side of the reduced picture in which the collar is first looked for."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A reduced picture."""

    factor: int
    """Pixels of the frame per pixel of the thumb."""
    data: NDArray[np.float32]
    """Shape (bands, rows, columns)."""
    empty: NDArray[np.bool_]
    """Shape (rows, columns): not valid by the file's own mask, or wedge."""


def reduce_frame(pixels: Pixels) -> Preview:
    """Return the frame at about `THUMB_PX`, each pixel the mean of four samples."""
    height, width = pixels.data.shape[1:]
    factor = max(1, math.ceil(max(height, width) / THUMB_PX))
    rows, columns = height // factor, width // factor

    def samples(layer: Bytes) -> list[Bytes]:
        places = (factor // 4, (3 * factor) // 4)
        return [layer[y::factor, x::factor][:rows, :columns] for y in places for x in places]

    data = np.stack([np.mean(samples(band), axis=0, dtype=np.float32) for band in pixels.data])
    empty = np.zeros((rows, columns), bool)
    if pixels.mask is not None:
        empty = ~np.all(samples(pixels.mask), axis=0)
    return Preview(factor, data, empty)


def sample_intensity(
    layers: NDArray[np.generic], points: NDArray[np.float64], *, bright: bool, empty: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Return how far pixels are from black (or from white), shape of `points` without its last axis.

    Args:
        layers: Shape (bands, rows, columns).
        points: Shape (..., 2) as (column, row) in pixels of `layers`.
        bright: Count from white.
        empty: Pixels that count as black and as white; so does everything outside the image.
    """
    height, width = layers.shape[1:]
    columns, rows = np.floor(points[..., 0]).astype(int), np.floor(points[..., 1]).astype(int)
    outside = (columns < 0) | (rows < 0) | (columns >= width) | (rows >= height)
    columns, rows = columns.clip(0, width - 1), rows.clip(0, height - 1)
    values = layers[:, rows, columns].astype(np.float32)
    found = 255 - values.min(axis=0) if bright else values.max(axis=0)
    if empty is not None:
        outside |= empty[rows, columns]
    found[outside] = 0
    return np.asarray(found, np.float32)
