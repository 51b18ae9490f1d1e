"""Makes the frames that are measured: textured like photographs, so that DEFLATE reaches 0.6 to 0.8 of the raw size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from osgeo import gdal, osr


@dataclass(frozen=True, slots=True)
class Input:
    """One frame to be measured."""

    name: str
    width: int
    height: int
    bands: int
    epsg: int
    degrees: float
    sheet: bool = False
    """An index sheet: no collar is looked for."""


INPUTS = [
    Input("grey_utm", 7200, 7200, 1, 26914, 3.0),  # 9 x 9 inches at 800 dpi
    Input("rgb_utm", 7200, 7200, 3, 26914, 3.0),
    Input("grey_3857", 7200, 7200, 1, 3857, 0.0),
    Input("index_sheet", 20_000, 16_000, 1, 26914, 0.0, sheet=True),
]
"""In the order of the table."""

PACKED = ("COMPRESS=LZW", "PREDICTOR=2", "NUM_THREADS=ALL_CPUS")
"""Without the differences LZW makes color frames larger than they are raw."""

ORIGINS = {26914: (620_000.0, 3_350_000.0), 3857: (-10_881_745.0, 3_539_044.0)}


def make(item: Input, folder: Path, scale: float = 1.0) -> Path:
    """Write the frame of an input, once, as georeferencing tools export it: tiled, LZW with differences of pixels."""
    width, height = round(item.width * scale), round(item.height * scale)
    path = folder / f"{item.name}_{width}.tif"
    if path.exists():
        return path
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), width, height, item.bands, gdal.GDT_Byte, ["TILED=YES", *PACKED]
    )
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(item.epsg)
    dataset.SetSpatialRef(srs)
    cos, sin = 0.5 * math.cos(math.radians(item.degrees)), 0.5 * math.sin(math.radians(item.degrees))
    east, north = ORIGINS[item.epsg]
    dataset.SetGeoTransform((east, cos, sin, north, sin, -cos))
    gray = landscape(height, width)
    for number in range(1, item.bands + 1):
        band = np.roll(gray, 40 * number, axis=1) // 3 + gray // 3 * 2 if number > 1 else gray
        dataset.GetRasterBand(number).WriteArray(band)
    dataset.FlushCache()
    return path


def landscape(rows: int, columns: int, seed: int = 1951) -> np.ndarray:
    """Return a picture with detail at every scale and film grain, shape (rows, columns)."""
    rng = np.random.default_rng(seed)
    picture = np.full((rows, columns), 125.0, np.float32)
    for size, weight in ((1024, 22), (256, 16), (64, 10), (16, 6), (8, 4)):
        coarse = rng.standard_normal((rows // size + 2, columns // size + 2)).astype(np.float32) * weight
        picture += _enlarge(coarse, size)[:rows, :columns]
    for start in range(0, rows, 1024):
        part = picture[start : start + 1024]
        part += rng.standard_normal(part.shape).astype(np.float32) * 7
    return np.clip(picture, 20, 235, out=picture).astype(np.uint8)


def _enlarge(coarse: np.ndarray, size: int) -> np.ndarray:
    """Return a picture enlarged by linear interpolation."""
    source = gdal.GetDriverByName("MEM").Create("", coarse.shape[1], coarse.shape[0], 1, gdal.GDT_Float32)
    source.GetRasterBand(1).WriteArray(coarse)
    return source.GetRasterBand(1).ReadAsArray(
        buf_xsize=coarse.shape[1] * size, buf_ysize=coarse.shape[0] * size, resample_alg=gdal.GRIORA_Bilinear
    )
