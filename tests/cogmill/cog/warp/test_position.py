"""Where pixels come to lie: 60 sources against gdalwarp without approximation, to a twentieth of a pixel."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES, DatumAccuracy
from cogmill.cog.source.crs import choose_shift
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands
from osgeo import gdal, osr

SIDE = 300
BW = dataclasses.replace(PROFILES["bw"], collar=False)
MOST_PX = 0.05

TEXAS = (-97.75, 30.27)
SYSTEMS = {
    3857: TEXAS, 4326: TEXAS, 4269: TEXAS, 26914: TEXAS, 32614: TEXAS, 32613: (-103.2, 31.1), 2277: TEXAS, 2278: (-98.5, 29.4),
    2276: (-97.0, 32.8), 32139: TEXAS, 3081: TEXAS, 3083: TEXAS, 5070: TEXAS, 3395: TEXAS, 3978: (-106.0, 52.0), 25832: (9.2, 48.8),
    3035: (14.4, 50.1), 27700: (-1.5, 53.0), 2154: (2.3, 48.9), 27572: (2.3, 46.9), 31467: (9.1, 48.7), 2056: (7.4, 46.9), 21781: (8.5, 47.4),
    5514: (14.4, 50.1), 28992: (5.1, 52.1), 3067: (24.9, 60.2), 2193: (174.8, -41.3), 28355: (144.9, -37.8), 2048: (19.0, -33.9),
    3413: (-45.0, 80.0), 3031: (0.0, -72.0), 32733: (14.0, -17.0), 32760: (179.2, -16.0),
}  # fmt: skip
"""Systems of many kinds, with a place in each: degrees, feet, conic, azimuthal, oblique, south-oriented axes, other meridians."""

SHAPES = {
    "rotated by 7": {"degrees": 7},
    "rotated by 33": {"degrees": 33},
    "rotated by 90": {"degrees": 90},
    "rotated by 211": {"degrees": 211},
    "mirrored": {"x": -1},
    "south up": {"y": -1},
    "sheared": {"shear": 0.3},
    "longer than wide": {"y": 1.5},
    "much longer than wide": {"y": 3.0},
    "pixel is point": {"point": True},
    "whole pixels": {},
}
"""Ways in which a raster lies in its system."""

CASES = [
    *((epsg, "rotated by 7") for epsg in SYSTEMS),
    *itertools.product((3857, 26914, 4326), SHAPES.keys() - {"rotated by 7"} - {"rotated by 211"}),
]


def smooth() -> np.ndarray:
    """Return a picture without detail finer than a dozen pixels, so that a shift shows in its slopes and in nothing else."""
    noise = np.random.default_rng(1951).standard_normal((SIDE, SIDE)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 9)
    return np.clip(128 + 45 * soft / soft.std(), 2, 253).astype(np.uint8)


def scene(path: Path, epsg: int, shape: str) -> Path:
    """Write the picture in a system and shape; pixels of 2 m, or as many degrees or feet."""
    wanted = {"degrees": 0.0, "x": 1.0, "y": 1.0, "shear": 0.0, "point": False} | SHAPES[shape]
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    degrees = osr.SpatialReference()
    degrees.ImportFromEPSG(4326)
    degrees.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    east, north, _ = osr.CoordinateTransformation(degrees, srs).TransformPoint(*SYSTEMS[epsg])
    unit = 2 / 111_000 if srs.IsGeographic() else 2 / srs.GetLinearUnits()
    turn = math.radians(wanted["degrees"])
    linear = np.array([(math.cos(turn), math.sin(turn)), (math.sin(turn), -math.cos(turn))])
    linear = unit * linear @ np.array([(wanted["x"], wanted["shear"]), (0, wanted["y"])])
    options = ["TILED=YES", "COMPRESS=DEFLATE"]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, 1, gdal.GDT_Byte, options)
    if wanted["point"]:
        dataset.SetMetadataItem("AREA_OR_POINT", "Point")
    dataset.SetSpatialRef(srs)
    dataset.SetGeoTransform((east, *linear[0], north, *linear[1]))
    dataset.GetRasterBand(1).WriteArray(smooth())
    dataset.FlushCache()
    return path


def truth(source: Path, like: gdal.Dataset) -> np.ndarray:
    """Return what gdalwarp makes of a source on the grid of a COG, projecting every single pixel; 0 outside."""
    left, right, _, top, _, down = like.GetGeoTransform()
    bounds = (left, top + down * like.RasterYSize, left + right * like.RasterXSize, top)
    srs = gdal.Open(str(source)).GetSpatialRef()
    lon, lat = SYSTEMS[int(srs.GetAuthorityCode(None))] if srs.GetAuthorityCode(None) else TEXAS
    area = Bounds4326(lon - 0.1, lat - 0.1, lon + 0.1, lat + 0.1)
    operation = choose_shift(srs, area, DatumAccuracy(), 2.0).operation
    return gdal.Warp(
        "", str(source), format="MEM", dstSRS="EPSG:3857", outputBounds=bounds, width=like.RasterXSize, height=like.RasterYSize,
        resampleAlg="bilinear", errorThreshold=0, coordinateOperation=None if "3857" in str(srs.GetAuthorityCode(None)) else operation.pipeline,
        warpOptions=["INIT_DEST=0", "SAMPLE_GRID=YES"],
    ).ReadAsArray()  # fmt: skip


def shift(found: np.ndarray, wanted: np.ndarray, valid: np.ndarray) -> float:
    """Return the length of the shift, in pixels, that explains best how two pictures differ."""
    down, right = np.gradient(wanted.astype(np.float64))
    slopes = np.stack([right[valid], down[valid]], axis=1)
    difference = found[valid].astype(np.float64) - wanted[valid]
    moved, *_ = np.linalg.lstsq(slopes, difference, rcond=None)
    return float(np.hypot(*moved))


def test_there_are_sixty_of_them():
    assert len(set(CASES)) >= 60


@pytest.mark.parametrize(("epsg", "shape"), CASES, ids=[f"{epsg} {shape}" for epsg, shape in CASES])
def test_lies_where_gdalwarp_puts_it(engine, tmp_path, epsg, shape):
    source = scene(tmp_path / "a.tif", epsg, shape)

    cog = engine.build(source, tmp_path / "b.tif", bands=Bands.BW, profile=BW, provenance={}, area=None)

    written = gdal.Open(cog.path)
    wanted = truth(source, written)
    valid = (written.GetRasterBand(1).GetMaskBand().ReadAsArray() != 0) & (wanted != 0)
    valid = cv2.erode(valid.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0) != 0
    found = written.ReadAsArray()
    assert valid.mean() > 0.2
    assert shift(found, wanted, valid) <= MOST_PX
    assert np.abs(found[valid].astype(int) - wanted[valid]).mean() < 1


def test_notices_a_shift_of_a_tenth_of_a_pixel():
    picture = smooth()
    moved = cv2.warpAffine(picture, np.array([(1, 0, 0.1), (0, 1, 0.0)]), (SIDE, SIDE))
    valid = np.zeros((SIDE, SIDE), bool)
    valid[9:-9, 9:-9] = True

    assert shift(moved, picture, valid) == pytest.approx(0.1, abs=0.02)
