"""A small picture of a raw scan, which need not have a position. Runs in the worker process; reads and writes local files only."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import DrawRequest
from cogmill.cog.source.bands import palette_of
from cogmill.cog.source.complaints import listen
from cogmill.cog.source.gdal_types import Band, Dataset
from cogmill.cog.source.inspect import open_raster
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import DrawnScan

QUALITY = 75
"""Of WebP, 1 to 100."""

COLORS = 3
"""Bands from which on a scan is drawn in color."""

FULL_RANGE = 255

BITS_PER_BYTE = 8


def draw_scan(request: DrawRequest, limits: Limits) -> DrawnScan:
    """Draw the first page of a scan as WebP, whatever its bands and depth; what it cost is left for the worker to fill in.

    Values of more than 8 bits are spread over the gray levels of the picture, darkest to brightest: it is there to recognize a
    photograph, not to measure it.

    Raises:
        InvalidFrameError: The file is at fault.
        MemoryError: It needs more memory than the limits give.
    """
    dataset = open_raster(request.source, limits, threads=request.threads)
    width, height = dataset.RasterXSize, dataset.RasterYSize
    factor = min(1.0, request.longer_px / max(width, height))
    columns, rows = (max(1, round(side * factor)) for side in (width, height))
    try:
        with listen() as complaints:
            picture = _read(dataset, columns, rows)
    except RuntimeError as err:
        raise InvalidFrameError(Reason.UNREADABLE_BLOCK, complaints.text or str(err)) from err
    if complaints.count:
        raise InvalidFrameError(Reason.UNREADABLE_BLOCK, complaints.text)
    _write(picture, request.target)
    return DrawnScan(str(request.target), width, height)


def _read(dataset: Dataset, columns: int, rows: int) -> NDArray[np.uint8]:
    """Return a scan made smaller, shape (rows, columns, 3), blue first as OpenCV has it."""
    band = dataset.GetRasterBand(1)
    bits = int(band.GetMetadataItem("NBITS", "IMAGE_STRUCTURE") or BITS_PER_BYTE)
    palette = palette_of(band)
    if palette is not None:
        values = _sampled(dataset, [1], columns, rows, gdal.GRIORA_NearestNeighbour)[0]
        drawn: NDArray[np.uint8] = palette[np.minimum(values, len(palette) - 1)][..., ::-1]
        return drawn
    wanted = [1, 2, 3] if dataset.RasterCount >= COLORS else [1]
    # averages of one to seven bits would be rounded back to these bits
    method = gdal.GRIORA_Average if bits >= BITS_PER_BYTE else gdal.GRIORA_NearestNeighbour
    values = _sampled(dataset, wanted, columns, rows, method)
    gray = _spread(values, band, bits)
    if band.GetMetadataItem("MINISWHITE", "IMAGE_STRUCTURE") == "YES":
        gray = np.bitwise_not(gray)
    return np.broadcast_to(gray, (COLORS, rows, columns))[::-1].transpose(1, 2, 0)


def _sampled(dataset: Dataset, bands: list[int], columns: int, rows: int, method: int) -> NDArray[np.number]:
    """Return bands made smaller, shape (bands, rows, columns)."""
    values = dataset.ReadAsArray(buf_xsize=columns, buf_ysize=rows, band_list=bands, resample_alg=method)
    if np.iscomplexobj(values):
        raise InvalidFrameError(Reason.WRONG_DEPTH, "samples are complex numbers")
    shaped: NDArray[np.number] = values.reshape(len(bands), rows, columns)
    return shaped


def _spread(values: NDArray[np.number], band: Band, bits: int) -> NDArray[np.uint8]:
    """Return samples as gray levels, in the shape of the samples."""
    if values.dtype == np.uint8:
        return np.asarray(values * (FULL_RANGE // (2 ** min(bits, BITS_PER_BYTE) - 1)), np.uint8)
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    nodata = band.GetNoDataValue()
    if nodata is not None:
        finite[values == nodata] = np.nan
    if np.isnan(finite).all():
        raise InvalidFrameError(Reason.ALL_BLANK, "no valid pixel")
    low, high = np.nanmin(finite), np.nanmax(finite)
    levels = (finite - low) * (FULL_RANGE / max(high - low, np.finfo(np.float64).tiny))
    return np.nan_to_num(levels, nan=0.0).clip(0, FULL_RANGE).astype(np.uint8)


def _write(picture: NDArray[np.uint8], target: Path) -> None:
    done, data = cv2.imencode(".webp", np.ascontiguousarray(picture), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    if not done:
        raise RuntimeError("OpenCV writes no WebP here")
    target.write_bytes(data.tobytes())
