from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from cogmill.cog.fingerprint import build_fingerprint, cog_digest, recipe_digest
from cogmill.cog.profiles import PROFILES, Profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import MIB, Limits
from cogmill.domain.errors import InvalidFrameError, ServiceUnavailableError
from cogmill.domain.model import Bands, BuiltCog
from osgeo import gdal
from rasterio.enums import MaskFlags, PhotometricInterp

from tests.cogmill.cog.engine_scenes import AREA, colour, photograph, read_cog, upload

PLAIN = dataclasses.replace(PROFILES["bw"], collar=False)


@pytest.fixture(scope="module")
def engine():
    with Engine(Limits(), threads=1) as warm:
        yield warm


def build(engine: Engine, source: Path, profile: Profile = PLAIN, bands: Bands = Bands.BW, **kwargs) -> BuiltCog:
    settings = {"provenance": {"source_key": "bw/a b.tif"}, "area": AREA} | kwargs
    return engine.build(source, source.with_suffix(".cog.tif"), bands=bands, profile=profile, **settings)


@pytest.mark.parametrize("degrees", [0, 3, 40])
@pytest.mark.parametrize("epsg", [26914, 4326])
def test_covers_the_true_outline_when_the_frame_is_rotated(engine, tmp_path, degrees, epsg):
    source = upload(tmp_path / "a.tif", photograph(900, 1200), epsg=epsg, degrees=degrees)

    cog = build(engine, source)

    _, mask = read_cog(cog.path)
    outline = shapely.from_wkb(cog.footprint_wkb)
    assert mask.sum() / 255 == pytest.approx(900 * 1200, rel=0.08 if epsg == 26914 else 0.3)
    assert outline.area == pytest.approx(mask.sum() / 255 * cog.gsd_m**2, rel=0.02)
    assert outline.geom_type == "Polygon"


@pytest.mark.parametrize("name", ["bw", "archive_zstd", "webp_lossless"])
def test_keeps_every_pixel_when_the_source_is_web_mercator(engine, tmp_path, name):
    picture = photograph(700, 1100)
    source = upload(tmp_path / "a.tif", picture, epsg=3857)

    cog = build(engine, source, dataclasses.replace(PROFILES[name], collar=False))

    data, mask = read_cog(cog.path)
    assert all(np.array_equal(band, picture) for band in data)
    assert mask.all()
    assert cog.transformation == "none"


def test_turns_north_up_when_the_source_is_south_up(engine, tmp_path):
    picture = photograph(300, 400)
    south_up = (-10_881_745.0, 1, 0, 3_538_744.0, 0, 1)
    source = upload(tmp_path / "a.tif", picture, epsg=3857, geotransform=south_up)

    cog = build(engine, source)

    assert np.array_equal(read_cog(cog.path)[0][0], picture[::-1])
    with rasterio.open(cog.path) as written:
        assert written.transform == Affine(1, 0, -10_881_745.0, 0, -1, 3_539_044.0)


def test_agrees_with_an_exact_warp_when_reprojected(engine, tmp_path):
    source = upload(tmp_path / "a.tif", photograph(1000, 1000), degrees=3)

    cog = build(engine, source)

    data, mask = read_cog(cog.path)
    made = gdal.Open(cog.path)
    west, size, _, north, _, _ = made.GetGeoTransform()
    bounds = (west, north - size * made.RasterYSize, west + size * made.RasterXSize, north)
    oracle = gdal.Warp(
        "", str(source), format="MEM", dstSRS="EPSG:3857", outputBounds=bounds, width=made.RasterXSize,
        height=made.RasterYSize, resampleAlg="bilinear", errorThreshold=0, dstAlpha=True,
    ).ReadAsArray()  # fmt: skip
    inside = (mask == 255) & (oracle[1] == 255)
    difference = np.abs(data[0].astype(int) - oracle[0])[inside]
    assert np.count_nonzero((mask == 255) != (oracle[1] == 255)) < 4 * 4000
    assert difference.mean() < 0.6
    assert (west / size) % 1 == pytest.approx(0, abs=1e-6) or (west / size) % 1 == pytest.approx(1, abs=1e-6)


