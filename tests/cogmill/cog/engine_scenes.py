"""Makes the uploads the engine is tested with: one factory, one keyword per defect."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rasterio
from cogmill.domain.geo import Bounds4326
from osgeo import gdal, osr

gdal.UseExceptions()
osr.UseExceptions()

ORIGINS = {
    26914: (620_000.0, 3_350_000.0),
    3857: (-10_881_745.0, 3_539_044.0),
    4326: (-97.75, 30.27),
    4267: (-97.75, 30.27),
}
AREA = Bounds4326(-107.0, 25.0, -93.0, 37.0)


def photograph(rows: int, columns: int, seed: int = 1951) -> np.ndarray:
    """Return a picture with shapes of several sizes and film grain, values 30 to 225."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((rows, columns), np.float32)
    for size, weight in ((256, 40), (64, 22), (16, 12), (4, 6)):
        coarse = rng.standard_normal((rows // size + 2, columns // size + 2)).astype(np.float32)
        picture += weight * np.kron(coarse, np.ones((size, size), np.float32))[:rows, :columns]
    picture += rng.standard_normal((rows, columns)).astype(np.float32) * 4
    return np.clip(picture * 0.6 + 125, 30, 225).astype(np.uint8)


def colour(rows: int, columns: int) -> np.ndarray:
    """Return a picture of three bands."""
    grey = photograph(rows, columns)
    return np.stack([grey, np.roll(grey, 9, axis=1), 255 - grey])


def upload(
    path: Path,
    data: np.ndarray,
    *,
    epsg: int | None = 26914,
    degrees: float = 0.0,
    gsd: float = 1.0,
    options: tuple[str, ...] = ("TILED=YES", "COMPRESS=DEFLATE"),
    nodata: float | None = None,
    mask: np.ndarray | None = None,
    georeferenced: bool = True,
    origin: tuple[float, float] | None = None,
    palette: np.ndarray | None = None,
    geotransform: tuple[float, ...] | None = None,
) -> Path:
    """Write a GeoTIFF of shape (bands, rows, columns) or (rows, columns)."""
    layers = data if data.ndim == 3 else data[None]
    kind = {np.dtype(np.uint16): gdal.GDT_UInt16, np.dtype(np.float32): gdal.GDT_Float32}.get(data.dtype, gdal.GDT_Byte)
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), layers.shape[2], layers.shape[1], len(layers), kind, list(options)
    )
    if epsg is not None:
        srs = osr.SpatialReference()
        srs.ImportFromEPSG(epsg)
        dataset.SetSpatialRef(srs)
    if georeferenced:
        size = gsd / 111_000 if epsg in (4326, 4267) else gsd
        east, north = origin or ORIGINS.get(epsg or 0, (500_000.0, 500_000.0))
        cos, sin = math.cos(math.radians(degrees)) * size, math.sin(math.radians(degrees)) * size
        dataset.SetGeoTransform(geotransform or (east, cos, sin, north, sin, -cos))
    if palette is not None:
        table = gdal.ColorTable()
        for value, entry in enumerate(palette):
            table.SetColorEntry(value, tuple(int(each) for each in entry))
        dataset.GetRasterBand(1).SetColorTable(table)
    for number, layer in enumerate(layers, start=1):
        if nodata is not None:
            dataset.GetRasterBand(number).SetNoDataValue(nodata)
        dataset.GetRasterBand(number).WriteArray(layer)
    if mask is not None:
        gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
        dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
        dataset.GetRasterBand(1).GetMaskBand().WriteArray(mask)
        gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", None)
    dataset.FlushCache()
    return path


def read_cog(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Return bands, shape (bands, rows, columns), and mask of a COG."""
    with rasterio.open(path) as cog:
        return cog.read(), cog.read_masks(1)


def film(
    rows: int = 1250,
    columns: int = 1200,
    *,
    collar: int = 65,
    tone: float = 14,
    grain: float = 5,
    tilt: float = 1.2,
    water: bool = True,
    seed: int = 7,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a scan of a whole film frame, and where its photograph is (True).

    The collar carries a frame number, a clock and fiducial marks; the photograph has black water that touches the
    collar, and pure black and pure white inside.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    lean = math.tan(math.radians(tilt))
    left, right = collar + lean * (y - rows / 2), columns - collar + lean * (y - rows / 2)
    top, bottom = collar - lean * (x - columns / 2), rows - collar - lean * (x - columns / 2)
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    picture = photograph(rows, columns, seed)
    if water:
        picture[(x > columns * 0.35) & (x < columns * 0.7) & (y < rows * 0.3)] = 8
        picture[(y > rows * 0.5) & (y < rows * 0.8) & (x < columns * 0.25 + 60 * np.sin(y / 40))] = 3
    picture[rows // 2 : rows // 2 + 60, columns // 2 : columns // 2 + 60] = 0
    picture[rows // 2 + 80 : rows // 2 + 140, columns // 2 : columns // 2 + 60] = 255
    scan = np.clip(tone + grain * rng.standard_normal((rows, columns)), 0, 255)
    for at in range(4):  # the strokes of a frame number
        scan[collar // 3 : collar * 2 // 3, columns // 5 + 30 * at : columns // 5 + 30 * at + 8] = 230
    clock = np.hypot(x - columns * 0.75, y - collar / 2)
    scan[(clock < collar * 0.4) & (clock > collar * 0.15)] = 210
    for row, column in (
        (rows // 2, collar // 2),
        (rows // 2, columns - collar // 2),
        (rows - collar // 2, columns // 2),
    ):
        scan[row - 4 : row + 4, column - 20 : column + 20] = 240
    scan[inside] = picture[inside]
    return scan.astype(np.uint8), inside
