"""Uploads that lie where a file beside them says: they wait for it, follow it, and keep their place when it is gone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from cogmill.config.settings import Settings
from cogmill.pipeline import backfill, build_cogs, ingest, run_digest
from cogmill.pipeline.backfill import BackfillRequest
from cogmill.pipeline.batches import plan_batches

from tests.cogmill.cog.engine_scenes import photograph, upload
from tests.small_archive import TRAVIS

KEY = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif"
WORLD, AUX = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.TFW", KEY + ".aux.xml"
PLACE, ELSEWHERE = b"1\n0\n0\n-1\n620000.5\n3349999.5\n", b"1\n0\n0\n-1\n620300.5\n3349999.5\n"
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
ROW = "SELECT state, reason, detail, adjustments FROM cogmill.frame"
MAP = "SELECT location, ST_XMin(geom) FROM cogmill.tile_index"


def taking(own, folder, sidecars="world_file, aux_xml", **settings):
    """Return an archive whose site takes sidecars."""
    (folder / "site.yaml").write_text(f"sidecars: [{sidecars}]\n", encoding="utf-8")
    (folder / f"{TRAVIS.id}.yaml").write_text("crs: EPSG:26914\n", encoding="utf-8")
    changed = {"site_file": folder / "site.yaml", "collections_dir": folder} | settings
    return replace(own, archive=replace(own.archive, settings=own.archive.settings.model_copy(update=changed)))


@pytest.fixture
def own(sample, tmp_path):
    return taking(sample, tmp_path)


@pytest.fixture
def silent(tmp_path):
    """The bytes of a TIFF that says nothing of where it lies."""
    return upload(tmp_path / "a.tif", photograph(300, 300), epsg=None, georeferenced=False).read_bytes()


def work(own):
    """Take what is new, and build what is due."""
    found = ingest.ingest_uploads(own.archive)
    for batch in plan_batches(own.archive, TRAVIS.id):
        build_cogs.build_batch(own.archive, batch["frame_ids"], "tests")
    return found


def test_waits_for_its_world_file_and_says_so(own, silent):
    own.put(KEY, silent)
    assert work(own).collection_ids == [TRAVIS.id]

    ((state, reason, detail, _),) = own.sql(ROW)
    assert (state, reason) == ("arrived", None)
    assert detail == (
        "no geotransform in the file; it waits for its .aux.xml or its world file (such as .tfw, .j2w or .wld)"
    )
    assert run_digest.digest(own.archive, TRAVIS.id, LONG_AGO).held == [f"{KEY}: {detail}"]
    assert not ingest.has_new_uploads(own.archive)
    assert plan_batches(own.archive, TRAVIS.id)[0]["frame_ids"] == []

    own.put(WORLD, PLACE)
    assert ingest.has_new_uploads(own.archive)
    assert work(own).collection_ids == [TRAVIS.id]

    assert own.sql(ROW) == [("built", None, None, "position_of_world_file crs_declared")]
    assert not ingest.has_new_uploads(own.archive)


def test_takes_a_sidecar_that_was_there_first(own, silent):
    own.put(WORLD, PLACE)
    work(own)
    own.put(KEY, silent)
    work(own)

    assert own.sql(ROW) == [("built", None, None, "position_of_world_file crs_declared")]


def test_a_notification_of_the_sidecar_wakes_the_frame(announced, tmp_path, silent):
    own = taking(announced, tmp_path)
    own.put(KEY, silent)
    work(own)
    assert own.sql(ROW)[0][0] == "arrived"

    own.put(WORLD, PLACE)
    assert ingest.has_new_uploads(own.archive)
    work(own)

    assert own.sql(ROW)[0][0] == "built"


def test_is_rejected_with_advice_when_nothing_came_in_time(own, silent):
    own.put(KEY, silent)
    work(own)
    own.sql("UPDATE cogmill.frame SET arrived_at = now() - interval '2 hours', next_try_at = now()")

    assert work(own).collection_ids == [TRAVIS.id]

    assert own.sql(ROW)[0][:2] == ("rejected", "not_georeferenced")
    own.put(WORLD, PLACE)
    work(own)
    assert own.sql(ROW)[0][0] == "built", "later is not too late"


def test_a_broken_sidecar_is_told_and_a_mended_one_taken(sample, tmp_path, silent):
    own = taking(sample, tmp_path, "world_file")
    own.put(KEY, silent)
    own.put(WORLD, b"1\n0\n0\nnan\n")
    work(own)
    state, reason, detail, _ = own.sql(ROW)[0]
    assert (state, reason, detail) == (
        "rejected",
        "not_georeferenced",
        "the world file beside it has 'nan' where a number belongs",
    )

    own.put(WORLD, PLACE)
    work(own)

    assert own.sql(ROW)[0][0] == "built"


def test_a_frame_moves_on_the_map_when_its_sidecar_changes(own, silent):
    own.put(WORLD, PLACE)
    own.put(KEY, silent)
    work(own)
    own.publish()
    ((before, west),) = own.sql(MAP)

    own.put(WORLD, ELSEWHERE)
    work(own)
    assert own.sql(MAP) == [(before, west)], "what is on the map stays until its successor is published"
    own.publish()

    ((after, moved),) = own.sql(MAP)
    assert after != before
    assert moved - west == pytest.approx(300 * 1.157, abs=2)


def test_keeps_its_cog_when_the_same_sidecar_comes_again(own, silent):
    own.put(WORLD, PLACE)
    own.put(KEY, silent)
    work(own)
    ((before,),) = own.sql("SELECT cog_key FROM cogmill.frame")

    own.sql("UPDATE cogmill.sidecar SET uploaded_at = uploaded_at - interval '1 minute'")
    work(own)

    assert own.sql("SELECT cog_key, state, tries FROM cogmill.frame") == [(before, "built", 1)]
    assert len(own.listed("bw/Travis/USDA_1951/frames/cog/")) == 1


def test_a_frame_keeps_its_place_when_its_sidecar_is_deleted(own, silent):
    own.put(WORLD, PLACE)
    own.put(KEY, silent)
    work(own)
    own.publish()
    shown = own.sql(MAP)

    own.delete(WORLD)
    work(own)
    assert own.sql("SELECT state FROM cogmill.frame") == [("published",)]

    request = BackfillRequest(states=["published"], force=True)
    planned = backfill.plan(own.archive, request)
    (batch,) = backfill.begin(own.archive, "tests", request, planned)
    backfill.build(own.archive, "tests", batch["frame_ids"], "tests")
    assert own.sql(ROW)[0][0] == "arrived"
    assert own.sql(MAP) == shown


def test_statistics_beside_a_frame_with_a_position_build_nothing_again(own, tmp_path):
    own.put(KEY, upload(tmp_path / "b.tif", photograph(300, 300)).read_bytes())
    work(own)
    own.publish()
    before = own.sql("SELECT cog_key, state, tries FROM cogmill.frame")

    own.put(AUX, b"<PAMDataset><PAMRasterBand band='1'/></PAMDataset>")
    assert work(own).collection_ids == []

    assert own.sql("SELECT cog_key, state, tries FROM cogmill.frame") == before


def test_files_beside_no_frame_are_nobodys_business(own):
    for key in (
        "a.tfw",
        "bw/Travis/USDA_1951/frames/georef/x.y/03-22-51_4-1.tfw",
        "bw/Travis/USDA_1951/frames/scanned/a.tfw",
    ):
        own.put(key, PLACE)

    assert not ingest.has_new_uploads(own.archive)
    assert own.sql("SELECT count(*) FROM cogmill.sidecar") == [(0,)]


def test_takes_none_where_the_site_says_nothing(sample, silent):
    sample.put(KEY, silent)
    sample.put(WORLD, PLACE)
    work(sample)

    state, reason, detail, _ = sample.sql(ROW)[0]
    assert (state, reason) == ("rejected", "not_georeferenced")
    assert "is a world file, which is not read" in detail


def test_waits_as_long_as_the_setting_says(sample, tmp_path, silent):
    own = taking(sample, tmp_path, sidecar_wait_seconds=0)
    own.put(KEY, silent)
    work(own)

    assert own.sql(ROW)[0][0] == "rejected"
    assert Settings(_env_file=None).sidecar_wait_seconds == 3600
