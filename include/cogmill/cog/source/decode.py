"""Decodes an upload into memory: 8-bit pictures and, where the file says more than its outline, a validity mask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.arrays.masks import keep_edge_connected, mask_from_nodata, strips
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.profiles import Nodata, Profile, Scaling
from cogmill.cog.source.inspect import Upload
from cogmill.domain.errors import InvalidFrameError, Reason

Bytes = NDArray[np.uint8]

OPAQUE = 128
"""Alpha from which a pixel counts as picture."""

MAX_CLIPPED = 0.001
"""Share of pixels outside a declared scaling that is put down to dust and hot pixels; more is a wrong declaration."""

SAMPLES = 1_000_000
"""Pixels of a band that are looked at to tell a picture from nothing."""

BLANK_RANGE = 3
"""Grey levels that JPEG noise alone can spread; a picture has more."""

BITS_PER_BYTE = 8


@dataclass(slots=True)
class Pixels:
    """A decoded frame in its own pixel grid."""

    data: Bytes
    """Shape (bands, rows, columns)."""
    mask: Bytes | None
    """Shape (rows, columns), 255 is valid and 0 is not; None when every pixel is valid."""
    transform: Affine
    """From (column, row) to the units of `srs` (x, y)."""
    srs: Any


def read_pixels(upload: Upload, profile: Profile, scratch: ScratchArrays) -> Pixels:
    """Decode every block of an upload.

    Raises:
        InvalidFrameError: truncated, unreadable_block, wrong_depth or all_blank.
    """
    try:
        valid = _read_validity(upload, profile.nodata, scratch)
        data = _read_picture(upload, profile.scaling, valid, scratch)
    except RuntimeError as err:
        raise _why_unreadable(upload, str(err)) from err
    check_not_blank(data, valid)
    return Pixels(data, valid, upload.transform, upload.srs)


def check_not_blank(data: Bytes, valid: Bytes | None) -> None:
    """Raise all_blank when the valid pixels show nothing."""
    tones = np.zeros(256, np.int64)
    step = max(1, math.isqrt(data[0].size // SAMPLES))
    for band in data[:, ::step, ::step]:
        picture = band if valid is None else band[valid[::step, ::step] != 0]
        tones += np.bincount(picture.ravel(), minlength=256)
    used = np.flatnonzero(tones)
    if used.size == 0:
        raise InvalidFrameError(Reason.ALL_BLANK, "no valid pixel")
    if used[-1] - used[0] <= BLANK_RANGE:
        raise InvalidFrameError(Reason.ALL_BLANK, f"every pixel is about {used[0]}")


def _read_picture(upload: Upload, scaling: Scaling | None, valid: Bytes | None, scratch: ScratchArrays) -> Bytes:
    """Return the picture bands as 8-bit intensities, shape (bands, rows, columns)."""
    data = scratch.zeros((upload.bands, upload.height, upload.width))
    band = upload.dataset.GetRasterBand(1)
    if upload.palette is not None:
        _read_palette(band, upload.palette, data)
    elif band.DataType != gdal.GDT_Byte and scaling is not None:
        _read_16bit(upload, data, valid, scaling)
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


def _read_16bit(upload: Upload, data: Bytes, valid: Bytes | None, scaling: Scaling) -> None:
    """Scale 16-bit samples by the declared rule; many valid pixels outside of it mean that the rule is wrong."""
    outside = 0
    span = scaling.high - scaling.low
    for rows in strips(upload.height):
        values = upload.dataset.ReadAsArray(
            0, rows.start, upload.width, rows.stop - rows.start, band_list=list(upload.picture)
        ).reshape(len(data), -1, upload.width)
        beyond = (values < scaling.low) | (values > scaling.high)
        outside += int((beyond if valid is None else beyond & (valid[rows] != 0)).sum())
        scaled = (values.astype(np.float32) - scaling.low) * (255 / span)
        data[:, rows] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    counted = data.size if valid is None else len(data) * int(np.count_nonzero(valid))
    if outside > MAX_CLIPPED * counted:
        share = 100 * outside / counted
        raise InvalidFrameError(
            Reason.WRONG_DEPTH,
            f"{share:.1f} % of the values lie outside the declared scaling {scaling.low:g} to {scaling.high:g}",
        )


def _stretch_few_bits(band: Any, data: Bytes) -> None:
    """Bring samples of 1, 2 or 4 bits to the full range; the file itself declares what white is."""
    bits = int(band.GetMetadataItem("NBITS", "IMAGE_STRUCTURE") or BITS_PER_BYTE)
    if bits < BITS_PER_BYTE:
        data *= 255 // (2**bits - 1)


def _read_validity(upload: Upload, nodata: Nodata, scratch: ScratchArrays) -> Bytes | None:
    """Return the mask the file itself declares: alpha, then internal mask, then nodata."""
    band = upload.dataset.GetRasterBand(1)
    flags = band.GetMaskFlags()
    valid: Bytes | None = None
    if upload.alpha is not None:
        valid = _read_mask(upload.dataset.GetRasterBand(upload.alpha), OPAQUE, scratch)
    elif flags & gdal.GMF_PER_DATASET and not flags & gdal.GMF_ALPHA:
        valid = _read_mask(band.GetMaskBand(), 1, scratch)
    elif upload.nodata is not None and flags & gdal.GMF_NODATA:
        valid = _from_nodata(upload, nodata, scratch)
    return None if valid is None or valid.all() else valid


def _read_mask(band: Any, least: int, scratch: ScratchArrays) -> Bytes:
    """Return a mask with 255 where a band has at least a value."""
    valid = scratch.zeros((band.YSize, band.XSize))
    for rows in strips(band.YSize):
        values = band.ReadAsArray(0, rows.start, band.XSize, rows.stop - rows.start)
        valid[rows] = np.where(values >= least, np.uint8(255), np.uint8(0))
    return valid


def _from_nodata(upload: Upload, nodata: Nodata, scratch: ScratchArrays) -> Bytes | None:
    """Return the mask of a nodata value; values no 8-bit pixel can have (256, -9999) mean nothing."""
    empty = scratch.zeros((upload.height, upload.width)).view(bool)
    for rows in strips(upload.height):
        window = (0, rows.start, upload.width, rows.stop - rows.start)
        raw = upload.dataset.ReadAsArray(*window, band_list=list(upload.picture))
        empty[rows] = (raw.reshape(-1, *empty[rows].shape) == upload.nodata).all(axis=0)
    if nodata is Nodata.EDGE:
        keep_edge_connected(empty)
    return mask_from_nodata(empty)


def _why_unreadable(upload: Upload, message: str) -> InvalidFrameError:
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
                return InvalidFrameError(Reason.TRUNCATED, detail)
    return InvalidFrameError(Reason.UNREADABLE_BLOCK, message)
