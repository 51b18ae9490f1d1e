"""Fetch the part of a COG that one cell shows: its directories, and some blocks of one level, into a sparse local file.

GDAL then reads a file and no network: what is fetched is known beforehand, and one client with its own retries fetches it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from cogmill.cog.output.tiff import FRAME, Directory, read_directories
from cogmill.cog.rasters import rasterio
from cogmill.domain.errors import ServiceUnavailableError, VerificationError
from cogmill.domain.geo import Bounds3857
from cogmill.overviews.contents import Member
from cogmill.overviews.grid import Picture

HEAD_BYTES = 1 << 16
"""What is read first of a COG: its directories stand there, up to a picture of about 25,000 px."""

GAP_BYTES = 1 << 16
"""Blocks that lie no further apart are fetched with one request."""

MARGIN_PX = 2
"""Pixels of the level around what a cell shows that its outermost averages may need."""

ReadRange = Callable[[str, int, int], bytes | None]
"""Returns up to so many bytes (last argument) of a key from a position on; None when the key does not exist."""


@dataclass(frozen=True, slots=True)
class CogPart:
    """Some pixels of one level of a COG, in a sparse local file."""

    path: Path
    level: int | None
    """What GDAL calls `OVERVIEW_LEVEL`; None for the full resolution."""
    rows: range
    columns: range
    """Pixels of the level that are there."""
    transform: Affine
    """From (column, row) of the level to EPSG:3857 meters (x, y)."""
    bounds: Bounds3857
    """Rectangle around the valid pixels of the whole COG."""


def fetch_part(read: ReadRange, member: Member, picture: Picture, target: Path) -> CogPart | None:
    """Fetch what a picture needs of a COG; None when the COG does not reach into it.

    The level is the coarsest one whose pixels are not larger than those of the picture; the full resolution where all are.

    Args:
        read: Reads from the bucket.
        member: The COG, in EPSG:3857 with square pixels.
        picture: What is to be drawn.
        target: The file to write.

    Raises:
        ServiceUnavailableError: The COG is gone, or cannot be read.
    """
    directories = _fetch_directories(read, member.key, target)
    try:
        with rasterio.open(target, driver="GTiff") as full:
            origin, pixel_m = full.transform, full.transform.a
    except rasterio.errors.RasterioError as err:
        raise ServiceUnavailableError(f"cannot read {member.key} for an overview: {err}") from err
    images = [each for each in directories if not each.is_mask]
    # a level is half of the one before it, rounded up: what it averages are whole powers of two of pixels
    factors = [round(images[0].width / each.width) for each in images]
    number = max((n for n, factor in enumerate(factors) if pixel_m * factor <= picture.pixel_m), default=0)
    level, transform = images[number], origin @ Affine.scale(factors[number])
    west, north = ~transform @ (picture.bounds.west, picture.bounds.north)
    east, south = ~transform @ (picture.bounds.east, picture.bounds.south)
    columns, rows = _span(west, east, level.width), _span(north, south, level.height)
    if not columns or not rows:
        return None
    wanted = [each for each in directories if (each.width, each.height) == (level.width, level.height)]
    with target.open("r+b") as file:
        for first, end in _ranges(np.concatenate([_extents(each, rows, columns) for each in wanted])):
            file.seek(first)
            file.write(_read(read, member.key, first, end - first))
    return CogPart(target, number - 1 if number else None, rows, columns, transform, member.bounds)


def _fetch_directories(read: ReadRange, key: str, target: Path) -> list[Directory]:
    """Write the beginning of a COG into the file, up to its first block, and return its directories."""
    wanted = HEAD_BYTES
    with target.open("wb") as file:
        while True:
            file.write(_read(read, key, file.tell(), wanted - file.tell()))
            file.flush()
            try:
                directories = read_directories(target)
                break
            except VerificationError as err:
                if file.tell() < wanted:
                    raise ServiceUnavailableError(f"cannot read {key} for an overview: {err}") from err
            wanted *= 4
        # what else belongs to a directory, such as tables of its codec, lies before the first block too
        blocks = np.concatenate([each.offsets[each.offsets > 0] for each in directories])
        missing = int(blocks.min()) - file.tell() if blocks.size else 0
        if missing > 0:
            file.write(_read(read, key, file.tell(), missing))
    return directories


def _read(read: ReadRange, key: str, first: int, size: int) -> bytes:
    data = read(key, first, size)
    if data is None:
        raise ServiceUnavailableError(f"cannot read {key} for an overview: it does not exist")
    return data


def _span(first: float, end: float, size: int) -> range:
    """Return the pixels between two positions and a margin, cut to those that exist."""
    return range(max(math.floor(first) - MARGIN_PX, 0), min(math.ceil(end) + MARGIN_PX, size))


def _extents(level: Directory, rows: range, columns: range) -> NDArray[np.int64]:
    """Return the first byte and the end of each block that holds some of these pixels, shape (blocks, 2)."""
    across = -(-level.width // level.block_width)
    down = np.arange(rows.start // level.block_height, (rows.stop - 1) // level.block_height + 1)
    right = np.arange(columns.start // level.block_width, (columns.stop - 1) // level.block_width + 1)
    blocks = (down[:, None] * across + right[None, :]).ravel()
    offsets, lengths = level.offsets[blocks], level.lengths[blocks]
    offsets, lengths = offsets[lengths > 0], lengths[lengths > 0]
    extents: NDArray[np.int64] = np.stack([offsets - FRAME, offsets + lengths + FRAME], axis=1)
    return extents


def _ranges(extents: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield first byte and end of as few requests as fetch all extents, those that lie near each other together."""
    begun: list[int] = []
    for first, end in sorted((int(first), int(end)) for first, end in extents):
        if begun and first - begun[1] <= GAP_BYTES:
            begun[1] = max(begun[1], end)
            continue
        if begun:
            yield begun[0], begun[1]
        begun = [max(first, 0), end]
    if begun:
        yield begun[0], begun[1]
