"""Decode an upload into arrays: 8-bit samples and, where the file declares more than its outline, a mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.arrays.masks import keep_edge_connected, mask_from_nodata, strips
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.profiles import Nodata, Profile, Scaling
from cogmill.cog.source.complaints import listen
from cogmill.cog.source.control_points import Bend
from cogmill.cog.source.gdal_types import Band, SpatialReference
from cogmill.cog.source.inspect import SourceRaster
from cogmill.domain.errors import InvalidFrameError, Reason

Bytes = NDArray[np.uint8]

OPAQUE = 128
"""Alpha from which a pixel is valid."""

MAX_CLIPPED = 0.001
"""Share of pixels outside a declared scaling that is put down to dust and hot pixels; more is a wrong declaration."""

SAMPLES = 1_000_000
"""Pixels of a band that are looked at to tell a photograph from a blank."""

SAMPLED_ROWS = 64
"""Rows of those pixels that are looked at together."""

BLANK_RANGE = 3
"""Gray levels that JPEG noise alone can spread; a photograph has more."""

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
    srs: SpatialReference
    """Of the frame, x before y."""
    bend: Bend | None = None
    """How its pixels lie off `transform`; None where they do not."""


def read_pixels(raster: SourceRaster, profile: Profile, scratch: ScratchArrays) -> Pixels:
    """Decode every block of an upload.

    Raises:
        InvalidFrameError: truncated, unreadable_block, wrong_depth or all_blank.
    """
    try:
        with listen() as complaints:
            mask = _read_mask(raster, profile.nodata, scratch)
            data = _read_samples(raster, profile.scaling, mask, scratch)
    except RuntimeError as err:
        raise _why_unreadable(raster, complaints.text or str(err)) from err
    if complaints.count:
        raise _why_unreadable(raster, complaints.text)
    _check_all_written(raster, mask)
    check_not_blank(data, mask, scratch)
    return Pixels(data, mask, raster.transform, raster.srs, raster.bend)


def check_not_blank(data: Bytes, mask: Bytes | None, scratch: ScratchArrays) -> None:
    """Check that the valid pixels show more than one value, on a sample of about a million of them.

    Args:
        data: Shape (bands, rows, columns).
        mask: Shape (rows, columns), 0 is not valid; None when every pixel is valid.
        scratch: Holds both.

    Raises:
        InvalidFrameError: all_blank.
    """
    histogram = np.zeros(256, np.int64)
    step = max(1, math.isqrt(data[0].size // SAMPLES))
    for rows in scratch.sweep(strips(data.shape[1], step * SAMPLED_ROWS)):
        samples = data[:, rows][:, ::step, ::step]
        valid = samples if mask is None else samples[:, mask[rows][::step, ::step] != 0]
        histogram += np.bincount(valid.ravel(), minlength=256)
    used = np.flatnonzero(histogram)
    if used.size == 0:
        raise InvalidFrameError(Reason.ALL_BLANK, "no valid pixel")
    if used[-1] - used[0] <= BLANK_RANGE:
        raise InvalidFrameError(Reason.ALL_BLANK, f"every pixel is about {used[0]}")


def _check_all_written(raster: SourceRaster, mask: Bytes | None) -> None:
    """Check that blocks which were never written are nodata: those of a sparse mosaic are, those of a broken export not.

    Raises:
        InvalidFrameError: unreadable_block.
    """
    possible = raster.nodata is not None and 0 <= raster.nodata <= np.iinfo(np.uint16).max
    declared = possible or mask is not None
    for number in raster.indexes:
        flags, share = raster.dataset.GetRasterBand(number).GetDataCoverageStatus(0, 0, raster.width, raster.height)
        if flags & gdal.GDAL_DATA_COVERAGE_STATUS_EMPTY and not declared:
            detail = f"{100 - share:.0f} % of its blocks were never written; the export was interrupted, or it has no nodata value"
            raise InvalidFrameError(Reason.UNREADABLE_BLOCK, detail)


def _read_samples(raster: SourceRaster, scaling: Scaling | None, mask: Bytes | None, scratch: ScratchArrays) -> Bytes:
    """Return the bands as 8-bit intensities, 0 is black, shape (bands, rows, columns)."""
    data = scratch.zeros((raster.count, raster.height, raster.width))
    band = raster.dataset.GetRasterBand(1)
    if raster.palette is not None:
        _read_palette(band, raster.palette, data)
    elif band.DataType != gdal.GDT_Byte and scaling is not None:
        _read_16bit(raster, data, mask, scaling)
    else:
        raster.dataset.ReadAsArray(buf_obj=data, band_list=list(raster.indexes))
        _stretch_few_bits(band, data)
    if band.GetMetadataItem("MINISWHITE", "IMAGE_STRUCTURE") == "YES" and raster.palette is None:
        np.bitwise_not(data, out=data)
    return data


def _read_palette(band: Band, palette: Bytes, data: Bytes) -> None:
    """Fill `data`, shape (bands, rows, columns), with the colors of a band's values; `palette` has shape (256, bands)."""
    for rows in strips(data.shape[1]):
        values = band.ReadAsArray(0, rows.start, data.shape[2], rows.stop - rows.start)
        for number, target in enumerate(data):
            np.take(palette[:, number], values, out=target[rows])