def test_has_overviews_down_to_one_block_and_a_mask_on_each(engine, tmp_path):
    cog = build(engine, upload(tmp_path / "a.tif", colour(1200, 2300), degrees=3), PROFILES["nc"], Bands.NC)

    with rasterio.open(cog.path) as written:
        assert written.photometric is PhotometricInterp.ycbcr
        levels = len(written.overviews(1))
    sizes = []
    for level in range(levels):
        with rasterio.open(cog.path, OVERVIEW_LEVEL=level) as overview:
            sizes.append(max(overview.shape))
            assert overview.mask_flag_enums == ([MaskFlags.per_dataset],) * 3
    assert sizes[-1] <= 512 < sizes[-2]


def test_says_where_it_comes_from_when_built(engine, tmp_path):
    cog = build(engine, upload(tmp_path / "a.tif", photograph(600, 600)))

    with rasterio.open(cog.path) as written:
        tags, statistics = written.tags(), written.tags(1)
    assert tags["COGMILL_SOURCE_KEY"] == "bw/a b.tif"
    assert tags["COGMILL_RECIPE"] == recipe_digest(PLAIN)
    assert tags["COGMILL_SOURCE_CRS"] == cog.source_crs == "EPSG:26914"
    assert "NAD83 to WGS 84" in cog.transformation
    assert statistics["STATISTICS_MEAN"]


def test_describes_the_file_it_wrote(engine, tmp_path):
    cog = build(engine, upload(tmp_path / "a.tif", photograph(600, 600)))

    content = Path(cog.path).read_bytes()
    assert (cog.size, cog.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert cog.cpu_s > 0
    assert cog.peak_rss > 10_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cog.tif", "a.tif"]


def test_gives_the_same_bytes_when_threads_and_paths_differ(engine, tmp_path):
    source = upload(tmp_path / "a.tif", photograph(1500, 1500), degrees=3)
    (tmp_path / "other place").mkdir()

    first = build(engine, source)
    with Engine(Limits(), threads=3, scratch=tmp_path) as other:
        second = other.build(
            source, tmp_path / "other place" / "ü.tif", bands=Bands.BW, profile=PLAIN,
            provenance={"source_key": "bw/a b.tif"}, area=None,
        )  # fmt: skip

    assert first.sha256 == second.sha256


def test_names_a_recipe_by_its_values():
    assert build_fingerprint(PROFILES["bw"]) == build_fingerprint(dataclasses.replace(PROFILES["bw"]))
    assert build_fingerprint(PROFILES["bw"]) != build_fingerprint(PLAIN)
    assert len(cog_digest("ab", "cd")) == 12


def test_leaves_nothing_behind_when_a_frame_is_rejected(engine, tmp_path):
    source = tmp_path / "a.tif"
    source.write_bytes(b"")

    with pytest.raises(InvalidFrameError, match="empty"):
        build(engine, source)

    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("nodata", [None, 0])
def test_gives_the_same_bytes_when_the_frame_is_streamed(engine, tmp_path, nodata):
    picture = photograph(1600, 1500)
    picture[:200, :300] = 0
    source = upload(tmp_path / "a.tif", picture, degrees=3, nodata=nodata)
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    in_memory = build(engine, source)
    with Engine(Limits(in_memory_bytes=MIB), scratch=scratch) as streaming:
        streamed = build(streaming, source)
        assert not [path for path in scratch.rglob("*") if path.is_file() and path.name != "worker.log"]

    assert streamed.sha256 == in_memory.sha256


@pytest.mark.system
def test_blames_the_disk_and_not_the_frame_when_the_scratch_folder_is_full(tmp_path):
    source = upload(tmp_path / "a.tif", photograph(1600, 1500))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", scratch], check=True)
    try:
        with (
            Engine(Limits(in_memory_bytes=MIB), scratch=scratch) as streaming,
            pytest.raises(ServiceUnavailableError, match="No space left"),
        ):
            build(streaming, source)
    finally:
        subprocess.run(["umount", scratch], check=True)
