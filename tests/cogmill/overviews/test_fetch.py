"""What is fetched of a COG: few requests, few bytes, and the same pixels as the whole file has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.levels import build_levels
from cogmill.cog.output.writer import write_cog
from cogmill.cog.profiles import PROFILES
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.geo import Bounds3857
from cogmill.overviews import fetch
from cogmill.overviews.contents import Member
from cogmill.overviews.fetch import CogPart, fetch_part
from cogmill.overviews.grid import Picture
from osgeo import gdal
from rasterio.windows import Window

WEST, NORTH, SIDE_PX = -10_900_000.0, 3_500_000.0, 5000
WHOLE = Bounds3857(WEST, NORTH - SIDE_PX, WEST + SIDE_PX, NORTH)


class Bucket:
    """A folder that counts what is read of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[int] = []

    def read(self, key: str, first: int, size: int) -> bytes | None:
        path = self.folder / key
        if not path.exists():
            return None
        self.asked.append(size)
        return path.read_bytes()[first : first + size]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Bucket:
    """A COG of 5,000 px with a pixel of a meter, three bands and JPEG tables, its western fifth masked."""
    folder = tmp_path_factory.mktemp("bucket")
    gdal.UseExceptions()
    random = np.random.default_rng(5)
    with ScratchArrays(None) as scratch, rasterio.Env(GDAL_MEM_ENABLE_OPEN="YES"):
        data, mask = scratch.zeros((3, SIDE_PX, SIDE_PX)), scratch.zeros((SIDE_PX, SIDE_PX))
        data[:] = random.integers(0, 255, (3, 250, 250), np.uint8).repeat(20, 1).repeat(20, 2)
        mask[:, SIDE_PX // 5 :] = 255
        data[:, :, : SIDE_PX // 5] = 0
        levels = build_levels(data, mask, scratch)
        write_cog(
            levels,
            Affine(1, 0, WEST, 0, -1, NORTH),
            folder / "a.tif",
            PROFILES["bw_jpeg"],
            {"NOTE": "x" * 5},
            threads=1,
        )
    return Bucket(folder)


def fetched(bucket: Bucket, picture: Picture, target: Path) -> CogPart:
    bucket.asked.clear()
    part = fetch_part(bucket.read, Member("a.tif", WHOLE), picture, target)
    assert part is not None
    return part


@pytest.mark.parametrize(("pixel_m", "level"), [(0.5, None), (1.9, None), (2, 0), (4.5, 1), (70, 3)])
def test_pixels_are_those_of_the_whole_file_when_only_a_part_was_fetched(
    bucket: Bucket, tmp_path: Path, pixel_m: float, level: int | None
) -> None:
    part = fetched(bucket, Picture(WEST + 900, NORTH - 700, pixel_m, 512, 512), tmp_path / "part.tif")

    window = Window(part.columns.start, part.rows.start, len(part.columns), len(part.rows))
    options = {} if level is None else {"OVERVIEW_LEVEL": level}
    with rasterio.open(part.path, **options) as some, rasterio.open(bucket.folder / "a.tif", **options) as whole:
        assert np.array_equal(some.read(window=window), whole.read(window=window))
        assert np.array_equal(some.dataset_mask(window=window), whole.dataset_mask(window=window))
    assert part.level == level
    x, y = part.transform @ (part.columns.start, part.rows.start)
    assert x <= max(WEST + 900, WEST)
    assert y >= NORTH - 700


def test_small_picture_of_a_whole_cog_costs_two_requests_and_few_bytes(bucket: Bucket, tmp_path: Path) -> None:
    fetched(bucket, Picture(WEST, NORTH, 10, 500, 500), tmp_path / "part.tif")

    assert len(bucket.asked) == 2
    assert sum(bucket.asked) < fetch.HEAD_BYTES + (bucket.folder / "a.tif").stat().st_size / 8


def test_directories_longer_than_the_first_request_are_fetched_whole(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(WEST, NORTH, 4, 1250, 1250)
    expected = fetched(bucket, picture, tmp_path / "all.tif")
    with rasterio.open(expected.path, OVERVIEW_LEVEL=1) as source:
        pixels = source.read()
    for head in (16, 300, 700, 1500):
        monkeypatch.setattr(fetch, "HEAD_BYTES", head)
        part = fetched(bucket, picture, tmp_path / f"{head}.tif")
        with rasterio.open(part.path, OVERVIEW_LEVEL=1) as source:
            assert np.array_equal(source.read(), pixels)


def test_picture_beside_the_cog_needs_nothing_of_it(bucket: Bucket, tmp_path: Path) -> None:
    beside = Picture(WEST + 3 * SIDE_PX, NORTH, 4, 512, 512)

    assert fetch_part(bucket.read, Member("a.tif", WHOLE), beside, tmp_path / "part.tif") is None


@pytest.mark.parametrize("content", [b"", b"no TIFF at all", b"II*\0\x08\0\0\0" + b"\xff" * 200])
def test_file_that_is_no_cog_is_an_outage_that_names_it(bucket: Bucket, tmp_path: Path, content: bytes) -> None:
    (bucket.folder / "broken.tif").write_bytes(content)

    with pytest.raises(ServiceUnavailableError, match=r"broken\.tif"):
        fetch_part(bucket.read, Member("broken.tif", WHOLE), Picture(WEST, NORTH, 4, 512, 512), tmp_path / "part.tif")
