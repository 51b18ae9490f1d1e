"""Frames placed by control points: they lie where gdalwarp puts them by the same points, and where the ground is that was photographed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES
from cogmill.cog.source.control_points import ControlPoints, fit_points
from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands
from cogmill.domain.sidecars import SidecarKind
from osgeo import gdal, osr

from tests.cogmill.cog.engine_scenes import upload
from tests.cogmill.cog.warp.test_position import MOST_PX, shift

SIDE, EAST, NORTH, PIXEL = 400, 620_000.0, 3_350_000.0, 2.0
BW = dataclasses.replace(PROFILES["bw"], collar=False, control_points_px=2.0)

Points = np.ndarray
"""Shape (n, 2)."""


def ground(places: Points) -> np.ndarray:
    """Return the gray of the ground at places, x and y in meters of UTM: waves that are never alike twice in a frame."""
    x, y = (places - (EAST, NORTH)).T
    waves = np.sin(x / 31) * np.cos(y / 37) + np.sin((x + 2 * y) / 83) + np.cos((3 * x - y) / 111 + x * y / 90_000)
    return 128 + 35 * waves


def straight(pixels: Points) -> Points:
    """A camera that looks straight down, turned by about 12 degrees."""
    return np.array([EAST, NORTH]) + PIXEL * pixels @ np.array([(0.98, 0.2), (0.2, -0.98)])


def tilted(pixels: Points) -> Points:
    """Bent by up to three pixels, as a polynomial of the second order."""
    u, v = (pixels / SIDE).T
    bend = np.stack([3 * u * v - 2 * u**2, 2 * v**2 - u * v], axis=1)
    return straight(pixels + bend)


def lens(pixels: Points) -> Points:
    """Bent by up to three pixels, as a polynomial of the third order."""
    off = pixels / SIDE - 0.5
    return straight(pixels + 12 * off * (off**2).sum(axis=1, keepdims=True))


def hills(pixels: Points) -> Points:
    """Bent as relief does it: by two pixels, here and there."""
    u, v = (pixels / SIDE).T
    bend = 2 * np.exp(-((u - 0.4) ** 2 + (v - 0.55) ** 2) / 0.08)
    return straight(pixels + np.stack([bend * (u - 0.4), bend * (v - 0.55)], axis=1) * 3)


def mesh(count: int) -> Points:
    """Return so many pixels spread over a frame, in no raster."""
    number = np.arange(1, count + 1)
    turns = number * 0.7548776662466927 % 1, number * 0.5698402909980532 % 1
    corners = np.array([(0, 0), (SIDE, 0), (0, SIDE), (SIDE, SIDE)], float)
    return np.concatenate([corners, np.stack(turns, axis=1) * SIDE])[:count]


def photographed(camera) -> np.ndarray:
    """Return what a camera sees of the ground, shape (rows, columns)."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    return (
        ground(camera(np.stack([columns.ravel(), rows.ravel()], axis=1))).reshape(SIDE, SIDE).round().astype(np.uint8)
    )


def utm() -> osr.SpatialReference:
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(26914)
    return srs


def marked(path: Path, camera, count: int, noise_px: float = 0.0, srs: str | None = None, off_px: float = 0.0) -> Path:
    """Write a photograph with control points alone, all of them off by so much."""
    source = upload(path, photographed(camera), epsg=None, georeferenced=False)
    pixels = mesh(count)
    places = camera(pixels + off_px)
    seen = pixels + np.random.default_rng(7).normal(0, noise_px, pixels.shape) if noise_px else pixels
    points = [gdal.GCP(x, y, 0, column, row) for (x, y), (column, row) in zip(places, seen, strict=True)]
    dataset = gdal.Open(str(source), gdal.GA_Update)
    dataset.SetGCPs(points, utm().ExportToWkt() if srs is None else srs)
    dataset.FlushCache()
    return source


def build(engine, source: Path, profile=BW, **beside: Path):
    sidecars = {SidecarKind(kind): file for kind, file in beside.items()}
    return engine.build(
        source, source.with_suffix(".out"), bands=Bands.BW, profile=profile, provenance={}, area=None, sidecars=sidecars
    )


