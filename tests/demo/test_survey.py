from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from cogmill.domain.keys import parse_upload
from rasterio.crs import CRS
from rasterio.warp import Resampling, reproject

from demo.survey.compare import View, compare
from demo.survey.export import EXPORTS, write
from demo.survey.film_scan import Photo, render_scan
from demo.survey.generate import generate
from demo.survey.landscape import GOETTINGEN, WEB_MERCATOR, Landscape
from demo.survey.manifest import Item, Manifest
from demo.survey.plan import shots

SIDE = 240


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return Landscape(seed=1951, step=2.0)


@pytest.fixture(scope="module")
def photo(landscape: Landscape) -> Photo:
    return Photo(*landscape.to_map(-2150, 1450), turn=5, side=SIDE, gsd=2.0)  # over the quarry, which is pure white


@pytest.fixture
def right_map(landscape: Landscape, photo: Photo) -> tuple[np.ndarray, View, Item]:
    """A map as it should be: the truth inside the photograph, nothing outside."""
    item = Item("k", "f", "c", 1, photo.outline(WEB_MERCATOR), photo.gsd)
    half = SIDE * 0.7 * photo.gsd
    bounds = (photo.x - half, photo.y - half, photo.x + half, photo.y + half)
    view = View(bounds, (336, 336))
    picture = np.zeros((336, 336, 4), dtype=np.uint8)
    truth = landscape.render(bounds, 336, 336, 1)[0]
    inside = view.burn(_polygon(item))
    picture[inside] = np.stack([truth, truth, truth, np.full_like(truth, 255)], axis=-1)[inside]
    return picture, view, item


def _polygon(item: Item):
    import shapely

    return shapely.Polygon(item.outline)


def test_gives_the_same_ground_through_every_window(landscape: Landscape) -> None:
    x, y = landscape.to_map(100, 200)
    whole = landscape.render((x, y, x + 400, y + 400), 200, 200, 1)

    part = landscape.render((x + 100, y + 100, x + 300, y + 300), 100, 100, 1)

    assert np.abs(whole[:, 50:150, 50:150].astype(int) - part).max() <= 1


def test_shows_the_ground_when_a_frame_is_warped_back(landscape: Landscape, photo: Photo, tmp_path: Path) -> None:
    crs = CRS.from_epsg(26914)
    write(tmp_path / "f.tif", render_scan(landscape, photo, crs, 1, "USDA 4-173"), photo.grid(crs), crs, EXPORTS[0])
    item = Item("k", "f.tif", "c", 1, photo.outline(crs), photo.gsd)
    half = SIDE * 0.35 * photo.gsd  # a window that lies wholly inside the photograph
    view = View((photo.x - half, photo.y - half, photo.x + half, photo.y + half), (168, 168))

    warped = np.zeros((168, 168), dtype=np.uint8)
    with rasterio.open(tmp_path / "f.tif") as frame:
        reproject(
            rasterio.band(frame, 1), warped, dst_transform=view.grid, dst_crs=WEB_MERCATOR, resampling=Resampling.bilinear
        )  # fmt: skip
    picture = np.stack([warped, warped, warped, np.full_like(warped, 255)], axis=-1)

    verdict = compare(picture, view.bounds, [item], landscape)
    assert verdict.is_right, str(verdict)
    assert verdict.psnr > 30


def test_calls_a_right_map_right(landscape: Landscape, right_map) -> None:
    picture, view, item = right_map

    verdict = compare(picture, view.bounds, [item], landscape)

    assert verdict.is_right, str(verdict)
    assert verdict.landmarks == 1


@pytest.mark.parametrize(
    ("fault", "figure"),
    [
        (lambda p: p[150:156, 150:156].__setitem__((..., 3), 0), "holes"),
        (lambda p: p[150:156, 150:200].__setitem__((..., slice(0, 3)), 12), "wrong"),
        (lambda p: p[2:5, 2:5].__setitem__((..., 3), 255), "spilled"),
        (lambda p: p[163:173, 163:173].__setitem__((..., slice(0, 3)), 245), "lost_landmarks"),
    ],
    ids=["hole", "collar", "spill", "grey quarry"],
)
def test_sees_every_kind_of_fault(landscape: Landscape, right_map, fault, figure: str) -> None:
    picture, view, item = right_map
    fault(picture)

    verdict = compare(picture, view.bounds, [item], landscape)

    assert getattr(verdict, figure) > 0, str(verdict)
    assert not verdict.is_right


def test_calls_an_empty_map_wrong(landscape: Landscape, right_map) -> None:
    picture, view, item = right_map

    verdict = compare(np.zeros_like(picture), view.bounds, [item], landscape)

    assert not verdict.is_right
    assert verdict.psnr == 0


def test_plans_names_that_the_grammar_takes(landscape: Landscape) -> None:
    planned = shots(landscape, 1000, 2.0)

    collections = {parse_upload(f"{s.bands}/{s.folder}/georef/{s.name}").collection.id for s in planned}
    assert collections == {
        "travis_usda_1951_frames", "travis_usda_1951_index", "hays_ams_1950_frames",
        "travis_txdot_1985_mosaic", "stratmap_travis_tnris_1996_frames",
    }  # fmt: skip


def test_makes_a_survey_once(tmp_path: Path) -> None:
    folder, said = tmp_path / "survey", []
    made = generate(folder, side=200, say=said.append)

    again = generate(folder, side=200, say=said.append)

    assert isinstance(again, Manifest)
    assert [i.key for i in again.items] == [i.key for i in made.items]
    assert said[-1].endswith("is up to date")
    assert all(made.path(item).exists() for item in made.items)


def test_flies_another_place_in_the_systems_of_that_place(tmp_path: Path) -> None:
    generate(tmp_path / "survey", side=200, say=lambda line: None, place=GOETTINGEN)

    read = generate(tmp_path / "survey", side=200, say=lambda line: None, place=GOETTINGEN)

    assert read.landscape.place == GOETTINGEN
    systems = set()
    for item in read.items:
        if item.outline:
            with rasterio.open(read.path(item)) as frame:
                systems.add(frame.crs.to_epsg())
    assert systems == set(GOETTINGEN.systems)
