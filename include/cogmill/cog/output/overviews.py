"""Overviews of a frame in memory: each level is the average of the valid pixels of the level below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import strips
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.arrays.threads import map_threaded
from cogmill.cog.source.decode import Bytes

BLOCK_PX = 512
"""Side of a block: 512 is one or two range requests per screen tile; 256 quadruples the index, 1024 reads too much."""

ROWS = 128
"""Rows reduced at a time: they stay in the processor's cache, which makes this three times faster than whole images."""

FILLED = 255

PAIR = 0xFFFF
"""Two valid pixels side by side."""


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


def build_levels(data: Bytes, valid: Bytes, arena: ScratchArrays, threads: int = 1) -> list[Level]:
    """Return a frame and all its overviews, full resolution first.

    Args:
        data: Shape (bands, rows, columns).
        valid: Shape (rows, columns), 255 is picture and 0 is not.
        arena: For the overviews.
        threads: Threads that average; they change nothing in the result.
    """
    levels = [Level(data, valid)]
    while max(levels[-1].width, levels[-1].height) > BLOCK_PX:
        levels.append(halve(levels[-1], arena, threads))
    return levels


def halve(level: Level, arena: ScratchArrays, threads: int) -> Level:
    """Return a level at half its resolution, rounded up.

    A pixel is the average of the valid ones among its four, rounded to nearest, and valid when any of them is. Averaging
    only valid pixels keeps the outline from darkening.
    """
    height, width = -(-level.height // 2), -(-level.width // 2)
    small = Level(arena.zeros((len(level.data), height, width)), arena.zeros((height, width)))
    map_threaded(lambda rows: _halve_rows(level, small, rows), strips(height, ROWS), threads)
    return small


def _halve_rows(level: Level, small: Level, rows: slice) -> None:
    """Fill some rows of the smaller level."""
    double = slice(2 * rows.start, 2 * rows.stop)
    valid = _even(level.valid[double])
    some, mixed = _reduce_mask(valid)
    small.valid[rows] = some
    for number, band in enumerate(level.data):
        strip = _even(band[double])
        small.data[number, rows] = _average(strip)
        if mixed is not None:
            _mend_rim(small.data[number, rows], strip, valid, mixed)
            small.data[number, rows][some == 0] = 0


def _even(layer: Bytes) -> Bytes:
    """Return a strip with an even number of rows and columns; what is added is zero, thus not valid."""
    height, width = layer.shape
    return np.pad(layer, ((0, height % 2), (0, width % 2))) if height % 2 or width % 2 else layer


def _reduce_mask(valid: Bytes) -> tuple[Bytes, NDArray[np.bool_] | None]:
    """Return which pixels of the next level are valid, and which have both valid and other ones below.

    The second is None when all are valid. Pairs of columns are looked at as one number of 16 bits.
    """
    upper, lower = (np.ascontiguousarray(valid[row::2]).view(np.uint16) for row in (0, 1))
    every = (upper & lower) == PAIR
    if every.all():
        return np.full(every.shape, FILLED, np.uint8), None
    some = (upper | lower) != 0
    return some * np.uint8(FILLED), some & ~every


def _average(band: Bytes) -> Bytes:
    """Return the rounded mean of each four pixels."""
    columns = band[0::2].astype(np.uint16)
    columns += band[1::2]
    total = columns[:, 0::2] + columns[:, 1::2]
    total += 2
    total >>= 2
    return total.astype(np.uint8)


def _mend_rim(small: Bytes, band: Bytes, valid: Bytes, mixed: NDArray[np.bool_]) -> None:
    """Set the pixels with one to three valid ones below to the rounded average of those."""
    rows, columns = np.nonzero(mixed)
    if rows.size == 0:
        return
    values = np.stack([band[2 * rows + y, 2 * columns + x] for y in (0, 1) for x in (0, 1)]).astype(np.uint16)
    known = np.stack([valid[2 * rows + y, 2 * columns + x] for y in (0, 1) for x in (0, 1)]) != 0
    count = known.sum(axis=0, dtype=np.uint16)
    small[rows, columns] = ((values * known).sum(axis=0, dtype=np.uint16) + count // 2) // count
