from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from affine import Affine
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.levels import build_levels
from cogmill.cog.output.writer import write_cog
from cogmill.cog.profiles import PROFILES
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.geo import Bounds3857
from cogmill.overviews.build import build_cell
from cogmill.overviews.compose import _Averages, compose
from cogmill.overviews.contents import Member, contents, contents_of_cells
from cogmill.overviews.fetch import CogPart
from cogmill.overviews.grid import Cell, resolution
from cogmill.overviews.pool import fetch_parts
from osgeo import gdal

CELL = Cell(15, 466, 844)
DAY, NEXT_DAY = dt.date(1951, 3, 22), dt.date(1951, 3, 23)


@pytest.fixture
def member(tmp_path):
    """Return a maker of COGs of one value; `at` is column and row of their corner in the cell."""
    gdal.UseExceptions()
    gdal.SetConfigOption("GDAL_MEM_ENABLE_OPEN", "YES")

    def make(
        name: str, values: tuple[int, ...], at: tuple[int, int], *, side: int = 200, factor: int = 4, hole: bool = False
    ) -> Member:
        pixel = resolution(CELL.level) / factor
        west, north = CELL.picture.transform @ (float(at[0]), float(at[1]))
        with ScratchArrays(None) as scratch:
            data = scratch.zeros((len(values), side * factor, side * factor))
            mask = scratch.zeros(data.shape[1:])
            data[:] = np.array(values, np.uint8)[:, None, None]
            mask[:] = 255
            if hole:
                mask[: side * factor // 2] = 0
                data[:, : side * factor // 2] = 0
            profile = PROFILES["bw" if len(values) == 1 else "archive_zstd"]
            write_cog(
                build_levels(data, mask, scratch),
                Affine(pixel, 0, west, 0, -pixel, north),
                tmp_path / name,
                profile,
                {},
                threads=1,
            )
        length = side * factor * pixel
        return Member(name, Bounds3857(west, north - length, west + length, north), DAY)

    return make


@pytest.fixture
def fetch(tmp_path):
    """Return how parts of COGs in a folder are fetched."""
    folder = tmp_path / "parts"
    folder.mkdir()

    def read(key: str, first: int, size: int) -> bytes | None:
        path = tmp_path / key
        return path.read_bytes()[first : first + size] if path.exists() else None

    def parts(*members: Member) -> list[CogPart]:
        return fetch_parts(read, members, CELL.picture, folder)

    return parts


def test_last_member_lies_on_top(member, fetch):
    canvas = compose(CELL.picture, fetch(member("a.tif", (50,), (100, 100)), member("b.tif", (200,), (200, 200))))

    assert canvas.data.shape == (1, 4096, 4096)
    assert (canvas.data[0, 150, 150], canvas.data[0, 250, 250], canvas.data[0, 350, 350]) == (50, 200, 200)
    assert (canvas.mask > 0).sum() == 2 * 200 * 200 - 100 * 100


def test_masked_pixels_of_the_upper_member_show_the_lower_one(member, fetch):
    canvas = compose(
        CELL.picture, fetch(member("a.tif", (50,), (100, 100)), member("b.tif", (200,), (100, 100), hole=True))
    )

    assert (canvas.data[0, 150, 200], canvas.data[0, 250, 200]) == (50, 200)
    assert (canvas.mask > 0).sum() == 200 * 200


def test_gray_and_color_become_color(member, fetch):
    canvas = compose(CELL.picture, fetch(member("a.tif", (50,), (100, 100)), member("b.tif", (10, 20, 30), (400, 100))))

    assert canvas.data[:, 150, 150].tolist() == [50, 50, 50]
    assert canvas.data[:, 150, 450].tolist() == [10, 20, 30]


def test_member_beyond_the_edge_is_cut(member, fetch):
    canvas = compose(CELL.picture, fetch(member("a.tif", (50,), (-100, 4000))))

    assert (canvas.mask > 0).sum() == 100 * 96


def test_missing_member_is_an_outage_that_names_it(fetch):
    gone = Member("bw/gone.tif", CELL.bounds)

    with pytest.raises(ServiceUnavailableError, match=r"bw/gone\.tif"):
        compose(CELL.picture, fetch(gone))


def test_cell_is_written_with_every_level_and_the_same_bytes(member, fetch, tmp_path):
    parts = fetch(member("a.tif", (50,), (100, 100)), member("b.tif", (10, 20, 30), (400, 100)))

    first, second = (build_cell(CELL.picture, parts, tmp_path / name) for name in ("one.tif", "two.tif"))

    assert first == second
    written = gdal.Open(str(tmp_path / "one.tif"))
    assert (written.RasterXSize, written.RasterCount, written.GetRasterBand(1).GetOverviewCount()) == (4096, 3, 3)
    assert first.bounds.width == pytest.approx(500 * resolution(CELL.level))


def test_cell_without_valid_pixels_is_none(member, fetch, tmp_path):
    parts = fetch(member("a.tif", (50,), (5000, 5000)))

    assert build_cell(CELL.picture, parts, tmp_path / "cell.tif") is None


def test_each_day_has_a_picture_when_days_meet_in_a_cell():
    frames = [Member("a", CELL.bounds, DAY), Member("b", CELL.bounds, NEXT_DAY), Member("c", CELL.bounds, DAY)]

    found = contents(CELL, frames, by_day=True)

    shown = [(each.all_days, each.acquired, [m.key for m in each.members]) for each in found]
    assert shown == [(True, None, ["a", "b", "c"]), (False, DAY, ["a", "c"]), (False, NEXT_DAY, ["b"])]
    assert len({each.key("x") for each in found}) == 3


def test_one_picture_serves_all_days_and_the_only_one():
    (found,) = contents(CELL, [Member("a", CELL.bounds, DAY)], by_day=True)

    assert (found.all_days, found.acquired) == (True, DAY)


def test_undated_frames_have_one_picture_of_no_day():
    (found,) = contents(CELL, [Member("a", CELL.bounds, DAY), Member("b", CELL.bounds)], by_day=True)

    assert (found.all_days, found.acquired) == (True, None)


def test_coarser_cell_keeps_days_apart():
    of_day, of_next, both = Member("d", CELL.bounds, DAY), Member("n", CELL.bounds, NEXT_DAY), Member("b", CELL.bounds)

    found = contents_of_cells(
        CELL.parent, [of_day, both], [of_day, of_next, Member("d2", CELL.bounds, DAY)], by_day=True
    )

    shown = [(each.all_days, each.acquired, [m.key for m in each.members]) for each in found]
    assert shown == [(True, None, ["d", "b"]), (False, DAY, ["d", "d2"]), (False, NEXT_DAY, ["n"])]


def test_key_follows_from_members_and_their_order():
    a, b = Member("a", CELL.bounds), Member("b", CELL.bounds)
    keys = {contents(CELL, frames, by_day=False)[0].key("travis") for frames in ([a, b], [b, a], [a], [a, b])}

    assert len(keys) == 3
    assert all(key.startswith("overviews/travis/15/466_844.") for key in keys)


def test_average_is_that_of_the_exact_area_below_each_pixel():
    """Against the mean of a hundred times finer pixels, at any offset and factor, with what is masked left out."""
    random = np.random.default_rng(7)
    line, valid = random.integers(0, 255, 40).astype(np.float32), (random.random(40) > 0.3).astype(np.float32)
    for start, step in ((0.0, 2.0), (3.37, 1.61), (-1.25, 1.0), (5.5, 3.9), (10.2, 0.7)):
        averages = _Averages(start, step, 8, 40)
        sums, share = (averages.of_rows(each[:, None])[:, 0] for each in (line * valid, valid))

        fine = np.floor(start + step * (np.arange(8 * 1000) + 0.5) / 1000).astype(int)
        there = (fine >= 0) & (fine < 40)
        weights = np.where(there, valid[np.clip(fine, 0, 39)], 0).reshape(8, 1000)
        values = np.where(there, line[np.clip(fine, 0, 39)], 0).reshape(8, 1000)
        assert np.allclose(share, weights.mean(1), atol=2e-3)
        assert np.allclose(sums, (values * weights).mean(1), atol=0.5)
