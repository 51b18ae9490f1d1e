"""Verify a written COG before it is published: layout, every block of every level, and samples of the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.arrays.masks import strips
from cogmill.cog.arrays.threads import map_threaded
from cogmill.cog.output.levels import BLOCK_PX, Level, level_sizes
from cogmill.cog.output.tiff import Directory, read_directories
from cogmill.cog.source.decode import Bytes
from cogmill.cog.source.gdal_types import Dataset, Samples
from cogmill.domain.errors import VerificationError

STRIDE = 4
"""Lossy pixels are compared on every fourth row and column: 16 samples in each 16 x 16 unit of JPEG."""

CELL = 4
"""Side of a compared cell in samples: one unit of subsampled JPEG."""

LOSS_LEVELS = 48
"""Mean difference of a cell, in gray levels, that no quality setting explains; a damaged block shows 60 and more."""

MAX_DIFFERENCE = 0.35
"""Mean difference between overview and source, as a share of the source's standard deviation; unrelated images show 1.1."""

MIN_TOLERANCE = 3.0
"""Gray levels of difference that are always tolerated: frames of fog have next to no deviation."""


@dataclass(frozen=True, slots=True)
class ReferenceSamples:
    """Values that a coarse level of the COG must show, taken from the source by other means than the warp."""

    points: NDArray[np.float64]
    """Shape (n, 2): columns and rows of the COG at full resolution."""
    values: NDArray[np.float64]
    """Shape (bands, n), 0 to 255: mean of the source around each point."""

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape != (self.values.shape[-1], 2):  # noqa: PLR2004 - two axes
            raise ValueError(f"points of shape {self.points.shape} with values of shape {self.values.shape}")


def verify_layout(path: Path, width: int, height: int) -> None:
    """Check the directories of a COG against the layout it promises.

    Raises:
        VerificationError: A level, mask or block is missing, out of order or outside of the file.
    """
    directories = read_directories(path)
    images = [each for each in directories if not each.is_mask]
    masks = [each for each in directories if each.is_mask]
    wanted = level_sizes(width, height)
    for kind, found in (("image", images), ("mask", masks)):
        sizes = [(each.width, each.height) for each in found]
        if sizes != wanted:
            raise VerificationError(f"{kind} levels are {sizes}, not {wanted}")
    for each in directories:
        _verify_blocks(each)
    _verify_order(path, directories, images)


