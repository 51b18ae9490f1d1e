"""One level of a written COG, and whether it decodes to what it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from osgeo import gdal

from cogmill.cog.output.blocks import GRAY, MASK, readable, verify_gray, verify_mask
from cogmill.cog.output.levels import BLOCK_PX, Level
from cogmill.cog.output.tiff import Directory
from cogmill.cog.source.decode import Bytes
from cogmill.cog.source.gdal_types import Dataset, Samples
from cogmill.domain.errors import VerificationError

STRIDE = 4
"""Lossy pixels are compared on every fourth row and column: 16 samples in each 16 x 16 unit of JPEG."""

CELL = 4
"""Side of a compared cell in samples: one unit of subsampled JPEG."""

LOSS_LEVELS = 48
"""Mean difference of a cell, in gray levels, that no quality setting explains; a damaged block shows 60 and more."""

Window = tuple[int, int, int, int]
"""Column, row, width and height of a part of a level, pixels."""


class LossError(VerificationError):
    """The COG shows something else: damage, another picture, or, by a lossy codec, edges that it cannot carry."""


@dataclass(frozen=True, slots=True)
class WrittenLevel:
    """A level in the file, and what it must decode to."""

    path: Path
    file: BinaryIO
    """The same file; for reading at given offsets only, which several threads may do."""
    number: int
    """0 is full resolution."""
    wanted: Level
    image: Directory
    mask: Directory
    lossless: bool

    @property
    def has_plain_bands(self) -> bool:
        """Whether `blocks` decodes the image."""
        return self.lossless and readable(self.image, GRAY)

    @property
    def has_plain_mask(self) -> bool:
        """Whether `blocks` decodes the mask."""
        return readable(self.mask, MASK)

    def verify_rows(self, rows: slice) -> None:
        """Raise when some rows in the file, mask or bands, are not those of the level in memory; they are a row of blocks."""
        row, window = rows.start // BLOCK_PX, (0, rows.start, self.wanted.width, rows.stop - rows.start)
        try:
            if self.has_plain_mask:
                verify_mask(self.file, self.mask, row, self.wanted.mask[rows])
            else:
                self._compare_mask(window)
            if self.has_plain_bands:
                verify_gray(self.file, self.image, row, self.wanted.data[0, rows])
            else:
                self._compare_bands(window)
        except VerificationError as err:
            raise type(err)(f"level {self.number}: {err}") from err

    def verify_middle(self) -> None:
        """Raise when GDAL reads other pixels in the middle block: it must understand the directory as `blocks` does."""
        column, row = ((side // 2) // BLOCK_PX * BLOCK_PX for side in (self.wanted.width, self.wanted.height))
        window = (column, row, min(BLOCK_PX, self.wanted.width - column), min(BLOCK_PX, self.wanted.height - row))
        try:
            if self.has_plain_mask:
                self._compare_mask(window)
            if self.has_plain_bands:
                self._compare_bands(window)
        except VerificationError as err:
            raise type(err)(f"level {self.number}, as GDAL reads it: {err}") from err

    def _compare_mask(self, window: Window) -> None:
        """Raise when GDAL reads another mask in a window."""
        column, row, width, height = window
        found = self._read(lambda written: written.GetRasterBand(1).GetMaskBand().ReadAsArray(*window))
        if not np.array_equal(found, self.wanted.mask[row : row + height, column : column + width]):
            raise VerificationError(f"the mask differs in rows {row} to {row + height}")

    def _compare_bands(self, window: Window) -> None:
        """Raise when GDAL reads other pixels in a window."""
        column, row, width, height = window
        found = self._read(lambda written: written.ReadAsArray(*window))
        wanted = self.wanted.data[:, row : row + height, column : column + width]
        _compare(found.reshape(wanted.shape), wanted, lossless=self.lossless)

    def _read(self, read: Callable[[Dataset], Samples]) -> Samples:
        """Return what GDAL reads of the level."""
        try:
            return read(open_level(self.path, self.number))
        except RuntimeError as err:
            raise VerificationError(f"a block does not decode: {err}") from err


def open_level(path: Path, level: int) -> Dataset:
    """Open one level of a COG, 0 being full resolution; for use by one thread."""
    options = ["GEOREF_SOURCES=INTERNAL", "NUM_THREADS=1"]
    if level:
        options.append(f"OVERVIEW_LEVEL={level - 1}")
    dataset: Dataset = gdal.OpenEx(str(path), gdal.OF_RASTER, allowed_drivers=["GTiff"], open_options=options)
    return dataset


def _compare(found: Samples, wanted: Bytes, *, lossless: bool) -> None:
    """Raise when decoded values are not what was to be written; both of shape (bands, rows, columns)."""
    if lossless:
        if not np.array_equal(found, wanted):
            raise VerificationError("it decodes to other pixels")
        return
    loss = np.abs(found[:, ::STRIDE, ::STRIDE].astype(np.int16) - wanted[:, ::STRIDE, ::STRIDE])
    height, width = (-(-side // CELL) * CELL for side in loss.shape[1:])
    padded = np.pad(loss, ((0, 0), (0, height - loss.shape[1]), (0, width - loss.shape[2])))
    worst = padded.reshape(len(loss), height // CELL, CELL, width // CELL, CELL).mean(axis=(2, 4)).max()
    if worst > LOSS_LEVELS:
        raise LossError(f"it differs by {worst:.0f} gray levels in a place: more than its quality explains")
