"""Decodes an upload into memory: 8-bit pictures and, where the file says more than its outline, a validity mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from include.cogmill.errors import FrameRejected, Reason
from include.cogmill.profiles import Nodata, Profile, Scaling
from include.cogmill.raster import Affine6, Upload

Bytes = NDArray[np.uint8]

ROWS = 1024
"""Rows decoded at a time where values must be converted; bounds the working set to a few per cent of a frame."""

OPAQUE = 128
"""Alpha from which a pixel counts as picture."""

MAX_CLIPPED = 0.001
"""Share of pixels outside a declared scaling that is put down to dust and hot pixels; more is a wrong declaration."""

SAMPLES = 1_000_000
"""Pixels of a band that are looked at to tell a picture from nothing."""

BLANK_RANGE = 3
"""Grey levels that JPEG noise alone can spread; a picture has more."""

FLOOD_BLOCK = 8
"""Pixels: the edge-connected region is followed in blocks of this size, and to the pixel at its rim."""

BITS_PER_BYTE = 8


@dataclass(slots=True)
class Pixels:
    """A decoded frame in its own pixel grid."""

    data: Bytes
    """Shape (bands, rows, columns)."""
    valid: Bytes | None
    """Shape (rows, columns), 255 is picture and 0 is not; None when every pixel is picture."""
    geotransform: Affine6
    srs: Any


def read_pixels(upload: Upload, profile: Profile) -> Pixels:
    """Decode every block of an upload.

    Raises:
        FrameRejected: truncated, unreadable_block, wrong_depth or all_blank.
    """
    try:
        data = _read_picture(upload, profile.scaling)
        valid = _read_validity(upload, data, profile.nodata)
    except RuntimeError as err:
        raise _why_unreadable(upload, str(err)) from err
    refuse_blank(data, valid)
    return Pixels(data, valid, upload.geotransform, upload.srs)


def refuse_blank(data: Bytes, valid: Bytes | None) -> None:
    """Raise all_blank when the valid pixels show nothing."""
    tones = np.zeros(256, np.int64)
    for band in data:
        picture = band if valid is None else band[valid != 0]
        tones += np.bincount(picture.ravel()[:: max(1, picture.size // SAMPLES)], minlength=256)
    used = np.flatnonzero(tones)
    if used.size == 0:
        raise FrameRejected(Reason.ALL_BLANK, "no valid pixel")
    if used[-1] - used[0] <= BLANK_RANGE:
        raise FrameRejected(Reason.ALL_BLANK, f"every pixel is about {used[0]}")


def strips(height: int, rows: int = ROWS) -> Iterator[slice]:
    """Yield row slices that cover a height."""
    edges = [*range(0, height, rows), height]
    return (slice(first, last) for first, last in pairwise(edges))


def _read_picture(upload: Upload, scaling: Scaling | None) -> Bytes:
    """Return the picture bands as 8-bit intensities, shape (bands, rows, columns)."""
    data = np.empty((upload.bands, upload.height, upload.width), np.uint8)
    band = upload.dataset.GetRasterBand(1)
    if upload.palette is not None:
        _read_palette(band, upload.palette, data)
    elif band.DataType != gdal.GDT_Byte and scaling is not None:
        _read_deep(upload, data, scaling)
    else:
        upload.dataset.ReadAsArray(buf_obj=data, band_list=list(upload.picture))
        _stretch_few_bits(band, data)
    if band.GetMetadataItem("MINISWHITE", "IMAGE_STRUCTURE") == "YES" and upload.palette is None:
        np.bitwise_not(data, out=data)
    return data


def _read_palette(band: Any, colours: Bytes, data: Bytes) -> None:
    for rows in strips(data.shape[1]):
        values = band.ReadAsArray(0, rows.start, data.shape[2], rows.stop - rows.start)
        for number, target in enumerate(data):
            np.take(colours[:, number], values, out=target[rows])


def _read_deep(upload: Upload, data: Bytes, scaling: Scaling) -> None:
    """Scale 16-bit samples by the declared rule; many values outside of it mean that the rule is wrong."""
    outside = 0
    span = scaling.high - scaling.low
    for rows in strips(upload.height):
        values = upload.dataset.ReadAsArray(
            0, rows.start, upload.width, rows.stop - rows.start, band_list=list(upload.picture)
        ).reshape(len(data), -1, upload.width)
        outside += int(((values < scaling.low) | (values > scaling.high)).sum())
        scaled = (values.astype(np.float32) - scaling.low) * (255 / span)
        data[:, rows] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if outside > MAX_CLIPPED * data.size:
        share = 100 * outside / data.size
        raise FrameRejected(
            Reason.WRONG_DEPTH,
            f"{share:.1f} % of the values lie outside the declared scaling {scaling.low:g} to {scaling.high:g}",
        )


def _stretch_few_bits(band: Any, data: Bytes) -> None:
    """Bring samples of 1, 2 or 4 bits to the full range; the file itself declares what white is."""
    bits = int(band.GetMetadataItem("NBITS", "IMAGE_STRUCTURE") or BITS_PER_BYTE)
    if bits < BITS_PER_BYTE:
        data *= 255 // (2**bits - 1)


def _read_validity(upload: Upload, data: Bytes, nodata: Nodata) -> Bytes | None:
    """Return the mask the file itself declares: alpha, then internal mask, then nodata."""
    band = upload.dataset.GetRasterBand(1)
    flags = band.GetMaskFlags()
    valid: Bytes | None = None
    if upload.alpha is not None:
        alpha = upload.dataset.GetRasterBand(upload.alpha).ReadAsArray()
        valid = ((alpha >= OPAQUE) * np.uint8(255)).astype(np.uint8)
    elif flags & gdal.GMF_PER_DATASET and not flags & gdal.GMF_ALPHA:
        valid = np.asarray(band.GetMaskBand().ReadAsArray())
        valid[valid != 0] = 255
    elif upload.nodata is not None and flags & gdal.GMF_NODATA:
        valid = _from_nodata(upload, data, nodata)
    return None if valid is None or valid.all() else valid


def _from_nodata(upload: Upload, data: Bytes, nodata: Nodata) -> Bytes | None:
    """Return the mask of a nodata value; values no 8-bit pixel can have (256, -9999) mean nothing."""
    value = upload.nodata
    scaled = upload.dataset.GetRasterBand(1).DataType != gdal.GDT_Byte
    if scaled or upload.palette is not None:
        raw = upload.dataset.ReadAsArray(band_list=list(upload.picture)).reshape(-1, upload.height, upload.width)
        empty = (raw == value).all(axis=0)
    else:
        if value is None or value != int(value) or not 0 <= value <= 255:  # noqa: PLR2004
            return None
        empty = (data == np.uint8(value)).all(axis=0)
    if nodata is Nodata.EDGE:
        empty = edge_connected(empty)
    return np.where(empty, np.uint8(0), np.uint8(255))


def edge_connected(empty: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the part of a set of pixels that hangs together with the image's edge.

    Followed in whole blocks of `FLOOD_BLOCK` pixels, then to the pixel in the blocks around them: so a pixel up to
    that far from the region may be counted in, and a channel narrower than a block is not crawled through.

    Args:
        empty: Shape (rows, columns), True where the value is nodata.
    """
    size = FLOOD_BLOCK
    height, width = empty.shape
    padded = np.pad(empty, ((0, -height % size), (0, -width % size)), mode="edge")
    blocks = np.asarray(padded.reshape(padded.shape[0] // size, size, -1, size).all(axis=(1, 3)))
    near = grow(flood(blocks, _border(blocks)))
    wide = np.repeat(np.repeat(near, size, axis=0), size, axis=1)[:height, :width]
    found = empty & wide
    # The thin ends of a wedge, narrower than a block, lie along the edge itself.
    for view, source in _edge_strips(found, empty, size):
        np.logical_or(view, np.logical_and.accumulate(source, axis=0), out=view)
    return found


def _edge_strips(
    found: NDArray[np.bool_], empty: NDArray[np.bool_], size: int
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield views of the four edges, each turned so that its first row is the outermost."""
    turns: tuple[Callable[[NDArray[np.bool_]], NDArray[np.bool_]], ...] = (
        lambda a: a[:size],
        lambda a: a[::-1][:size],
        lambda a: a.T[:size],
        lambda a: a.T[::-1][:size],
    )
    return ((turn(found), turn(empty)) for turn in turns)


def _border(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    seeds = np.zeros_like(blocks)
    seeds[[0, -1]] = seeds[:, [0, -1]] = True
    return seeds & blocks


def grow(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a region with its eight neighbours."""
    padded = np.pad(region, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    grown: NDArray[np.bool_] = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return grown


def flood(allowed: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of `allowed` that hang together with `seeds` (by sides), which must lie in it."""
    region = seeds
    while region.any():
        spread = _sweep(region, allowed)
        spread = _sweep(spread[:, ::-1], allowed[:, ::-1])[:, ::-1]
        spread = _sweep(spread.T, allowed.T).T
        spread = _sweep(spread.T[:, ::-1], allowed.T[:, ::-1])[:, ::-1].T
        if np.array_equal(spread, region):
            break
        region = spread
    return region


def _sweep(region: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spread a region along its rows, rightwards, up to the next pixel that is not allowed."""
    column = np.arange(region.shape[1], dtype=np.int32)
    last_seed = np.maximum.accumulate(np.where(region, column, -1), axis=1)
    last_wall = np.maximum.accumulate(np.where(allowed, -1, column), axis=1)
    return np.asarray(last_seed > last_wall)


def _why_unreadable(upload: Upload, message: str) -> FrameRejected:
    """Tell a file whose blocks lie behind its end from one with a damaged block."""
    size = upload.path.stat().st_size
    band = upload.dataset.GetRasterBand(1)
    block_width, block_height = band.GetBlockSize()
    for row in range(-(-upload.height // block_height)):
        for column in range(-(-upload.width // block_width)):
            offset = band.GetMetadataItem(f"BLOCK_OFFSET_{column}_{row}", "TIFF")
            length = band.GetMetadataItem(f"BLOCK_SIZE_{column}_{row}", "TIFF")
            if offset and length and int(offset) + int(length) > size:
                detail = f"block {column},{row} should end at byte {int(offset) + int(length)} of {size}"
                return FrameRejected(Reason.TRUNCATED, detail)
    return FrameRejected(Reason.UNREADABLE_BLOCK, message)
