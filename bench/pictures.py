"""Draws the pictures of docs/cog-engine.md: `python -m bench.pictures`.

A frame with a film collar before and after, and a corner of both, four times enlarged. What the mask hides is magenta.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.model import Bands
from osgeo import gdal, osr
from PIL import Image

from bench.inputs import landscape
from demo.survey.film_scan import collar

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SIDE, COLLAR = 1400, 90
HIDDEN = (255, 0, 200)


def film() -> np.ndarray:
    """Return a photograph in its collar, with black water that touches the collar and pure tones inside."""
    scan = collar(SIDE, COLLAR, "4-175", np.random.default_rng(1951))
    scan = (scan if scan.ndim == 2 else scan[0]).copy()  # noqa: PLR2004
    picture = landscape(SIDE, SIDE)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    shore, south = 820 + 60 * np.sin(rows / 70), SIDE * 3 // 10
    picture[(columns > shore) & (rows < south)] = 9
    picture[650:720, 500:570], picture[650:720, 620:690] = 0, 255
    inside = slice(COLLAR, SIDE - COLLAR)
    scan[inside, inside] = picture[inside, inside]
    return scan


def save_upload(scan: np.ndarray, path: Path, degrees: float = 7.0) -> None:
    """Write the scan as a rotated frame in UTM."""
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, 1, gdal.GDT_Byte)
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(26914)
    dataset.SetSpatialRef(srs)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    dataset.SetGeoTransform((620_000, cos, sin, 3_350_000, sin, -cos))
    dataset.GetRasterBand(1).WriteArray(scan)
    dataset.FlushCache()


def shown(path: Path) -> np.ndarray:
    """Return a raster as RGB with what its mask hides in magenta, shape (rows, columns, 3)."""
    dataset = gdal.Open(str(path))
    gray = dataset.GetRasterBand(1).ReadAsArray()
    mask = dataset.GetRasterBand(1).GetMaskBand().ReadAsArray()
    picture = np.repeat(gray[..., None], 3, axis=2)
    picture[mask == 0] = HIDDEN
    return picture


def save(picture: np.ndarray, name: str, size: tuple[int, int]) -> None:
    """Write a picture at a size; enlarged ones show their pixels."""
    kernel = Image.Resampling.NEAREST if size[0] > picture.shape[1] else Image.Resampling.LANCZOS
    Image.fromarray(picture).resize(size, kernel).save(FOLDER / name, optimize=True)


def main() -> None:
    """Draw all pictures."""
    gdal.UseExceptions()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Engine(Limits()) as engine:
        source, plain, cog = Path(folder) / "a.tif", Path(folder) / "plain.tif", Path(folder) / "cog.tif"
        save_upload(film(), source)
        gdal.Warp(str(plain), str(source), dstSRS="EPSG:3857")
        profile = PROFILES["bw"]
        engine.build(source, cog, bands=Bands.BW, profile=profile, provenance={}, area=None)
        for name, path in (("before", plain), ("after", cog)):
            picture = shown(path)
            save(picture, f"collar_{name}.png", (520, round(520 * picture.shape[0] / picture.shape[1])))
        _corners(plain, cog)


def _corners(plain: Path, cog: Path) -> None:
    """Draw the same piece of ground from both, where black water touches the collar."""
    there = gdal.Open(str(cog))
    west, size, _, north, _, _ = there.GetGeoTransform()
    ground = (west + 0.72 * there.RasterXSize * size, north - 0.03 * there.RasterYSize * size)
    for name, path in (("before", plain), ("after", cog)):
        dataset = gdal.Open(str(path))
        left, step, _, top, _, _ = dataset.GetGeoTransform()
        column, row = round((ground[0] - left) / step), round((top - ground[1]) / step)
        picture = shown(path)[max(0, row - 65) : row + 65, column - 65 : column + 65]
        save(picture, f"edge_{name}.png", (picture.shape[1] * 4, picture.shape[0] * 4))


if __name__ == "__main__":
    main()
