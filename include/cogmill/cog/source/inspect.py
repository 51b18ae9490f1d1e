"""Opens an upload safely and says what it is, before any pixel is read.

Only the GTiff driver sees the file, only from the local disk, and nothing beside the file is looked at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import gdal, osr

from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands

TIFF_MAGIC = {b"II*\0": "<I", b"MM\0*": ">I", b"II+\0": "<Q", b"MM\0+": ">Q"}
"""First four bytes of TIFF and BigTIFF, and how the offset of the first directory is written."""

GREY_SPREAD = 0
"""Largest difference between red, green and blue of a palette entry that still is grey."""

BITS_PER_BYTE = 8


@dataclass(frozen=True, slots=True)
class Upload:
    """An opened and accepted upload; nothing has been decoded yet."""

    path: Path
    dataset: Any
    width: int
    height: int
    picture: tuple[int, ...]
    """Band numbers (from 1) that become the COG's bands."""
    alpha: int | None
    """Band number of an alpha band."""
    palette: NDArray[np.uint8] | None
    """Shape (256, bands): pixel value to colour; None when values are intensities."""
    nodata: float | None
    transform: Affine
    """From (column, row) to the units of `srs` (x, y)."""
    srs: Any
    """osr.SpatialReference, horizontal part only, x before y."""

    @property
    def bands(self) -> int:
        """Number of picture bands once a palette is resolved."""
        return len(self.picture) if self.palette is None else int(self.palette.shape[1])


def open_upload(path: Path, bands: Bands, limits: Limits, *, allow_16bit: bool, threads: int = 1) -> Upload:
    """Open a GeoTIFF and check everything its directory tells.

    Args:
        path: Local file.
        bands: What the folder of the frame promises.
        limits: What the frame may cost.
        allow_16bit: Whether 16-bit values are welcome, because a scaling is declared.
        threads: Threads that decode blocks.

    Raises:
        InvalidFrameError: With one of the reasons that need no pixels.
    """
    _check_size(path, limits)
    dataset = _open(path, threads)
    _check_extent(path, dataset, limits)
    try:
        return _inspect(path, dataset, bands, allow_16bit=allow_16bit)
    except RuntimeError as err:
        raise InvalidFrameError(Reason.NOT_A_GEOTIFF, f"its directory is damaged ({err})") from err


def _inspect(path: Path, dataset: Any, bands: Bands, *, allow_16bit: bool) -> Upload:
    transform = _transform(dataset)
    srs = _horizontal_srs(dataset)
    picture, alpha, palette = _choose_bands(dataset, bands)
    _check_depth(dataset, allow_16bit=allow_16bit)
    return Upload(
        path=path,
        dataset=dataset,
        width=dataset.RasterXSize,
        height=dataset.RasterYSize,
        picture=picture,
        alpha=alpha,
        palette=palette,
        nodata=dataset.GetRasterBand(1).GetNoDataValue(),
        transform=transform,
        srs=srs,
    )


def _check_size(path: Path, limits: Limits) -> None:
    size = path.stat().st_size
    if size == 0:
        raise InvalidFrameError(Reason.EMPTY, "0 bytes")
    if size > limits.file_bytes:
        raise InvalidFrameError(Reason.TOO_LARGE, f"file of {size} bytes, at most {limits.file_bytes} are accepted")


def _open(path: Path, threads: int) -> Any:
    try:
        return gdal.OpenEx(
            str(path),
            gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR,
            allowed_drivers=["GTiff"],
            open_options=["GEOREF_SOURCES=INTERNAL", f"NUM_THREADS={threads}"],
        )
    except RuntimeError as err:
        raise _why_not_opened(path, str(err)) from err


