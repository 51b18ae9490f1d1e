"""Uploads of formats beside GeoTIFF: on the map where the site takes them, rejected with advice where not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cogmill.cog.fingerprint import build_fingerprint
from cogmill.cog.profiles import default_profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.config.site import use_site
from cogmill.domain.advice import advice
from cogmill.domain.layout import TEXAS, use_layout
from cogmill.domain.layout.formats import Format
from cogmill.domain.model import Bands
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import repair
from cogmill.pipeline import build_cogs, ingest
from cogmill.pipeline.batches import plan_batches
from osgeo import gdal

from tests.cogmill.cog.engine_scenes import photograph, upload
from tests.small_archive import TRAVIS

FOLDER = "bw/Travis/USDA_1951/frames/georef/"
DRIVERS = {"jp2": "JP2OpenJPEG", "img": "HFA"}
ROW = "SELECT state, reason, detail FROM cogmill.frame ORDER BY id"


@pytest.fixture
def takes(tmp_path):
    """Let this process work by a site that takes some formats."""

    def use(formats: str, more: str = "") -> None:
        (tmp_path / "site.yaml").write_text(f"formats: [{formats}]\n{more}", encoding="utf-8")
        use_site(tmp_path / "site.yaml")

    yield use
    use_layout(TEXAS)


def body(folder, ending: str) -> bytes:
    """Return the bytes of a frame in a format."""
    tiff = upload(folder / "a.tif", photograph(300, 300))
    if ending in DRIVERS:
        gdal.Translate(str(folder / f"a.{ending}"), str(tiff), format=DRIVERS[ending])
    return (folder / f"a.{ending}").read_bytes()


def build(own) -> None:
    for batch in plan_batches(own.archive, TRAVIS.id):
        build_cogs.build_batch(own.archive, batch["frame_ids"], "tests")


@pytest.mark.parametrize("ending", DRIVERS)
def test_is_on_the_map_where_the_site_takes_it(sample, tmp_path, takes, ending):
    takes("jp2, img")
    sample.put(f"{FOLDER}03-22-51_4-1.{ending.upper()}", body(tmp_path, ending))

    sample.run(overviews=False)

    assert sample.sql(ROW) == [("published", None, None)]
    ((location,),) = sample.sql("SELECT location FROM cogmill.tile_index")
    assert location.endswith(".tif")
    assert "/cog/03-22-51_4-1." in location


@pytest.mark.parametrize(("formats", "ending"), [("", "jp2"), ("jp2", "img"), ("img", "jp2")])
def test_is_rejected_with_advice_where_not(sample, tmp_path, takes, formats, ending):
    takes(formats)
    key = f"{FOLDER}03-22-51_4-1.{ending}"
    sample.put(key, body(tmp_path, ending))
    ingest.ingest_uploads(sample.archive)

    ((state, reason, detail),) = sample.sql(ROW)

    assert (state, reason) == ("rejected", "bad_name")
    assert "does not end in .tif" in detail
    assert "Export it as GeoTIFF" in advice(reason, key)
    assert f"formats: [{ending}]" in advice(reason, key)


def test_what_was_rejected_is_taken_in_once_the_site_takes_it(sample, tmp_path, takes):
    sample.put(f"{FOLDER}03-22-51_4-1.jp2", body(tmp_path, "jp2"))
    ingest.ingest_uploads(sample.archive)
    takes("jp2")
    compare(sample.archive)
    repair(sample.archive)
    sample.sql("UPDATE cogmill.sweep SET full_at = '-infinity'")

    ingest.ingest_uploads(sample.archive)
    build(sample)

    assert sample.sql(ROW) == [("built", None, None)]


def test_what_the_site_takes_no_more_is_rejected_and_not_opened(sample, tmp_path, takes):
    takes("jp2")
    sample.put(f"{FOLDER}03-22-51_4-1.jp2", body(tmp_path, "jp2"))
    ingest.ingest_uploads(sample.archive)
    takes("")

    build(sample)

    ((state, reason, detail),) = sample.sql(ROW)
    assert (state, reason) == ("rejected", "not_a_geotiff")
    assert "does not begin like a TIFF" in detail


@pytest.mark.parametrize(("first", "second"), [("tif", "jp2"), ("img", "tif")])
def test_one_name_in_two_formats_is_one_frame_twice(sample, tmp_path, takes, first, second):
    takes("jp2, img")
    for ending in (first, second):
        sample.put(f"{FOLDER}03-22-51_4-1.{ending}", body(tmp_path, ending))
        ingest.ingest_uploads(sample.archive)

    assert [row[:2] for row in sample.sql(ROW)] == [("arrived", None), ("rejected", "duplicate_name")]


def test_the_same_bytes_are_not_built_again(sample, tmp_path, takes, monkeypatch):
    takes("jp2")
    sample.put(f"{FOLDER}03-22-51_4-1.jp2", body(tmp_path, "jp2"))
    ingest.ingest_uploads(sample.archive)
    build(sample)
    ((key, recipe),) = sample.sql("SELECT cog_key, recipe FROM cogmill.frame")
    assert recipe == build_fingerprint(default_profile(Bands.BW), Format.JP2)
    sample.sql("UPDATE cogmill.frame SET state = 'arrived'")
    monkeypatch.delattr(Engine, "build")

    build(sample)

    assert sample.sql("SELECT state, cog_key, recipe FROM cogmill.frame") == [("built", key, recipe)]


@pytest.mark.parametrize(("ending", "world"), [("jp2", "j2w"), ("jp2", "JP2W"), ("img", "igw")])
def test_lies_where_the_world_file_of_its_own_name_says(sample, tmp_path, takes, ending, world):
    takes("jp2, img", "sidecars: [world_file]\nlayout: {products: {frames: {folder: frames, crs: EPSG:26914}}}\n")
    own = replace(sample, archive=sample.archive.with_settings(site_file=tmp_path / "site.yaml"))
    silent = upload(tmp_path / "silent.tif", photograph(300, 300), epsg=None, georeferenced=False)
    gdal.Translate(str(tmp_path / f"s.{ending}"), str(silent), format=DRIVERS[ending])
    own.put(f"{FOLDER}03-22-51_4-1.{ending}", (tmp_path / f"s.{ending}").read_bytes())
    own.put(f"{FOLDER}03-22-51_4-1.{world}", b"1\n0\n0\n-1\n620000.5\n3349999.5\n")

    own.run(overviews=False)

    assert own.sql("SELECT state, adjustments FROM cogmill.frame") == [
        ("published", "position_of_world_file crs_declared")
    ]
    ((east, north),) = own.sql(
        "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Transform(ST_Centroid(geom), 26914) p FROM cogmill.tile_index) c"
    )
    assert (east, north) == pytest.approx((620_150, 3_349_850), abs=1)
