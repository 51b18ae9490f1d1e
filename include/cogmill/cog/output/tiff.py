"""Read the directories of a TIFF without GDAL, so that a COG's layout is verified independently of what wrote it.

Field types and tags as in TIFF 6.0 and BigTIFF; https://www.awaresystems.be/imaging/tiff/bigtiff.html.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from cogmill.domain.errors import VerificationError

SUBFILE, WIDTH, HEIGHT, BLOCK_WIDTH, BLOCK_HEIGHT, OFFSETS, LENGTHS = 254, 256, 257, 322, 323, 324, 325
"""Tags that describe where the pixels of a directory are."""

BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, SAMPLES, PLANAR, PREDICTOR, FORMAT = 258, 259, 262, 266, 277, 284, 317, 339
CODING = {BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, SAMPLES, PLANAR, PREDICTOR, FORMAT}
"""Tags that describe how the pixels of a block are stored."""

NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
"""Unsigned TIFF field types and their struct codes."""

MOST_ENTRIES = 65_535
"""Entries of a directory: as many as the classic form can count."""

ASCII, LONGEST_ASCII = 2, 4096
"""TIFF field type of texts, and bytes of one that are read."""

IS_MASK = 4
"""Bit of NewSubfileType."""

BIG = 43
"""Version number of BigTIFF."""

FRAME = 4
"""Bytes that GDAL's COG driver writes before each block, which say its length, and behind it, which repeat its last ones: readers rely on
both."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How the pixels of a directory are stored, in the numbers of TIFF; its defaults where a tag is missing."""

    compression: int = 1
    predictor: int = 1
    bits: tuple[int, ...] = (1,)
    """Of each band."""
    photometric: int = -1
    fill_order: int = 1
    samples: int = 1
    """Bands."""
    planar: int = 1
    formats: tuple[int, ...] = (1,)
    """Of each band; 1 is unsigned."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory: one level of the image or of its mask."""

    offset: int
    """Byte of the file at which it begins."""
    is_mask: bool
    width: int
    height: int
    block_width: int
    block_height: int
    offsets: NDArray[np.int64]
    """Shape (blocks,): first byte of every block, row by row."""
    lengths: NDArray[np.int64]
    """Shape (blocks,): bytes of every block."""
    coding: Coding


@dataclass(frozen=True, slots=True)
class Layout:
    """How a TIFF writes its numbers."""

    order: str
    """Byte order as `struct` writes it: `<` or `>`."""
    big: bool
    """Whether it is BigTIFF, with offsets of 64 bits."""

    def __post_init__(self) -> None:
        if self.order not in ("<", ">"):
            raise ValueError(f"no byte order: {self.order!r}")

    @property
    def pointer(self) -> str:
        """Struct code of an offset."""
        return self.order + ("Q" if self.big else "I")


def read_directories(path: Path) -> list[Directory]:
    """Return all directories of a TIFF in their order.

    Raises:
        VerificationError: It is not a TIFF, or a directory reaches beyond the end of the file.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except (struct.error, KeyError, IndexError) as err:
            raise VerificationError(f"its directories cannot be read ({err!r})") from err


def read_ascii(path: Path, tags: Collection[int]) -> dict[int, bytes]:
    """Return texts of the first directory of a TIFF by their tags, at most `LONGEST_ASCII` bytes of each; none where it cannot be read."""
    with path.open("rb") as file:
        try:
            layout, offset = _read_head(file)
            entries, _ = _read_entries(file, layout, offset)
            kinds = ((entry, *struct.unpack_from(layout.order + "HH", entry)) for entry in entries)
            return {tag: _bytes(file, layout, entry) for entry, tag, kind in kinds if tag in tags and kind == ASCII}
        except (struct.error, KeyError, IndexError, OverflowError):
            return {}


def _read(file: BinaryIO) -> list[Directory]:
    """Follow the chain of directories from the header; a chain that runs in a circle ends where it closes."""
    layout, offset = _read_head(file)
    found: list[Directory] = []
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        directory, offset = _read_directory(file, layout, offset)
        found.append(directory)
    return found


def _read_head(file: BinaryIO) -> tuple[Layout, int]:
    """Return how a TIFF writes its numbers, and the offset of its first directory."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    layout = Layout(order, big=struct.unpack_from(order + "H", head, 2)[0] == BIG)
    (offset,) = struct.unpack_from(layout.pointer, head, 8 if layout.big else 4)
    return layout, int(offset)


