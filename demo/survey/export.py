"""A developed film as the files people upload: rotated or north-up GeoTIFFs, raw scans."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import Resampling, reproject

STRIPS: dict[str, Any] = {}
TILES: dict[str, Any] = {"tiled": True, "blockxsize": 256, "blockysize": 256}
DEFLATED: dict[str, Any] = {**TILES, "compress": "deflate", "predictor": 2}


@dataclass(frozen=True, slots=True)
class Export:
    """How a georeferenced film is written."""

    north_up: bool
    """As GIS programs export: a north-up raster with the turned photograph inside a black surround. Else a rotated grid."""
    nodata: int | None
    layout: dict[str, Any]
    """Creation options."""


EXPORTS = (
    Export(north_up=False, nodata=None, layout=TILES),
    Export(north_up=True, nodata=None, layout=STRIPS),
    Export(north_up=True, nodata=0, layout=DEFLATED),
    Export(north_up=False, nodata=None, layout=STRIPS),
)
"""Taken in turn by the frames of a flight."""


def write(path: Path, pixels: NDArray[np.uint8], grid: Affine, crs: CRS, export: Export) -> None:
    """Write a georeferenced frame.

    Args:
        path: File to make.
        pixels: Shape (bands, rows, columns).
        grid: Pixel (column, row) to coordinates in `crs`.
        crs: Of the file.
        export: Kind of file.
    """
    if export.north_up:
        pixels, grid = _north_up(pixels, grid, crs)
    save(path, pixels, transform=grid, crs=crs, nodata=export.nodata, **export.layout)


def save(path: Path, pixels: NDArray[Any], **profile: Any) -> None:
    """Write pixels of shape (bands, rows, columns) as a GeoTIFF."""
    bands, height, width = pixels.shape
    colours = {"photometric": "rgb"} if bands == 3 else {}
    shape = {"count": bands, "height": height, "width": width, "dtype": pixels.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", NotGeoreferencedWarning
        )  # a raw scan has no place on the ground, and should not
        with rasterio.open(path, "w", driver="GTiff", **shape, **colours, **profile) as target:
            target.write(pixels)


def _north_up(pixels: NDArray[np.uint8], grid: Affine, crs: CRS) -> tuple[NDArray[np.uint8], Affine]:
    bands, height, width = pixels.shape
    corners = [grid @ corner for corner in ((0, 0), (width, 0), (width, height), (0, height))]
    xs, ys = zip(*corners, strict=True)
    # square pixels on the ground: as many columns and rows as the film has along each axis of the CRS
    step_x, step_y = np.hypot(grid.a, grid.b), np.hypot(grid.d, grid.e)
    columns, rows = (round((max(xs) - min(xs)) / step_x), round((max(ys) - min(ys)) / step_y))
    target_grid = Affine((max(xs) - min(xs)) / columns, 0, min(xs), 0, (min(ys) - max(ys)) / rows, max(ys))
    target = np.zeros((bands, rows, columns), dtype=np.uint8)
    inside = np.zeros((rows, columns), dtype=np.uint8)
    same = {"src_transform": grid, "dst_transform": target_grid, "src_crs": crs, "dst_crs": crs}
    reproject(pixels, target, resampling=Resampling.bilinear, **same)
    reproject(np.full((height, width), 255, np.uint8), inside, resampling=Resampling.nearest, **same)
    target[:, inside == 0] = 0
    return target, target_grid
