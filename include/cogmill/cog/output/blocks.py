"""Decode blocks of a COG from the bytes of its file and compare them, without GDAL: for DEFLATE, its largest profile.

What GDAL does beyond the decompression of a block costs more than that: it sums up the predictor, byte by byte, unpacks
every mask, and copies through its cache. Here the wanted pixels are brought to the form in which they are stored, which
is quick, and a block whose bytes are those of the one before it, as in most masks, is decoded once.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import BinaryIO

import numpy as np

from cogmill.cog.arrays.masks import VALID
from cogmill.cog.output.levels import BLOCK_PX
from cogmill.cog.output.tiff import FRAME, Coding, Directory
from cogmill.cog.source.decode import Bytes
from cogmill.cog.source.loaded import Pointer, Signatures, bind_loaded
from cogmill.domain.errors import VerificationError

GRAY = Coding(compression=8, predictor=2, bits=(8,), photometric=1)
"""One band of bytes, each stored as its difference from the one to the left, compressed with DEFLATE."""

MASK = Coding(compression=8, predictor=1, bits=(1,), photometric=4)
"""A mask of one bit, eight pixels to a byte, compressed with DEFLATE."""

GRAY_BYTES = BLOCK_PX * BLOCK_PX
MASK_BYTES = BLOCK_PX * BLOCK_PX // 8

SIGNATURES: Signatures = {
    "libdeflate_alloc_decompressor": (Pointer, []),
    "libdeflate_free_decompressor": (None, [Pointer]),
    "libdeflate_zlib_decompress": (
        ctypes.c_int,
        [Pointer, Pointer, ctypes.c_size_t, Pointer, ctypes.c_size_t, Pointer],
    ),
}
"""The functions of libdeflate used here: result and arguments."""


@cache
def _library() -> ctypes.CDLL | None:
    """Return the libdeflate that libgdal has loaded; None where it was built without."""
    return bind_loaded("libdeflate", SIGNATURES)


def readable(directory: Directory, coding: Coding) -> bool:
    """Return whether this module decodes the blocks of a directory as `coding`: `GRAY` or `MASK`."""
    return directory.coding == coding and _library() is not None


def verify_gray(file: BinaryIO, directory: Directory, row: int, wanted: Bytes) -> None:
    """Decode a row of blocks that are stored as `GRAY`, and compare it.

    Args:
        file: The COG.
        directory: One level of its image.
        row: Number of the row of blocks.
        wanted: Shape (rows, columns): the level's pixels in this row of blocks. What fills up the last blocks is not looked at.

    Raises:
        VerificationError: A block does not decode or decodes to other pixels.
    """
    steps = np.empty((BLOCK_PX, BLOCK_PX), np.uint8)
    for columns, found, _ in _decoded(file, directory, row, GRAY_BYTES):
        pixels = wanted[:, columns]
        height, width = pixels.shape
        stored = steps[:height, :width]
        stored[:, 0] = pixels[:, 0]
        np.subtract(pixels[:, 1:], pixels[:, :-1], out=stored[:, 1:])  # modulo 256, as it is stored
        if not np.array_equal(found.reshape(steps.shape)[:height, :width], stored):
            raise VerificationError(f"block {columns.start // BLOCK_PX} of row {row} decodes to other pixels")


def verify_mask(file: BinaryIO, directory: Directory, row: int, wanted: Bytes) -> None:
    """Decode a row of blocks that are stored as `MASK`, and compare it.

    Args:
        file: The COG.
        directory: One level of its mask.
        row: Number of the row of blocks.
        wanted: Shape (rows, columns), 255 where valid and 0 where not: the mask in this row of blocks.

    Raises:
        VerificationError: A block does not decode or decodes to another mask.
    """
    mask = np.empty(0, np.uint8)
    for columns, found, is_new in _decoded(file, directory, row, MASK_BYTES):
        if is_new:
            mask = np.unpackbits(found).reshape(BLOCK_PX, BLOCK_PX) * np.uint8(VALID)
        part = wanted[:, columns]
        if not np.array_equal(mask[: part.shape[0], : part.shape[1]], part):
            raise VerificationError(f"the mask differs in block {columns.start // BLOCK_PX} of row {row}")


def _decoded(file: BinaryIO, directory: Directory, row: int, size: int) -> Iterator[tuple[slice, Bytes, bool]]:
    """Yield each block of a row: its columns, its bytes of shape (size,), and whether they differ from the block before."""
    across = -(-directory.width // BLOCK_PX)
    found, before = np.empty(size, np.uint8), b""
    with _inflater() as inflate:
        for at in range(across):
            framed = _read_framed(file, directory, row * across + at)
            is_new = framed != before
            if is_new and not inflate(framed, found):
                raise VerificationError(f"block {at} of row {row} does not decode")
            before = framed
            yield slice(at * BLOCK_PX, min(directory.width, (at + 1) * BLOCK_PX)), found, is_new


def _read_framed(file: BinaryIO, directory: Directory, number: int) -> bytes:
    """Return the bytes of a block with its frame.

    Raises:
        VerificationError: The frame does not fit the block.
    """
    offset, length = int(directory.offsets[number]), int(directory.lengths[number])
    framed = os.pread(file.fileno(), length + 2 * FRAME, offset - FRAME)
    whole = len(framed) == length + 2 * FRAME
    if (
        not whole
        or framed[:FRAME] != length.to_bytes(FRAME, "little")
        or framed[-FRAME:] != framed[-2 * FRAME : -FRAME]
    ):
        raise VerificationError(f"block {number} is not framed by its length and its last bytes")
    return framed


@contextmanager
def _inflater() -> Iterator[Callable[[bytes, Bytes], bool]]:
    """Give a function that decompresses a framed block into an array, and returns whether it filled it; for one thread."""
    library = _library()
    if library is None:
        raise RuntimeError("no libdeflate is loaded; `readable` tells")
    decompressor = library.libdeflate_alloc_decompressor()
    if not decompressor:
        raise MemoryError("no memory for a decompressor")

    def inflate(framed: bytes, target: Bytes) -> bool:
        start = np.frombuffer(framed, np.uint8).ctypes.data + FRAME
        status = library.libdeflate_zlib_decompress(
            decompressor, start, len(framed) - 2 * FRAME, target.ctypes.data, target.size, None
        )
        return bool(status == 0)

    try:
        yield inflate
    finally:
        library.libdeflate_free_decompressor(decompressor)
