"""Verify a written COG before it is published: layout, every block of every level, and samples of the source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import strips
from cogmill.cog.arrays.threads import map_threaded
from cogmill.cog.output.levels import BLOCK_PX, Level, level_sizes
from cogmill.cog.output.tiff import FRAME, Directory, read_directories
from cogmill.cog.output.written_level import LossError, WrittenLevel, open_level
from cogmill.domain.errors import VerificationError

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
    if end + FRAME != size:
        raise VerificationError(f"the last block ends at byte {end} of {size}")


def verify_pixels(path: Path, levels: list[Level], *, lossless: bool, threads: int) -> str:
    """Decode every block of every level and compare it with what was to be written; hash the file meanwhile.

    Blocks that `blocks` can decode are read from the file; the others, and one of every level in any case, by GDAL.

    Args:
        path: The COG.
        levels: What was to be written, full resolution first.
        lossless: Whether values must be equal; otherwise close. Masks must be equal always.
        threads: Threads that decode and hash.

    Returns:
        The sha256 of the file, hexadecimal.

    Raises:
        VerificationError: A block does not decode or decodes to something else.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        written = _written_levels(path, file, levels, lossless=lossless)
        checks: Iterator[Callable[[], None]] = chain([lambda: _hash_file(path, digest)], _checks(written))
        map_threaded(lambda check: check(), checks, threads)
    return digest.hexdigest()


def _hash_file(path: Path, digest: hashlib._Hash) -> None:
    """Feed a whole file to a digest."""
    with path.open("rb") as file:
        hashlib.file_digest(file, lambda: digest)


def _written_levels(path: Path, file: BinaryIO, levels: list[Level], *, lossless: bool) -> list[WrittenLevel]:
    """Return the levels of a file beside those that were to be written.

    Raises:
        VerificationError: There are not as many.
    """
    directories = read_directories(path)
    images, masks = ([each for each in directories if each.is_mask == is_mask] for is_mask in (False, True))
    if not len(images) == len(masks) == len(levels):
        raise VerificationError(f"{len(images)} levels with {len(masks)} masks, not {len(levels)}")
    numbered = enumerate(zip(levels, images, masks, strict=True))
    return [WrittenLevel(path, file, number, *each, lossless) for number, each in numbered]


def _checks(written: list[WrittenLevel]) -> Iterator[Callable[[], None]]:
    """Yield what is to be verified, by row of blocks, so that no two threads share one."""
    for level in written:
        for rows in strips(level.wanted.height, BLOCK_PX):
            yield partial(level.verify_rows, rows)
        yield level.verify_middle


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
        raise LossError(f"an overview differs from the source by {difference:.1f} gray levels, {allowed:.1f} allowed")