def _verify_blocks(directory: Directory) -> None:
    """Raise when a directory does not hold every block of its level."""
    across, down = -(-directory.width // BLOCK_PX), -(-directory.height // BLOCK_PX)
    if (directory.block_width, directory.block_height) != (BLOCK_PX, BLOCK_PX):
        raise VerificationError(f"blocks of {directory.block_width} x {directory.block_height}, not {BLOCK_PX}")
    if len(directory.offsets) != across * down or len(directory.lengths) != across * down:
        raise VerificationError(f"{len(directory.offsets)} blocks in a level of {across} x {down}")
    if not (directory.offsets.all() and directory.lengths.all()):
        raise VerificationError("a level has blocks that were never written")


def _verify_order(path: Path, directories: list[Directory], images: list[Directory]) -> None:
    """Raise when directories, overviews and full resolution do not follow each other, or the file ends elsewhere."""
    first_data = min(int(each.offsets.min()) for each in directories)
    if max(each.offset for each in directories) >= first_data:
        raise VerificationError("a directory lies behind pixel data")
    starts = [int(each.offsets.min()) for each in images]
    if starts != sorted(starts, reverse=True):
        raise VerificationError("overviews do not lie before the levels they reduce")
    end = max(int((each.offsets + each.lengths).max()) for each in directories)
    size = path.stat().st_size
    # GDAL ends each block with four bytes that repeat its last ones.
    if end + 4 != size:
        raise VerificationError(f"the last block ends at byte {end} of {size}")


def verify_pixels(path: Path, levels: list[Level], *, lossless: bool, threads: int) -> None:
    """Decode every block of every level and compare it with what was to be written.

    Args:
        path: The COG.
        levels: What was to be written, full resolution first.
        lossless: Whether values must be equal; otherwise close. Masks must be equal always.
        threads: Threads that decode.

    Raises:
        VerificationError: A block does not decode or decodes to something else.
    """

    def verify(piece: tuple[int, slice]) -> None:
        """Verify a row of blocks: number of the level, and rows."""
        number, rows = piece
        _verify_rows(path, number, levels[number], rows, lossless=lossless)

    try:
        map_threaded(verify, _rows_of_blocks(levels), threads)
    except RuntimeError as err:
        raise VerificationError(f"a block does not decode: {err}") from err


def _rows_of_blocks(levels: list[Level]) -> Iterator[tuple[int, slice]]:
    """Yield level and rows of every row of blocks: no block is decoded twice, and no two threads share one."""
    for number, level in enumerate(levels):
        for rows in strips(level.height, BLOCK_PX):
            yield number, rows


def _verify_rows(path: Path, number: int, level: Level, rows: slice, *, lossless: bool) -> None:
    """Raise when some rows of a written level, mask or bands, are not those of the level in memory."""
    written, where = open_level(path, number), f"level {number}"
    window = (0, rows.start, level.width, rows.stop - rows.start)
    if not np.array_equal(written.GetRasterBand(1).GetMaskBand().ReadAsArray(*window), level.mask[rows]):
        raise VerificationError(f"{where}: the mask differs in rows {rows.start} to {rows.stop}")
    found = written.ReadAsArray(*window).reshape(len(level.data), -1, level.width)
    _compare(found, level.data[:, rows], where, lossless=lossless)


def open_level(path: Path, level: int) -> Dataset:
    """Open one level of a COG, 0 being full resolution; for use by one thread."""
    options = ["GEOREF_SOURCES=INTERNAL", "NUM_THREADS=1"]
    if level:
        options.append(f"OVERVIEW_LEVEL={level - 1}")
    dataset: Dataset = gdal.OpenEx(str(path), gdal.OF_RASTER, allowed_drivers=["GTiff"], open_options=options)
    return dataset


def _compare(found: Samples, wanted: Bytes, where: str, *, lossless: bool) -> None:
    """Raise when decoded values are not what was to be written; both of shape (bands, rows, columns)."""
    if lossless:
        if not np.array_equal(found, wanted):
            raise VerificationError(f"{where} decodes to other pixels")
        return
    loss = np.abs(found[:, ::STRIDE, ::STRIDE].astype(np.int16) - wanted[:, ::STRIDE, ::STRIDE])
    height, width = (-(-side // CELL) * CELL for side in loss.shape[1:])
    padded = np.pad(loss, ((0, 0), (0, height - loss.shape[1]), (0, width - loss.shape[2])))
    worst = padded.reshape(len(loss), height // CELL, CELL, width // CELL, CELL).mean(axis=(2, 4)).max()
    if worst > LOSS_LEVELS:
        raise VerificationError(
            f"{where} differs by {worst:.0f} gray levels in a place: more than its quality explains"
        )


def verify_samples(path: Path, level: int, reference: ReferenceSamples) -> None:
    """Compare a coarse level of the COG with the source: right image, right place, right way up.

    Args:
        path: The COG.
        level: Number of the level, 0 being full resolution.
        reference: Samples of the source.

    Raises:
        VerificationError: They show different things.
    """
    written = open_level(path, level)
    scale = 2**level
    columns, rows = (reference.points / scale).astype(int).T
    columns, rows = columns.clip(0, written.RasterXSize - 1), rows.clip(0, written.RasterYSize - 1)
    pixels = written.ReadAsArray().reshape(written.RasterCount, written.RasterYSize, -1)[:, rows, columns]
    difference = float(np.abs(pixels - reference.values).mean())
    allowed = max(MIN_TOLERANCE, MAX_DIFFERENCE * float(reference.values.std()))
    if difference > allowed:
        raise VerificationError(
            f"an overview differs from the source by {difference:.1f} gray levels, {allowed:.1f} allowed"
        )
