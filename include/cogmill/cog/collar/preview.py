"""A frame at a reduced size, and intensities at any set of points: what the search for collars looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import strips
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.source.decode import Bytes, Pixels

PREVIEW_PX = 900
"""Longer side of the preview in which the collar is first looked for."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A frame at a fraction of its resolution."""

    factor: int
    """Pixels of the frame per pixel of the preview."""
    data: NDArray[np.float32]
    """Shape (bands, rows, columns), 0 to 255."""
    nodata: NDArray[np.bool_]
    """Shape (rows, columns), True where not valid by the file's own mask, or rotation fill."""

    def __post_init__(self) -> None:
        if self.factor < 1 or self.data.shape[1:] != self.nodata.shape:
            raise ValueError(f"bands of {self.data.shape} at 1/{self.factor} with nodata of {self.nodata.shape}")


ROWS = 64
"""Rows of the preview that are made together."""


def reduce_frame(pixels: Pixels, scratch: ScratchArrays) -> Preview:
    """Return the preview of a frame, which `scratch` holds, each pixel the mean of four samples."""
    height, width = pixels.data.shape[1:]
    factor = max(1, math.ceil(max(height, width) / PREVIEW_PX))
    rows, columns = height // factor, width // factor

    def samples(layer: Bytes, part: slice) -> list[Bytes]:
        """Return four pixels for each of some rows of the preview, four times shape (..., rows, columns)."""
        strip = layer[..., part.start * factor : part.stop * factor, : columns * factor]
        places = (factor // 4, (3 * factor) // 4)
        return [strip[..., y::factor, x::factor] for y in places for x in places]

    data = np.empty((len(pixels.data), rows, columns), np.float32)
    nodata = np.zeros((rows, columns), bool)
    for part in scratch.sweep(strips(rows, ROWS)):
        data[:, part] = np.mean(samples(pixels.data, part), axis=0, dtype=np.float32)
        if pixels.mask is not None:
            nodata[part] = ~np.all(samples(pixels.mask, part), axis=0)
    return Preview(factor, data, nodata)


def sample_intensity(
    layers: NDArray[np.generic], points: NDArray[np.float64], *, bright: bool, nodata: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Return how far pixels are from black (or from white), 0 to 255, of the shape of `points` without its last axis.

    Args:
        layers: Shape (bands, rows, columns), 0 to 255.
        points: Shape (..., 2) as (column, row) in pixels of `layers`.
        bright: Count from white.
        nodata: Shape (rows, columns), True for pixels that count as black and as white; so does all outside the image.
    """
    height, width = layers.shape[1:]
    columns, rows = np.floor(points[..., 0]).astype(int), np.floor(points[..., 1]).astype(int)
    outside = (columns < 0) | (rows < 0) | (columns >= width) | (rows >= height)
    columns, rows = columns.clip(0, width - 1), rows.clip(0, height - 1)
    values = layers[:, rows, columns].astype(np.float32)
    found = 255 - values.min(axis=0) if bright else values.max(axis=0)
    if nodata is not None:
        outside |= nodata[rows, columns]
    found[outside] = 0
    return np.asarray(found, np.float32)