def inner(cog) -> tuple[gdal.Dataset, np.ndarray]:
    """Return a COG and its valid pixels but for a rim of four, shape (rows, columns)."""
    like = gdal.Open(cog.path)
    valid = like.GetRasterBand(1).GetMaskBand().ReadAsArray()
    found = cv2.erode(valid, np.ones((9, 9), np.uint8), borderValue=0) != 0
    assert found.mean() > 0.4
    return like, found


def off_gdalwarp(cog, source: Path, **how) -> float:
    """Return how far, in pixels, a COG is from what gdalwarp makes of the source."""
    like, valid = inner(cog)
    left, right, _, top, _, down = like.GetGeoTransform()
    bounds = (left, top + down * like.RasterYSize, left + right * like.RasterXSize, top)
    wanted = gdal.Warp(
        "", str(source), format="MEM", dstSRS="EPSG:3857", outputBounds=bounds, width=like.RasterXSize, height=like.RasterYSize,
        resampleAlg="bilinear", errorThreshold=0, warpOptions=["INIT_DEST=0", "SAMPLE_GRID=YES"], **how,
    ).ReadAsArray()  # fmt: skip
    return shift(like.ReadAsArray(), wanted, valid & (wanted != 0))


def off_ground(cog) -> float:
    """Return how far, in pixels, a COG is from the ground that was photographed: no program's idea of it, but the formula."""
    like, valid = inner(cog)
    left, right, _, top, _, down = like.GetGeoTransform()
    rows, columns = np.mgrid[0 : like.RasterYSize, 0 : like.RasterXSize] + 0.5
    mercator = np.stack([left + right * columns.ravel(), top + down * rows.ravel()], axis=1)
    web, target = osr.SpatialReference(), utm()
    web.ImportFromEPSG(3857)
    for srs in (web, target):
        srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    places = np.array(osr.CoordinateTransformation(web, target).TransformPoints(mercator))[:, :2]
    return shift(like.ReadAsArray(), ground(places).reshape(rows.shape), valid)


CASES = {
    "order_1": (straight, 6, {"polynomialOrder": 1}),
    "order_2": (tilted, 12, {"polynomialOrder": 2}),
    "order_3": (lens, 24, {"polynomialOrder": 3}),
    "spline": (hills, 60, {"tps": True}),
}


@pytest.mark.parametrize("word", CASES)
def test_lies_where_gdalwarp_puts_it_and_where_the_ground_is(engine, tmp_path, word):
    camera, count, how = CASES[word]
    source = marked(tmp_path / "a.tif", camera, count)

    cog = build(engine, source)

    first, second = cog.adjustments.split()
    residual = float(second.removeprefix("points_within_").removesuffix("_px"))
    assert first == f"control_points_{word}"
    assert residual <= (0.5 if word == "spline" else 0.1)
    assert off_gdalwarp(cog, source, **how) <= MOST_PX
    assert off_ground(cog) <= max(MOST_PX, residual)


@pytest.mark.parametrize("word", CASES)
def test_lies_within_the_error_of_its_points(engine, tmp_path, word):
    camera, count, how = CASES[word]
    source = marked(tmp_path / "a.tif", camera, count, noise_px=0.4)

    cog = build(engine, source)

    residual = float(cog.adjustments.split()[1].removeprefix("points_within_").removesuffix("_px"))
    assert 0.1 < residual < 1.5
    assert off_gdalwarp(cog, source, **how) <= MOST_PX
    assert off_ground(cog) <= residual


def test_notices_a_frame_that_lies_a_tenth_of_a_pixel_off(engine, tmp_path):
    source = marked(tmp_path / "a.tif", straight, 6)
    moved = build(engine, marked(tmp_path / "b.tif", straight, 6, off_px=0.1))

    assert off_gdalwarp(moved, source, polynomialOrder=1) > MOST_PX


def test_the_outline_follows_the_bend(engine, tmp_path):
    cog = build(engine, marked(tmp_path / "a.tif", lens, 24))
    like, _ = inner(cog)
    valid = like.GetRasterBand(1).GetMaskBand().ReadAsArray() != 0

    left, right, _, top, _, down = like.GetGeoTransform()
    target, web = utm(), osr.SpatialReference()
    web.ImportFromEPSG(3857)
    for srs in (web, target):
        srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    edge = lens(np.array([(0, 200), (SIDE, 200), (200, 0), (200, SIDE)], float))
    for x, y, _ in osr.CoordinateTransformation(target, web).TransformPoints(edge):
        column, row = (x - left) / right, (y - top) / down
        near = valid[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3]
        assert near.any() != near.all(), "the outline passes within two pixels"


