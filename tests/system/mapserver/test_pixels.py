"""What the map shows, pixel by pixel, against the COGs it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from cogmill.mapserver.mapfile import render

pytestmark = pytest.mark.system

X, Y = -10900000.0, 3550000.0
KEY = "bw/Travis/USDA_1951/frames/cog"
RNG = np.random.default_rng(1951)


def noise(bands: int, side: int = 512) -> np.ndarray:
    return RNG.integers(0, 256, (bands, side, side)).astype(np.uint8)


def collar(side: int = 512, width: int = 40) -> np.ndarray:
    """Return a validity mask with an invalid frame around."""
    valid = np.zeros((side, side), bool)
    valid[width:-width, width:-width] = True
    return valid


def test_map_pixel_is_cog_pixel_when_drawn_one_to_one(archive, make_cog, mapserver, get_map) -> None:
    pixels, valid = noise(1), collar()
    pixels[0, 100:150, 100:150] = 255
    pixels[0, 200:250, 100:150] = 0
    bounds = archive.add(f"{KEY}/a b+ü%.tif", make_cog(pixels, valid, (X, Y)))

    drawn = mapserver.ask(render(archive.service()), get_map(archive.name, bounds, (512, 512))).rgba

    assert np.array_equal(drawn[..., 3], np.where(valid, 255, 0))
    for band in range(3):
        assert np.array_equal(drawn[valid][:, band], pixels[0][valid])


@pytest.mark.parametrize("offset", [(0, 0), (37, 101), (256, 19)])
def test_window_is_exact_when_it_starts_inside_the_frame(archive, make_cog, mapserver, get_map, offset) -> None:
    pixels, (column, row) = noise(3), offset
    archive.add(f"{KEY}/a.tif", make_cog(pixels, np.ones((512, 512), bool), (X, Y)))
    window = (X + 2 * column, Y - 2 * (row + 200), X + 2 * (column + 200), Y - 2 * row)

    drawn = mapserver.ask(render(archive.service()), get_map(archive.name, window, (200, 200))).rgba

    assert np.array_equal(drawn[..., :3].transpose(2, 0, 1), pixels[:, row : row + 200, column : column + 200])


def test_grey_and_colour_frames_are_both_right_when_they_share_a_collection(
    archive, make_cog, mapserver, get_map
) -> None:
    grey, valid = np.full((1, 256, 256), 90, np.uint8), collar(256, 20)
    colour = np.stack([np.full((256, 256), value, np.uint8) for value in (200, 60, 40)])
    left = archive.add(f"{KEY}/a.tif", make_cog(grey, valid, (X, Y)))
    jpeg = make_cog(colour, valid, (X + 512, Y), COMPRESS="JPEG", QUALITY="85")
    right = archive.add(f"{KEY.replace('bw', 'nc', 1)}/b.tif", jpeg)
    text = render(archive.service())

    first = mapserver.ask(text, get_map(archive.name, left, (256, 256))).rgba
    second = mapserver.ask(text, get_map(archive.name, right, (256, 256))).rgba

    assert np.array_equal(first[..., 3] == 255, valid)
    assert np.array_equal(second[..., 3] == 255, valid)
    assert np.all(first[valid][:, :3] == 90)
    assert np.abs(second[valid][:, :3] - (200, 60, 40)).max() <= 4  # JPEG


def test_neighbour_shows_through_the_collar_when_frames_overlap(archive, make_cog, mapserver, get_map) -> None:
    below = np.full((1, 512, 512), 200, np.uint8)
    above = np.where(collar(512, 60), 100, 0).astype(np.uint8)[None]
    bounds = archive.add(f"{KEY}/a.tif", make_cog(below, np.ones((512, 512), bool), (X, Y)))
    archive.add(f"{KEY}/b.tif", make_cog(above, collar(512, 60), (X, Y)))

    drawn = mapserver.ask(render(archive.service()), get_map(archive.name, bounds, (512, 512))).rgba

    assert np.all(drawn[..., 3] == 255)
    assert np.array_equal(drawn[..., 0], np.where(collar(512, 60), 100, 200))


def test_last_key_lies_on_top_when_rows_came_in_another_order(archive, make_cog, mapserver, get_map) -> None:
    whole = np.ones((128, 128), bool)
    for stem, value in (("b", 20), ("ä", 40), ("a", 60), ("B", 80)):
        bounds = archive.add(f"{KEY}/{stem}.tif", make_cog(np.full((1, 128, 128), value, np.uint8), whole, (X, Y)))

    drawn = mapserver.ask(render(archive.service()), get_map(archive.name, bounds, (128, 128))).rgba

    assert np.all(drawn[..., 0] == 40)


@pytest.mark.parametrize("size", [700, 333, 256, 100, 61])
def test_no_fringe_is_visible_when_the_collar_is_black(archive, make_cog, mapserver, get_map, size) -> None:
    side = 1024
    valid = collar(side, 53)
    pixels = np.where(valid, 200, 0).astype(np.uint8)[None]
    west, south, east, north = archive.add(f"{KEY}/a.tif", make_cog(pixels, valid, (X, Y)))
    window = (west - 100.3, south - 90, east + 100, north + 110.3)

    drawn = mapserver.ask(render(archive.service()), get_map(archive.name, window, (size, size))).rgba

    # As a viewer composes it: the error that an edge pixel adds to whatever lies below, in grey levels.
    assert np.abs(drawn[..., 3] * (drawn[..., 0] - 200) / 255).max() <= 2
    assert (drawn[..., 3] > 0).mean() == pytest.approx(
        4 * valid.sum() / ((window[2] - window[0]) * (window[3] - window[1])), rel=0.1
    )


def test_rest_is_drawn_when_one_cog_has_been_deleted(archive, make_cog, mapserver, get_map) -> None:
    whole = np.ones((256, 256), bool)
    for number in range(3):
        cog = make_cog(np.full((1, 256, 256), 50 + number, np.uint8), whole, (X + 512 * number, Y))
        archive.add(f"{KEY}/{number}.tif", cog)
    archive.store.delete(f"{KEY}/1.tif")
    service = archive.service()

    drawn = mapserver.ask(render(service), get_map(archive.name, service.extent, (768, 256))).rgba

    assert [drawn[100, column, 3] for column in (100, 356, 612)] == [255, 0, 255]
    assert [drawn[100, column, 0] for column in (100, 612)] == [50, 52]


def test_map_is_transparent_when_the_last_row_is_gone(archive, make_cog, mapserver, get_map) -> None:
    bounds = archive.add(f"{KEY}/a.tif", make_cog(noise(1, 128), np.ones((128, 128), bool), (X, Y)))
    archive.postgis.clear()

    drawn = mapserver.ask(render(archive.service()), get_map(archive.name, bounds, (64, 64))).rgba

    assert not drawn[..., 3].any()


def test_frames_of_other_collections_stay_out(archive, make_cog, mapserver, get_map) -> None:
    bounds = archive.add(f"{KEY}/a.tif", make_cog(noise(1, 128), np.ones((128, 128), bool), (X, Y)))
    other = archive.service(collection_id="travis_usda_1951_frame")

    drawn = mapserver.ask(render(other), get_map(archive.name, bounds, (64, 64))).rgba

    assert not drawn[..., 3].any()
