"""Overviews of a frame in memory: each level is the average of the valid pixels of the next finer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import VALID, all_valid, is_all_valid, strips
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.arrays.threads import map_threaded
from cogmill.cog.source.decode import Bytes

BLOCK_PX = 512
"""Side of a block: 512 is one or two range requests per screen tile; 256 quadruples the index, 1024 reads too much."""

ROWS = 128
"""Rows reduced at a time: they stay in the processor's cache, which makes this three times faster than whole images."""

VALID_PAIR = 0xFFFF
"""Two valid pixels of a mask, side by side, as one number."""


@dataclass(frozen=True, slots=True)
class Level:
    """A frame at one resolution."""

    data: Bytes
    """Shape (bands, rows, columns), each band C-contiguous; 0 where not valid."""
    mask: Bytes
    """Shape (rows, columns), 255 where valid and 0 where not; C-contiguous, or made by `masks.all_valid`."""

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or self.data.shape[1:] != self.mask.shape:  # noqa: PLR2004 - three axes
            raise ValueError(f"bands of {self.data.shape} with a mask of {self.mask.shape}")
        mask_in_place = self.mask.flags.c_contiguous or is_all_valid(self.mask)
        if not (mask_in_place and all(band.flags.c_contiguous for band in self.data)):
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
    whole = is_all_valid(level.mask)
    mask = all_valid(height, width) if whole else scratch.zeros((height, width))
    small = Level(scratch.zeros((len(level.data), height, width)), mask)
    fill = _halve_whole_rows if whole else _halve_rows

    def reduce(rows: slice) -> None:
        """Fill some rows of the smaller level."""
        fill(level, small, rows)
        scratch.release()

    map_threaded(reduce, strips(height, ROWS), threads)
    return small


def _halve_whole_rows(level: Level, small: Level, rows: slice) -> None:
    """Fill some rows of the bands of a smaller level in place, where every pixel of both levels is valid."""
    for source, target in zip(level.data, small.data, strict=True):
        # The mean of a pixel and its own repetition is the pixel: rows and columns at an odd edge count as they should.
        _average(_even(source[2 * rows.start : 2 * rows.stop], mode="edge"), target[rows])


def _halve_rows(level: Level, small: Level, rows: slice) -> None:
    """Fill some rows of the smaller level in place, mask and bands."""
    double = slice(2 * rows.start, 2 * rows.stop)
    mask = _even(level.mask[double])
    reduced, mixed = _reduce_mask(mask)
    small.mask[rows] = reduced
    for number, band in enumerate(level.data):
        strip = _even(band[double])
        _average(strip, small.data[number, rows])
        if mixed is not None:
            _average_valid(small.data[number, rows], strip, mask, mixed)
            small.data[number, rows][reduced == 0] = 0


def _even(layer: Bytes, mode: Literal["constant", "edge"] = "constant") -> Bytes:
    """Return a strip of shape (rows, columns) with an even number of both.

    Args:
        layer: Bands or mask.
        mode: What is added: 0 by default, which is not valid, or for "edge" the last row or column once more.
    """
    height, width = layer.shape
    return np.pad(layer, ((0, height % 2), (0, width % 2)), mode) if height % 2 or width % 2 else layer


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


def _average(band: Bytes, small: Bytes) -> None:
    """Set `small`, shape (rows, columns), to the mean of each four pixels of `band`, shape (2 * rows, 2 * columns).

    At exactly half the size OpenCV's area interpolation is (a + b + c + d + 2) >> 2, in integers on every machine.

    Raises:
        MemoryError: OpenCV has not enough of it.
    """
    try:
        cv2.resize(band, small.shape[::-1], dst=small, interpolation=cv2.INTER_AREA)
    except cv2.error as err:
        raise (MemoryError if err.code == cv2.Error.StsNoMem else RuntimeError)(str(err)) from err


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
