"""Which bands of an upload become those of its COG, and whether their values can."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.source.gdal_types import Band, Dataset
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands


def choose_bands(dataset: Dataset, bands: Bands) -> tuple[tuple[int, ...], int | None, NDArray[np.uint8] | None]:
    """Return the numbers of the bands to keep, that of an alpha band, and a palette, or refuse the band count.

    A fourth band that is not alpha (near infrared) is dropped, as the archive always did, unless infrared is what the frame is to show.
    """
    count = dataset.RasterCount
    alpha = _alpha_band(dataset)
    palette = palette_of(dataset.GetRasterBand(1)) if count == 1 else None
    if palette is not None:
        gray = not np.ptp(palette, axis=1).any()  # red, green and blue are equal in every entry
        if bands is Bands.BW and gray:
            return (1,), None, palette[:, :1]
        if bands is Bands.NC:
            return (1,), None, palette
        raise InvalidFrameError(Reason.WRONG_BANDS, f"a palette of colors below {bands}/")
    opaque = count - (alpha is not None)
    if bands is Bands.BW and opaque == 1:
        return (1,), alpha, None
    if bands is Bands.NC and opaque in (3, 4):
        return (1, 2, 3), alpha, None
    if bands is Bands.CIR and opaque in (3, 4):
        # three are infrared, red and green already; cameras with four write red, green, blue, infrared
        return ((1, 2, 3) if opaque == 3 else (4, 1, 2)), alpha, None  # noqa: PLR2004
    wanted = "one" if bands is Bands.BW else "three"
    plus = " and an alpha band" if alpha else ""
    raise InvalidFrameError(Reason.WRONG_BANDS, f"{opaque} bands{plus}, {wanted} expected below {bands}/")


def _alpha_band(dataset: Dataset) -> int | None:
    """Return the number of the last band if it is declared as alpha."""
    last = dataset.RasterCount
    is_alpha = last > 1 and dataset.GetRasterBand(last).GetColorInterpretation() == gdal.GCI_AlphaBand
    return last if is_alpha else None


def palette_of(band: Band) -> NDArray[np.uint8] | None:
    """Return the colors of a palette, shape (256, 3), red first; values without an entry are black."""
    table = band.GetColorTable()
    if table is None:
        return None
    colors = np.zeros((256, 3), np.uint8)
    for value in range(min(table.GetCount(), len(colors))):
        colors[value] = table.GetColorEntry(value)[:3]
    return colors


def check_depth(dataset: Dataset, *, allow_16bit: bool) -> None:
    """Raise wrong_depth unless every band holds bytes, or 16 bits where those are allowed."""
    for number in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(number)
        name = gdal.GetDataTypeName(band.DataType)
        signed = band.GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE") == "SIGNEDBYTE"
        if band.DataType == gdal.GDT_Byte and not signed:
            continue
        if allow_16bit and band.DataType in (gdal.GDT_UInt16, gdal.GDT_Int16):
            continue
        raise InvalidFrameError(Reason.WRONG_DEPTH, "Int8 samples" if signed else f"{name} samples")