def test_takes_the_points_of_an_aux_xml(engine, tmp_path):
    pixels = mesh(12)
    source = upload(tmp_path / "a.tif", photographed(tilted), epsg=None, georeferenced=False)
    rows = "".join(
        f'<GCP Id="{n}" Pixel="{c}" Line="{r}" X="{x}" Y="{y}"/>'
        for n, ((c, r), (x, y)) in enumerate(zip(pixels, tilted(pixels), strict=True))
    )
    beside = tmp_path / "a.tif.aux.xml"
    wkt = utm().ExportToWkt().replace('"', "&quot;")
    beside.write_text(f'<PAMDataset><GCPList Projection="{wkt}">{rows}</GCPList></PAMDataset>')

    cog = build(engine, source, aux_xml=beside)

    assert cog.adjustments.startswith("position_of_aux_xml control_points_order_2 points_within_0.0")
    assert off_gdalwarp(cog, source, polynomialOrder=2) <= MOST_PX
    beside.write_text(
        '<PAMDataset><GCPList Projection=""><GCP Pixel="1" Line="nan" X="1" Y="1"/></GCPList></PAMDataset>'
    )
    with pytest.raises(InvalidFrameError, match="has 'nan' where a number belongs"):
        build(engine, source, aux_xml=beside)


def test_a_declared_system_serves_points_without_one(engine, tmp_path):
    source = marked(tmp_path / "a.tif", straight, 6, srs="")

    cog = build(engine, source, dataclasses.replace(BW, crs="EPSG:26914"))

    assert cog.adjustments.startswith("control_points_order_1")
    assert cog.adjustments.endswith("crs_declared")
    assert off_ground(cog) <= MOST_PX


def test_is_rejected_where_nobody_accepts_points(engine, tmp_path):
    with pytest.raises(InvalidFrameError, match=r"only control points \(6 of them\).*accepted for the collection"):
        build(engine, marked(tmp_path / "a.tif", straight, 6), dataclasses.replace(BW, control_points_px=None))


def test_names_the_worst_point_of_those_that_disagree(engine, tmp_path):
    source = marked(tmp_path / "a.tif", straight, 7)
    dataset = gdal.Open(str(source), gdal.GA_Update)
    points = dataset.GetGCPs()
    points[2].GCPPixel += 60
    dataset.SetGCPs(points, utm().ExportToWkt())
    del dataset

    with pytest.raises(
        InvalidFrameError, match=r"7 control points are off by .* px \(order_1\), 2 px .* worst is number 3"
    ):
        build(engine, source)


SQUARE = np.array([(0, 0), (100, 0), (0, 100), (100, 100)], float)
HOPELESS = {
    "too few": (SQUARE[:3], SQUARE[:3], "3 control points, at least 4"),
    "too many": (mesh(501), straight(mesh(501)), "501 control points, at least 4 and at most 500"),
    "one place": (SQUARE, SQUARE * 0, "in a line or at one place"),
    "one pixel": (SQUARE * 0, SQUARE, "in a line or at one place"),
    "a line": (SQUARE, SQUARE @ np.array([(1.0, 1.0), (1.0, 1.0)]), "in a line or at one place"),
    "not a number": (SQUARE, SQUARE + np.nan, "impossible coordinates"),
    "a fold": (mesh(12), straight((mesh(12) / SIDE - 0.5) ** 2 * SIDE), "fold|bend|off by|close together"),
    "twice one pixel": (
        np.concatenate([mesh(30), mesh(1)]),
        straight(np.concatenate([mesh(30), mesh(1)])),
        "two of its",
    ),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_says_what_is_wrong_with_points_that_place_nothing(name):
    pixels, places, words = HOPELESS[name]
    with pytest.raises(InvalidFrameError, match=words):
        fit_points(ControlPoints(pixels, places), SIDE, SIDE, 1e6)
