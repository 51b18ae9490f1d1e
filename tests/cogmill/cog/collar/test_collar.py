from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from cogmill.cog.arrays.polygons import rasterize
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar.detect import find_photograph
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.source.decode import Pixels
from cogmill.domain.model import Bands
from osgeo import gdal

from demo.survey.film_scan import collar
from tests.cogmill.cog.engine_scenes import AREA, film, photograph, read_cog, upload

LOST_PX = 4.0
"""Rim of the photograph that may go with the collar: blur, the kernel's radius and the bend of the film."""


def judge(scan: np.ndarray, inside: np.ndarray) -> tuple[int, float, np.ndarray]:
    """Return the number of collar pixels left, the mean width of lost rim, and the mask."""
    pixels = Pixels(scan if scan.ndim == 3 else scan[None], None, Affine(1, 0, 0, 0, -1, 0), None)
    mask = rasterize(find_photograph(pixels, 0.0, ScratchArrays(None)).polygon, np.zeros(inside.shape, np.uint8)) != 0
    if pixels.mask is not None:
        mask &= pixels.mask != 0
    rim = 4 * math.sqrt(np.count_nonzero(inside))
    return np.count_nonzero(mask & ~inside), np.count_nonzero(~mask & inside) / rim, mask


def turned(layer: np.ndarray, degrees: float, empty: int) -> np.ndarray:
    """Return a picture rotated into an upright one, as a georeferencing tool exports it, with plain fill in its corners."""
    height, width = layer.shape
    source = gdal.GetDriverByName("MEM").Create("", width, height, 1)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    source.SetGeoTransform((0, cos, sin, 0, sin, -cos))
    source.GetRasterBand(1).WriteArray(layer)
    return gdal.Warp(
        "", source, format="MEM", xRes=1, yRes=1, srcSRS="EPSG:3857", dstSRS="EPSG:3857",
        warpOptions=[f"INIT_DEST={empty}"],
    ).ReadAsArray()  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"tilt": 0},
        {"tilt": 3.5},
        {"tilt": -5},
        {"tone": 30, "grain": 8},
        {"tone": 55, "grain": 10},
        {"tone": 250, "grain": 4},
        {"tone": 0, "grain": 0},
        {"collar": 24},
        {"collar": 110},
        {"water": False},
    ],
    ids=str,
)
def test_removes_the_whole_collar_and_nothing_else(kind):
    left, lost, _ = judge(*film(**kind))

    assert left == 0
    assert lost < LOST_PX


@pytest.mark.parametrize("empty", [0, 255])
@pytest.mark.parametrize("degrees", [3, 12, 37, 45])
@pytest.mark.parametrize("kind", [{}, {"tone": 0, "grain": 0}, {"tone": 250, "grain": 3}], ids=str)
def test_removes_rotation_fill_and_collar_when_the_scan_was_rotated_before(kind, degrees, empty):
    scan, inside = film(1000, 900, collar=55, **kind)

    left, lost, _ = judge(turned(scan, degrees, empty), turned(inside.astype(np.uint8), degrees, 0) != 0)

    assert left == 0
    assert lost < LOST_PX


@pytest.mark.parametrize("empty", [0, 255])
def test_removes_rotation_fill_when_there_is_no_film_around(empty):
    picture = photograph(1000, 1200)

    left, lost, _ = judge(
        turned(picture, 3, empty), turned(np.ones(picture.shape, np.uint8), 3, 0) != 0
    )  # the resampled rim of the fill is half photograph

    assert left == 0
    assert lost < LOST_PX


