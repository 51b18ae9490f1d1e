"""The warp against GDAL's, which follows the projection for every single pixel."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from cogmill.cog.arrays.polygons import rectangle
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.profiles import Grid, Resampling
from cogmill.cog.source.decode import Pixels
from cogmill.cog.warp.resample import Warped, warp
from cogmill.cog.warp.target_grid import PixelTransformer, TargetGrid, choose_target_grid
from osgeo import gdal, osr

from tests.cogmill.cog.engine_scenes import photograph

UTM = (26914, (620_000.0, 0.7, 0.05, 3_350_000.0, 0.05, -0.7))
WHOLE_STATES = (4326, (-106.0, 0.01, 0.0, 36.0, 0.0, -0.01))
"""Degrees far apart: the mercator projection bends by several pixels within a tile."""


def frame(picture: np.ndarray, valid: np.ndarray | None, place: tuple[int, tuple[float, ...]]) -> Pixels:
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(place[0])
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return Pixels(picture[None], valid, Affine.from_gdal(*place[1]), srs)


def warped(pixels: Pixels, kernel: Resampling = Resampling.BILINEAR, threads: int = 1) -> tuple[Warped, TargetGrid]:
    height, width = pixels.data.shape[1:]
    polygon, transformer = rectangle(width, height), PixelTransformer(pixels, (height, width), None)
    target_grid = choose_target_grid(transformer, polygon, Grid.NATIVE)
    return warp(
        pixels, polygon, transformer, target_grid, kernel, threads=threads, scratch=ScratchArrays(None)
    ), target_grid


def exact(pixels: Pixels, target_grid: TargetGrid) -> np.ndarray:
    """Return picture and alpha of GDAL's bilinear warp without any approximation."""
    height, width = pixels.data.shape[1:]
    source = gdal.GetDriverByName("MEM").Create("", width, height, 1)
    source.SetGeoTransform(pixels.transform.to_gdal())
    source.SetSpatialRef(pixels.srs)
    source.GetRasterBand(1).WriteArray(pixels.data[0])
    west, size, _, north, _, _ = target_grid.transform.to_gdal()
    bounds = (west, north - size * target_grid.height, west + size * target_grid.width, north)
    how = {"resampleAlg": "bilinear", "errorThreshold": 0, "dstAlpha": True, "warpOptions": ["XSCALE=1", "YSCALE=1"]}
    made = gdal.Warp(
        "",
        source,
        format="MEM",
        dstSRS="EPSG:3857",
        outputBounds=bounds,
        width=target_grid.width,
        height=target_grid.height,
        **how,
    )
    return made.ReadAsArray()


@pytest.mark.parametrize(("place", "shape"), [(UTM, (1500, 2300)), (WHOLE_STATES, (900, 1100))])
def test_agrees_with_the_exact_projection_when_the_frame_spans_several_tiles(place, shape):
    pixels = frame(photograph(*shape), None, place)

    found, target_grid = warped(pixels)

    oracle, alpha = exact(pixels, target_grid)
    inside = (found.mask == 255) & (alpha == 255)
    difference = np.abs(found.data[0].astype(int) - oracle)[inside]
    assert inside.sum() > 0.97 * (alpha == 255).sum()
    assert difference.mean() < 0.1
    assert difference.max() <= 4


@pytest.mark.parametrize("kernel", list(Resampling))
def test_does_not_depend_on_pixels_that_are_not_valid(kernel):
    rng = np.random.default_rng(1)
    picture, valid = photograph(400, 500), np.full((400, 500), 255, np.uint8)
    valid[150:220, 200:320] = 0
    valid[rng.integers(0, 400, 60), rng.integers(0, 500, 60)] = 0

    results = []
    for value in (0, 255):
        changed = np.where(valid == 0, np.uint8(value), picture)
        results.append(warped(frame(changed, valid.copy(), UTM), kernel)[0])

    first, second = results
    assert np.array_equal(first.mask, second.mask)
    assert np.array_equal(first.data, second.data)
    assert not first.data[0][first.mask == 0].any()
    assert 0.5 < (first.mask != 0).sum() / (valid != 0).sum() < 1


@pytest.mark.parametrize("kernel", list(Resampling))
def test_gives_the_same_pixels_when_threads_differ(kernel):
    pixels = frame(photograph(1300, 1200), None, UTM)

    one, three = warped(pixels, kernel)[0], warped(pixels, kernel, threads=3)[0]

    assert np.array_equal(one.data, three.data)
    assert np.array_equal(one.mask, three.mask)


@pytest.mark.parametrize(("metres", "zoom"), [(0.5, 19), (0.545, 18), (0.58, 18), (0.25, 20), (0.75, 18)])
def test_takes_the_zoom_level_that_keeps_the_detail_when_the_grid_is_web(metres, zoom):
    pixels = frame(
        photograph(60, 80), None, (3857, (-10_881_745.0, metres, metres / 20, 3_539_044.0, metres / 20, -metres))
    )
    polygon, transformer = rectangle(80, 60), PixelTransformer(pixels, (60, 80), None)

    target_grid = choose_target_grid(transformer, polygon, Grid.WEB)

    assert target_grid.resolution == pytest.approx(156543.03392804097 / 2**zoom)