def _read_16bit(raster: SourceRaster, data: Bytes, mask: Bytes | None, scaling: Scaling) -> None:
    """Fill `data` with samples of 16 bits, scaled linearly by the declared rule and rounded to nearest.

    Args:
        raster: The upload.
        data: Shape (bands, rows, columns), filled in place.
        mask: Shape (rows, columns), 0 is not valid; None when every pixel is valid.
        scaling: Values that become 0 and 255; what lies outside becomes the nearer of the two.

    Raises:
        InvalidFrameError: wrong_depth, when so many valid samples lie outside that the rule must be wrong.
    """
    outside = 0
    span = scaling.high - scaling.low
    for rows in strips(raster.height):
        values = raster.dataset.ReadAsArray(
            0, rows.start, raster.width, rows.stop - rows.start, band_list=list(raster.indexes)
        ).reshape(len(data), -1, raster.width)
        beyond = (values < scaling.low) | (values > scaling.high)
        outside += int((beyond if mask is None else beyond & (mask[rows] != 0)).sum())
        scaled = (values.astype(np.float32) - scaling.low) * (255 / span)
        data[:, rows] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    counted = data.size if mask is None else len(data) * int(np.count_nonzero(mask))
    if outside > MAX_CLIPPED * counted:
        share = 100 * outside / counted
        raise InvalidFrameError(
            Reason.WRONG_DEPTH,
            f"{share:.1f} % of the values lie outside the declared scaling {scaling.low:g} to {scaling.high:g}",
        )


def _stretch_few_bits(band: Band, data: Bytes) -> None:
    """Bring samples of 1, 2 or 4 bits to 0..255, in place; other depths stay as they are."""
    bits = int(band.GetMetadataItem("NBITS", "IMAGE_STRUCTURE") or BITS_PER_BYTE)
    if bits < BITS_PER_BYTE:
        data *= 255 // (2**bits - 1)


def _read_mask(raster: SourceRaster, nodata: Nodata, scratch: ScratchArrays) -> Bytes | None:
    """Return the mask that the file itself declares, by alpha, internal mask or nodata, in this order.

    Returns:
        Shape (rows, columns), 255 is valid and 0 is not; None when every pixel is valid.
    """
    band = raster.dataset.GetRasterBand(1)
    flags = band.GetMaskFlags()
    mask: Bytes | None = None
    if raster.alpha is not None:
        mask = _mask_from_band(raster.dataset.GetRasterBand(raster.alpha), OPAQUE, scratch)
    elif flags & gdal.GMF_PER_DATASET and not flags & gdal.GMF_ALPHA:
        mask = _mask_from_band(band.GetMaskBand(), 1, scratch)
    elif raster.nodata is not None and flags & gdal.GMF_NODATA:
        mask = _mask_from_nodata(raster, nodata, scratch)
    return None if mask is None or mask.all() else mask


def _mask_from_band(band: Band, least: int, scratch: ScratchArrays) -> Bytes:
    """Return a mask, shape (rows, columns): 255 where a band has at least the value `least`, else 0."""
    mask = scratch.zeros((band.YSize, band.XSize))
    for rows in strips(band.YSize):
        values = band.ReadAsArray(0, rows.start, band.XSize, rows.stop - rows.start)
        mask[rows] = np.where(values >= least, np.uint8(255), np.uint8(0))
    return mask


def _mask_from_nodata(raster: SourceRaster, nodata: Nodata, scratch: ScratchArrays) -> Bytes | None:
    """Return the mask of the declared nodata value, shape (rows, columns), 255 is valid and 0 is not.

    A pixel is nodata when all its bands have the value. Values that no sample can have (256, -9999) mean nothing.
    """
    is_nodata = scratch.zeros((raster.height, raster.width)).view(bool)
    for rows in strips(raster.height):
        window = (0, rows.start, raster.width, rows.stop - rows.start)
        raw = raster.dataset.ReadAsArray(*window, band_list=list(raster.indexes))
        is_nodata[rows] = (raw.reshape(-1, *is_nodata[rows].shape) == raster.nodata).all(axis=0)
    if nodata is Nodata.EDGE:
        keep_edge_connected(is_nodata)
    return mask_from_nodata(is_nodata)


def _why_unreadable(raster: SourceRaster, message: str) -> InvalidFrameError:
    """Tell a file whose blocks lie behind its end from one with a damaged block."""
    size = raster.path.stat().st_size
    band = raster.dataset.GetRasterBand(1)
    block_width, block_height = band.GetBlockSize()
    for row in range(-(-raster.height // block_height)):
        for column in range(-(-raster.width // block_width)):
            offset = band.GetMetadataItem(f"BLOCK_OFFSET_{column}_{row}", "TIFF")
            length = band.GetMetadataItem(f"BLOCK_SIZE_{column}_{row}", "TIFF")
            if offset and length and int(offset) + int(length) > size:
                detail = f"block {column},{row} should end at byte {int(offset) + int(length)} of {size}"
                return InvalidFrameError(Reason.TRUNCATED, detail)
    return InvalidFrameError(Reason.UNREADABLE_BLOCK, message)