def test_keeps_black_and_white_inside_the_photograph():
    scan, inside = film()

    _, _, mask = judge(scan, inside)

    rows, columns = scan.shape
    assert mask[rows // 2 : rows // 2 + 60, columns // 2 : columns // 2 + 60].all()
    assert mask[rows // 2 + 80 : rows // 2 + 140, columns // 2 : columns // 2 + 60].all()
    assert mask[int(rows * 0.65), int(columns * 0.1)], "dark water that touches the collar"


def lake(picture: np.ndarray) -> np.ndarray:
    picture[:400] = 5
    return picture


def shore(picture: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    picture[rows < 120 + 60 * np.sin(columns / 90)] = 6
    return picture


def slanted_shore(picture: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    picture[rows < 120 + 0.4 * columns] = 6
    return picture


@pytest.mark.parametrize("disguise", [np.asarray, lake, shore, slanted_shore])
def test_keeps_everything_when_there_is_no_collar(disguise):
    picture = disguise(photograph(1300, 1300))

    left, lost, _ = judge(picture, np.ones(picture.shape, bool))

    assert (left, lost) == (0, 0)


@pytest.mark.parametrize("epsg", [26914, 4326, 3857])
def test_lets_no_collar_bleed_in_when_warped(tmp_path: Path, epsg: int):
    scan, inside = film(tone=2, grain=1, water=False)
    scan[inside] = np.clip(scan[inside], 90, 255)  # so that anything below 80 is collar
    source = upload(tmp_path / "a.tif", scan, epsg=epsg, degrees=4 if epsg == 26914 else 0)

    with Engine(Limits()) as engine:
        cog = engine.build(source, tmp_path / "b.tif", bands=Bands.BW, profile=PROFILES["bw"], provenance={}, area=AREA)

    data, mask = read_cog(cog.path)
    assert data[0][mask == 255].min() >= 85
    gaps = np.diff(mask.astype(int), axis=1) != 0
    assert gaps.sum(axis=1).max() <= 2, "no hole inside"


SIDE, DEEP = 1000, 120
"""Pixels of a frame without collar, and of the field along its edge."""


def borders() -> dict[str, np.ndarray]:
    """Return fields along the edge of a frame, True where they are."""
    y, x = np.mgrid[:SIDE, :SIDE]
    four = [x, y, SIDE - 1 - x, SIDE - 1 - y]
    return {
        "straight": x < DEEP,
        "along 85 %": (x < DEEP) & (y < 0.85 * SIDE),
        "sloped by 4 degrees": x < DEEP + math.tan(math.radians(4)) * (y - SIDE / 2),
        "wobbling": x < DEEP + 6 * np.sin(y / 37),
        "along the bottom": y >= SIDE - DEEP,
        "along the top": y < DEEP,
        "two sides": (x < DEEP) | (x >= SIDE - DEEP),
        "three sides": np.minimum.reduce(four[:3]) < DEEP,
        "all around": np.minimum.reduce(four) < DEEP,
        "wobbling all around": np.minimum.reduce([each + 6 * np.sin(each[::-1] / 37) for each in four]) < DEEP,
    }


def ground(tone: float, grain: float, relief: float) -> np.ndarray:
    """Return a field of about one tone."""
    rng = np.random.default_rng(5)
    tones = tone + relief * (photograph(SIDE, SIDE, 5).astype(float) - 125) + grain * rng.standard_normal((SIDE, SIDE))
    return np.clip(tones, 0, 255).astype(np.uint8)


GROUNDS = {
    "water": (25, 3, 0.0),
    "black water": (8, 3, 0.15),
    "wood": (60, 4, 0.3),
    "ploughed": (55, 10, 0.0),
    "caliche": (232, 4, 0.0),
    "snow": (245, 4, 0.3),
}


@pytest.mark.parametrize("where", borders())
@pytest.mark.parametrize("kind", GROUNDS)
def test_keeps_a_field_that_ends_along_a_straight_line(kind, where):
    picture, field = photograph(SIDE, SIDE), borders()[where]
    picture[field] = ground(*GROUNDS[kind])[field]

    _, _, mask = judge(picture, np.ones(picture.shape, bool))

    assert 1 - mask.mean() <= 0.01


def test_keeps_a_wood_with_clearings_around_the_frame():
    picture, field = photograph(SIDE, SIDE), borders()["all around"]
    picture[field] = ground(*GROUNDS["wood"])[field]
    for at in range(40, SIDE, 90):
        for clearing in np.s_[30:44, at : at + 30], np.s_[at : at + 30, 50:60], np.s_[-60:-50, at : at + 30]:
            picture[clearing] = 200

    _, _, mask = judge(picture, np.ones(picture.shape, bool))

    assert 1 - mask.mean() <= 0.01


@pytest.mark.parametrize("kind", ["wood", "ploughed", "caliche", "snow"])  # water is as dark as the collar
def test_removes_the_collar_and_keeps_the_field_beside_it(kind):
    scan, inside = film(SIDE, SIDE, tilt=0, water=False)
    field = inside & (np.mgrid[:SIDE, :SIDE][1] < 180)
    scan[field] = ground(*GROUNDS[kind])[field]

    left, lost, _ = judge(scan, inside)

    assert left == 0
    assert lost < LOST_PX


@pytest.mark.parametrize("tone", [10, 246])
def test_removes_a_plain_border_as_prints_have_it(tone):
    inside = np.zeros((SIDE, SIDE), bool)
    inside[50:-60, 70:-40] = True
    scan = np.where(inside, photograph(SIDE, SIDE), ground(tone, 3, 0.0))

    left, lost, _ = judge(scan, inside)

    assert left == 0
    assert lost < LOST_PX


def test_removes_the_collar_of_the_demo_survey():
    width = 54
    inside = np.zeros((1308, 1308), bool)
    inside[width:-width, width:-width] = True
    scan = np.where(inside, photograph(1308, 1308), collar(1308, width, "4-175", np.random.default_rng(1951)))

    left, lost, _ = judge(scan, inside)

    assert left == 0
    assert lost < LOST_PX


def test_removes_a_collar_that_was_cropped_along_one_side():
    scan, inside = film(tilt=0)

    left, lost, _ = judge(scan[:, 70:], inside[:, 70:])

    assert left == 0
    assert lost < LOST_PX


@pytest.mark.parametrize("epsg", [26914, 3857])
def test_says_how_much_was_cut_and_which_rim_was_kept(tmp_path: Path, epsg: int):
    scan, inside = film(tilt=0)
    field = photograph(SIDE, SIDE)
    field[:, :DEEP] = ground(*GROUNDS["water"])[:, :DEEP]
    sources = [upload(tmp_path / f"{at}.tif", data, epsg=epsg) for at, data in enumerate((scan, field))]

    with Engine(Limits()) as engine:
        film_cog, field_cog = (
            engine.build(source, source.with_suffix(".out"), bands=Bands.BW, profile=PROFILES["bw"], provenance={}, area=None)
            for source in sources
        )  # fmt: skip

    assert film_cog.collar_share == pytest.approx(1 - inside.mean(), abs=0.02)
    assert film_cog.adjustments == ""
    assert (field_cog.collar_share, field_cog.adjustments) == (pytest.approx(0, abs=0.001), "rim_kept")
    assert gdal.Open(field_cog.path).GetMetadataItem("COGMILL_ADJUSTMENTS") == "rim_kept"
