"""Overviews of a frame in memory: each level is the average of the valid pixels of the next finer one."""

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

VALID = 255
"""Value of a valid pixel in a mask; all others are 0."""

VALID_PAIR = 0xFFFF
"""Two valid pixels of a mask, side by side, as one number."""


@dataclass(frozen=True, slots=True)
class Level:
    """A frame at one resolution."""

    data: Bytes
    """Shape (bands, rows, columns), each band C-contiguous; 0 where not valid."""
    mask: Bytes
    """Shape (rows, columns), C-contiguous; 255 where valid and 0 where not."""

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or self.data.shape[1:] != self.mask.shape:  # noqa: PLR2004 - three axes
            raise ValueError(f"bands of {self.data.shape} with a mask of {self.mask.shape}")
        if not (self.mask.flags.c_contiguous and all(band.flags.c_contiguous for band in self.data)):
            raise ValueError("GDAL reads bands and masks where they are, so their rows must lie one behind the other")

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.mask.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.mask.shape[0])


def level_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return width and height of every level, full resolution first, down to a single block.

    >>> level_sizes(1500, 701)
    [(1500, 701), (750, 351), (375, 176)]
    """
    sizes = [(width, height)]
    while max(sizes[-1]) > BLOCK_PX:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def build_levels(data: Bytes, mask: Bytes, scratch: ScratchArrays, threads: int = 1) -> list[Level]:
    """Return a frame and all its overviews, full resolution first.

    Args:
        data: Shape (bands, rows, columns), see `Level`.
        mask: Shape (rows, columns), 255 where valid and 0 where not.
        scratch: Gives the memory of the overviews.
        threads: Threads that average; they change nothing in the result.
    """
    levels = [Level(data, mask)]
    while max(levels[-1].width, levels[-1].height) > BLOCK_PX:
        levels.append(halve(levels[-1], scratch, threads))
    return levels


def halve(level: Level, scratch: ScratchArrays, threads: int) -> Level:
    """Return a level at half its resolution, rounded up.

    A pixel is the average of the valid ones among its four, rounded to nearest, and valid when any of them is. Averaging
    only valid pixels keeps the outline from darkening.
    """
    height, width = -(-level.height // 2), -(-level.width // 2)
    small = Level(scratch.zeros((len(level.data), height, width)), scratch.zeros((height, width)))
    map_threaded(lambda rows: _halve_rows(level, small, rows), strips(height, ROWS), threads)
    return small


def _halve_rows(level: Level, small: Level, rows: slice) -> None:
    """Fill some rows of the smaller level in place, mask and bands."""
    double = slice(2 * rows.start, 2 * rows.stop)
    mask = _even(level.mask[double])
    reduced, mixed = _reduce_mask(mask)
    small.mask[rows] = reduced
    for number, band in enumerate(level.data):
        strip = _even(band[double])
        small.data[number, rows] = _average(strip)
        if mixed is not None:
            _average_valid(small.data[number, rows], strip, mask, mixed)
            small.data[number, rows][reduced == 0] = 0


def _even(layer: Bytes) -> Bytes:
    """Return a strip of shape (rows, columns) with an even number of both; what is added is 0, thus not valid."""
    height, width = layer.shape
    return np.pad(layer, ((0, height % 2), (0, width % 2))) if height % 2 or width % 2 else layer


def _reduce_mask(mask: Bytes) -> tuple[Bytes, NDArray[np.bool_] | None]:
    """Return the mask of the next level, and which of its pixels have both valid and other ones among their four.

    Pairs of columns are looked at as one number of 16 bits.

    Args:
        mask: Shape (2 * rows, 2 * columns), 255 where valid and 0 where not.

    Returns:
        Shape (rows, columns) both; the second is None when all are valid.
    """
    upper, lower = (np.ascontiguousarray(mask[row::2]).view(np.uint16) for row in (0, 1))
    every = (upper & lower) == VALID_PAIR
    if every.all():
        return np.full(every.shape, VALID, np.uint8), None
    some = (upper | lower) != 0
    return some * np.uint8(VALID), some & ~every


def _average(band: Bytes) -> Bytes:
    """Return the mean of each four pixels, rounded to nearest, shape (rows, columns) for (2 * rows, 2 * columns)."""
    columns = band[0::2].astype(np.uint16)
    columns += band[1::2]
    total = columns[:, 0::2] + columns[:, 1::2]
    total += 2
    total >>= 2
    return total.astype(np.uint8)


def _average_valid(small: Bytes, band: Bytes, mask: Bytes, mixed: NDArray[np.bool_]) -> None:
    """Set pixels with one to three valid ones among their four to the rounded average of those.

    Args:
        small: Shape (rows, columns); changed in place where `mixed`.
        band: Shape (2 * rows, 2 * columns).
        mask: Of the shape of `band`, 255 where valid and 0 where not.
        mixed: Of the shape of `small`, True for the pixels to set.
    """
    rows, columns = np.nonzero(mixed)
    if rows.size == 0:
        return
    values = np.stack([band[2 * rows + y, 2 * columns + x] for y in (0, 1) for x in (0, 1)]).astype(np.uint16)
    valid = np.stack([mask[2 * rows + y, 2 * columns + x] for y in (0, 1) for x in (0, 1)]) != 0
    count = valid.sum(axis=0, dtype=np.uint16)
    small[rows, columns] = ((values * valid).sum(axis=0, dtype=np.uint16) + count // 2) // count