def _read_entries(file: BinaryIO, layout: Layout, offset: int) -> tuple[list[bytes], int]:
    """Return the entries of the directory at an offset and the offset of the next one."""
    count_code, entry_bytes = (layout.order + "Q", 20) if layout.big else (layout.order + "H", 12)
    file.seek(offset)
    (count,) = struct.unpack(count_code, file.read(struct.calcsize(count_code)))
    if count > MOST_ENTRIES:
        raise IndexError(f"{count} entries")
    entries = file.read(count * entry_bytes)
    (following,) = struct.unpack(layout.pointer, file.read(struct.calcsize(layout.pointer)))
    return [entries[at * entry_bytes : (at + 1) * entry_bytes] for at in range(count)], following


def _read_directory(file: BinaryIO, layout: Layout, offset: int) -> tuple[Directory, int]:
    """Return the directory at an offset and the offset of the next one."""
    entries, following = _read_entries(file, layout, offset)
    tags: dict[int, NDArray[np.int64]] = {}
    for entry in entries:
        tag, kind = struct.unpack_from(layout.order + "HH", entry)
        if kind in NUMBERS:
            tags[tag] = _values(file, layout, entry, NUMBERS[kind])
    return (
        Directory(
            offset=offset,
            is_mask=bool(int(tags.get(SUBFILE, np.zeros(1, np.int64))[0]) & IS_MASK),
            width=int(tags[WIDTH][0]),
            height=int(tags[HEIGHT][0]),
            block_width=int(tags[BLOCK_WIDTH][0]),
            block_height=int(tags[BLOCK_HEIGHT][0]),
            offsets=tags[OFFSETS],
            lengths=tags[LENGTHS],
            coding=_coding({tag: tuple(values.tolist()) for tag, values in tags.items() if tag in CODING}),
        ),
        following,
    )


def _coding(tags: dict[int, tuple[int, ...]]) -> Coding:
    """Return what the tags of `CODING` say."""
    default = Coding()
    return Coding(
        compression=tags.get(COMPRESSION, (default.compression,))[0],
        predictor=tags.get(PREDICTOR, (default.predictor,))[0],
        bits=tags.get(BITS, default.bits),
        photometric=tags.get(PHOTOMETRIC, (default.photometric,))[0],
        fill_order=tags.get(FILL_ORDER, (default.fill_order,))[0],
        samples=tags.get(SAMPLES, (default.samples,))[0],
        planar=tags.get(PLANAR, (default.planar,))[0],
        formats=tags.get(FORMAT, default.formats),
    )


def _values(file: BinaryIO, layout: Layout, entry: bytes, code: str) -> NDArray[np.int64]:
    """Return the values of an entry, shape (count,): they stand in the entry when they fit, and elsewhere when not."""
    (count,) = struct.unpack_from(layout.pointer, entry, 4)
    place = struct.calcsize(layout.pointer)
    size = count * struct.calcsize(code)
    raw = entry[4 + place : 4 + place + size]
    if size > place:
        (at,) = struct.unpack_from(layout.pointer, entry, 4 + place)
        file.seek(at)
        raw = file.read(size)
    return np.array(struct.unpack(f"{layout.order}{count}{code}", raw), np.int64)


def _bytes(file: BinaryIO, layout: Layout, entry: bytes) -> bytes:
    """Return the beginning of the text of an entry: it stands in the entry when it fits, and elsewhere when not."""
    (count,) = struct.unpack_from(layout.pointer, entry, 4)
    place = struct.calcsize(layout.pointer)
    if count <= place:
        return entry[4 + place : 4 + place + count]
    (at,) = struct.unpack_from(layout.pointer, entry, 4 + place)
    file.seek(at)
    return file.read(min(count, LONGEST_ASCII))
