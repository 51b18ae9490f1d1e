"""Overviews of a frame in memory: each level is the average of the valid pixels of the level below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.cogmill.pixels import Bytes, strips

BLOCK_PX = 512
"""Side of a block: 512 is one or two range requests per screen tile; 256 quadruples the index, 1024 reads too much."""

ROWS = 128
"""Rows reduced at a time: they stay in the processor's cache, which makes this three times faster than whole images."""

FILLED = 255


@dataclass(frozen=True, slots=True)
class Level:
    """A frame at one resolution."""

    data: Bytes
    """Shape (bands, rows, columns), C-contiguous."""
    valid: Bytes
    """Shape (rows, columns), C-contiguous; 255 is picture and 0 is not."""

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.valid.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.valid.shape[0])


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return width and height of every level, full resolution first, down to a single block.

    >>> level_sizes(1500, 701)
    [(1500, 701), (750, 351), (375, 176)]
    """
    sizes = [(width, height)]
    while max(sizes[-1]) > BLOCK_PX:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def build_levels(data: Bytes, valid: Bytes) -> list[Level]:
    """Return a frame and all its overviews, full resolution first.

    Args:
        data: Shape (bands, rows, columns).
        valid: Shape (rows, columns), 255 is picture and 0 is not.
    """
    levels = [Level(data, valid)]
    while max(levels[-1].width, levels[-1].height) > BLOCK_PX:
        levels.append(halve(levels[-1]))
    return levels


def halve(level: Level) -> Level:
    """Return a level at half its resolution, rounded up.

    A pixel is the average of the valid ones among its four, rounded to nearest, and valid when any of them is. Averaging
    only valid pixels keeps the outline from darkening.
    """
    height, width = -(-level.height // 2), -(-level.width // 2)
    small = Level(np.empty((len(level.data), height, width), np.uint8), np.empty((height, width), np.uint8))
    for rows in strips(height, ROWS):
        double = slice(2 * rows.start, 2 * rows.stop)
        valid = _even(level.valid[double])
        small.valid[rows] = valid.reshape(valid.shape[0] // 2, 2, -1, 2).max(axis=(1, 3)) if not valid.all() else FILLED
        for number, band in enumerate(level.data):
            small.data[number, rows] = _average(_even(band[double]), valid)
    return small


def _even(layer: Bytes) -> Bytes:
    """Return a strip with an even number of rows and columns; what is added is zero, thus not valid."""
    height, width = layer.shape
    return np.pad(layer, ((0, height % 2), (0, width % 2))) if height % 2 or width % 2 else layer


def _average(band: Bytes, valid: Bytes) -> Bytes:
    columns = band[0::2].astype(np.uint16)
    columns += band[1::2]
    total = columns[:, 0::2] + columns[:, 1::2]
    total += 2
    total >>= 2
    small = total.astype(np.uint8)
    if not valid.all():
        _mend_rim(small, band, valid)
    return small


def _mend_rim(small: Bytes, band: Bytes, valid: Bytes) -> None:
    """Set the pixels with one to three valid ones below to their average, and those with none to 0."""
    count = _quads(valid != 0).sum(axis=0, dtype=np.uint8)
    small[count == 0] = 0
    rows, columns = np.nonzero((count > 0) & (count < 4))  # noqa: PLR2004
    if rows.size == 0:
        return
    values = np.stack([band[2 * rows + y, 2 * columns + x] for y in (0, 1) for x in (0, 1)]).astype(np.uint16)
    known = np.stack([valid[2 * rows + y, 2 * columns + x] for y in (0, 1) for x in (0, 1)]) != 0
    amount = count[rows, columns].astype(np.uint16)
    small[rows, columns] = ((values * known).sum(axis=0, dtype=np.uint16) + amount // 2) // amount


def _quads(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the four pixels below every pixel of the next level, shape (4, rows, columns)."""
    return np.stack([flags[y::2, x::2] for y in (0, 1) for x in (0, 1)])
