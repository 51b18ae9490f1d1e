"""Open an upload safely and check what it is, before any pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.profiles import Profile
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.source.bands import check_depth, choose_bands
from cogmill.cog.source.control_points import Bend
from cogmill.cog.source.gdal_types import Dataset, SpatialReference
from cogmill.cog.source.open_file import choose_page, open_file
from cogmill.cog.source.position import NO_SIDECARS, read_position
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands
from cogmill.domain.sidecars import SidecarKind

BITS_PER_BYTE = 8


@dataclass(frozen=True, slots=True)
class SourceRaster:
    """An opened and accepted upload; no pixel has been decoded yet."""

    path: Path
    dataset: Dataset
    width: int
    """Columns."""
    height: int
    """Rows."""
    indexes: tuple[int, ...]
    """Numbers (from 1) of the bands that become the COG's bands; alpha and near infrared are none of them."""
    alpha: int | None
    """Band number of an alpha band."""
    palette: NDArray[np.uint8] | None
    """Shape (256, bands), pixel value to color, red first; None when values are intensities."""
    nodata: float | None
    """Declared for the first band; it may be a value that no pixel can have."""
    transform: Affine
    """From (column, row) to the units of `srs` (x, y)."""
    srs: SpatialReference
    """Horizontal part only, x before y."""
    bend: Bend | None = None
    """How its pixels lie off `transform`; None where they do not."""
    adjustments: tuple[str, ...] = ()
    """What is read otherwise than the file says, or besides: a page that is not its first, a datum that it does not name."""

    @property
    def count(self) -> int:
        """Number of the COG's bands, once a palette is resolved."""
        return len(self.indexes) if self.palette is None else int(self.palette.shape[1])


REFUSED_CODECS = {"PIXARLOG", "SGILOG", "SGILOG24"}
"""Codecs of film rendering and radiance maps. No georeferencing tool writes them, and their decoders have had holes of their own."""


def open_raster(path: Path, limits: Limits, *, threads: int = 1) -> Dataset:
    """Open the first page of a file, positioned or not, and check what it would cost to read.

    Raises:
        InvalidFrameError: Empty, too large, not of its format, or with a number of bands that no photograph has.
    """
    _check_size(path, limits)
    dataset = open_file(path, threads)
    try:
        _check_limits(path, dataset, limits)
        _check_codecs(dataset)
    except RuntimeError as err:
        raise InvalidFrameError(Reason.NOT_A_GEOTIFF, f"its directory is damaged ({err})") from err
    return dataset


def open_upload(  # noqa: PLR0913 - a file, what is beside it, and what is asked of them
    path: Path,
    bands: Bands,
    limits: Limits,
    profile: Profile,
    sidecars: Mapping[SidecarKind, Path] = NO_SIDECARS,
    *,
    threads: int = 1,
) -> SourceRaster:
    """Open an upload and check everything its directory tells.

    Args:
        path: Local file; its name ends as its format says.
        bands: What the folder of the frame promises.
        limits: What the frame may cost.
        profile: What it declares for files that do not tell everything: a scaling of 16 bits, a coordinate system.
        sidecars: Local files that say where the frame lies, as far as the upload does not.
        threads: Threads that decode blocks.

    Raises:
        InvalidFrameError: With one of the reasons that need no pixels.
    """
    _check_size(path, limits)
    try:
        dataset, page = choose_page(open_file(path, threads), threads)
        _check_limits(path, dataset, limits)
        _check_codecs(dataset)
        raster = _inspect(path, dataset, bands, profile, sidecars)
        return raster if page == 1 else replace(raster, adjustments=(f"page_{page}", *raster.adjustments))
    except RuntimeError as err:
        raise InvalidFrameError(Reason.NOT_A_GEOTIFF, f"its directory is damaged ({err})") from err


def _inspect(
    path: Path, dataset: Dataset, bands: Bands, profile: Profile, sidecars: Mapping[SidecarKind, Path]
) -> SourceRaster:
    """Return the raster, or raise the first reason against it."""
    position = read_position(dataset, profile, sidecars)
    indexes, alpha, palette = choose_bands(dataset, bands)
    check_depth(dataset, allow_16bit=profile.scaling is not None)
    return SourceRaster(
        path=path,
        dataset=dataset,
        width=dataset.RasterXSize,
        height=dataset.RasterYSize,
        indexes=indexes,
        alpha=alpha,
        palette=palette,
        nodata=dataset.GetRasterBand(1).GetNoDataValue(),
        transform=position.transform,
        srs=position.srs,
        bend=position.bend,
        adjustments=position.assumptions,
    )


def _check_size(path: Path, limits: Limits) -> None:
    """Raise empty or too_large for the bytes of the file."""
    size = path.stat().st_size
    if size == 0:
        raise InvalidFrameError(Reason.EMPTY, "0 bytes")
    if size > limits.file_bytes:
        raise InvalidFrameError(Reason.TOO_LARGE, f"file of {size} bytes, at most {limits.file_bytes} are accepted")


def _check_limits(path: Path, dataset: Dataset, limits: Limits) -> None:
    """Raise too_large or wrong_bands for what would cost more than the limits allow, as far as the directory tells."""
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


def _check_codecs(dataset: Dataset) -> None:
    """Raise not_a_geotiff for a refused codec of the picture, its overviews or its mask, before any block is decoded."""
    band = dataset.GetRasterBand(1)
    parts = [band, band.GetMaskBand(), *(band.GetOverview(number) for number in range(band.GetOverviewCount()))]
    for part in parts:
        owner = part.GetDataset()
        codec = owner.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") if owner is not None else None
        if codec in REFUSED_CODECS:
            detail = (
                f"compressed with {codec}, which is not for maps: export it with LZW, Deflate or without compression"
            )
            raise InvalidFrameError(Reason.NOT_A_GEOTIFF, detail)