def _why_not_opened(path: Path, message: str) -> InvalidFrameError:
    """Tell a TIFF that ends before its directory from a file that is no TIFF."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
    layout = TIFF_MAGIC.get(head[:4])
    if layout is None:
        return InvalidFrameError(Reason.NOT_A_GEOTIFF, f"the file does not begin like a TIFF but with {head[:8]!r}")
    at = 8 if layout.endswith("Q") else 4
    if len(head) < at + struct.calcsize(layout):
        return InvalidFrameError(Reason.TRUNCATED, f"only {size} bytes")
    (directory,) = struct.unpack_from(layout, head, at)
    if directory + 2 > size:
        return InvalidFrameError(Reason.TRUNCATED, f"the directory should be at byte {directory} of {size}")
    return InvalidFrameError(Reason.NOT_A_GEOTIFF, f"its directory cannot be read ({message})")


def _check_extent(path: Path, dataset: Any, limits: Limits) -> None:
    width, height, count = dataset.RasterXSize, dataset.RasterYSize, dataset.RasterCount
    if max(width, height) > limits.side_px:
        raise InvalidFrameError(Reason.TOO_LARGE, f"{width} x {height} px, at most {limits.side_px} px a side")
    if count not in limits.bands:
        raise InvalidFrameError(Reason.WRONG_BANDS, f"{count} bands")
    band = dataset.GetRasterBand(1)
    decoded = width * height * count * gdal.GetDataTypeSize(band.DataType) // BITS_PER_BYTE
    if decoded > limits.decoded_bytes:
        raise InvalidFrameError(Reason.TOO_LARGE, f"{decoded} bytes when decoded, at most {limits.decoded_bytes}")
    size = path.stat().st_size
    if decoded > limits.expansion_from_bytes and decoded > size * limits.expansion:
        raise InvalidFrameError(Reason.TOO_LARGE, f"{size} bytes would grow to {decoded}: no photograph does that")
    block_width, block_height = band.GetBlockSize()
    blocks = -(-width // block_width) * -(-height // block_height) * count
    if blocks > limits.blocks:
        raise InvalidFrameError(Reason.TOO_LARGE, f"{blocks} blocks, at most {limits.blocks}")


def _transform(dataset: Any) -> Affine:
    """Return the way from (column, row) to map coordinates, which must map pixels to an area."""
    found = dataset.GetGeoTransform(can_return_null=True)
    if found is None:
        what = "only control points" if dataset.GetGCPCount() else "no geotransform"
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, f"{what} in the file")
    determinant = found[1] * found[5] - found[2] * found[4]
    if not np.isfinite(found).all() or determinant == 0:
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, f"degenerate geotransform {found}")
    return Affine.from_gdal(*found)


def _horizontal_srs(dataset: Any) -> Any:
    found = dataset.GetSpatialRef()
    if found is None or not found.ExportToWkt():
        raise InvalidFrameError(Reason.NO_CRS, "no coordinate system in the file")
    srs = osr.SpatialReference()
    srs.ImportFromWkt(found.ExportToWkt())
    if srs.IsCompound() or srs.IsVertical():
        srs.DemoteTo2D()
    if not (srs.IsProjected() or srs.IsGeographic()):
        raise InvalidFrameError(Reason.NO_CRS, f"{srs.GetName()!r} is neither a projected nor a geographic system")
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return srs


def _choose_bands(dataset: Any, bands: Bands) -> tuple[tuple[int, ...], int | None, NDArray[np.uint8] | None]:
    """Return picture bands, alpha band and palette, or refuse the band count.

    A fourth band that is not alpha (near infrared) is dropped, as the archive always did.
    """
    count = dataset.RasterCount
    alpha = _alpha_band(dataset)
    palette = _palette(dataset.GetRasterBand(1)) if count == 1 else None
    if palette is not None:
        grey = bool(np.ptp(palette.astype(int), axis=1).max() <= GREY_SPREAD)
        if bands is Bands.BW and grey:
            return (1,), None, palette[:, :1]
        if bands is Bands.NC:
            return (1,), None, palette
        raise InvalidFrameError(Reason.WRONG_BANDS, "a palette of colours below bw/")
    pictures = count - (alpha is not None)
    if bands is Bands.BW and pictures == 1:
        return (1,), alpha, None
    if bands is Bands.NC and pictures in (3, 4):
        return (1, 2, 3), alpha, None
    wanted = "one" if bands is Bands.BW else "three"
    plus = " and an alpha band" if alpha else ""
    raise InvalidFrameError(Reason.WRONG_BANDS, f"{pictures} bands{plus}, {wanted} expected below {bands}/")


def _alpha_band(dataset: Any) -> int | None:
    last = dataset.RasterCount
    is_alpha = last > 1 and dataset.GetRasterBand(last).GetColorInterpretation() == gdal.GCI_AlphaBand
    return last if is_alpha else None


def _palette(band: Any) -> NDArray[np.uint8] | None:
    """Return the colours of a palette, shape (256, 3); values without an entry are black."""
    table = band.GetColorTable()
    if table is None:
        return None
    colours = np.zeros((256, 3), np.uint8)
    for value in range(min(table.GetCount(), len(colours))):
        colours[value] = table.GetColorEntry(value)[:3]
    return colours


def _check_depth(dataset: Any, *, allow_16bit: bool) -> None:
    for number in range(1, dataset.RasterCount + 1):
        band = dataset.GetRasterBand(number)
        name = gdal.GetDataTypeName(band.DataType)
        signed = band.GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE") == "SIGNEDBYTE"
        if band.DataType == gdal.GDT_Byte and not signed:
            continue
        if allow_16bit and band.DataType in (gdal.GDT_UInt16, gdal.GDT_Int16):
            continue
        raise InvalidFrameError(Reason.WRONG_DEPTH, "Int8 samples" if signed else f"{name} samples")
