"""What the engine did to a frame, as ledger, key, digest and log have it."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace

from cogmill.domain.model import Bands
from cogmill.pipeline import backfill, build_cogs, ingest, run_digest
from cogmill.pipeline.backfill import BackfillRequest
from cogmill.pipeline.batches import plan_batches

from tests.cogmill.cog.engine_scenes import film, photograph, upload
from tests.small_archive import TRAVIS

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def build(sample, **data):
    """Upload pictures by stem and build what is due; return the rows of the ledger by stem."""
    for stem, picture in data.items():
        path = upload(sample.scratch / f"{stem}.tif", picture)
        sample.put(f"{TRAVIS.prefix(Bands.BW)}georef/{stem}.tif", path.read_bytes())
    ingest.ingest_uploads(sample.archive)
    for batch in plan_batches(sample.archive, TRAVIS.id):
        build_cogs.build_batch(sample.archive, batch["frame_ids"], "tests")
    rows = sample.sql("SELECT stem, state, cog_key, collar_share, adjustments FROM cogmill.frame")
    return {row[0]: row[1:] for row in rows}


def dark_field():
    picture = photograph(600, 600)
    picture[:, :72] = 25
    return picture


def test_records_what_was_cut_off_as_collar_and_names_the_frame(sample, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = build(Scratch(sample, tmp_path), **{"03-22-51_4-1": film(600, 600, collar=80, tilt=0, water=False)[0]})
    sample.publish()

    state, _, share, adjustments = rows["03-22-51_4-1"]
    digest = run_digest.digest(sample.archive, TRAVIS.id, LONG_AGO)

    assert (state, adjustments) == ("built", None)
    assert 0.4 < share < 0.5
    assert [line.split(":")[0] for line in digest.much_cut] == [f"{TRAVIS.prefix(Bands.BW)}georef/03-22-51_4-1.tif"]
    assert "Cut off as film collar from" in digest.text
    assert f"keep_rim in {TRAVIS.id}.yaml" in digest.text
    assert "cog_adjusted key=" in caplog.text


def test_says_nothing_of_an_ordinary_collar(sample, tmp_path):
    rows = build(Scratch(sample, tmp_path), **{"03-22-51_4-1": film(600, 600, collar=27, tilt=0)[0]})
    sample.publish()

    assert 0.15 < rows["03-22-51_4-1"][2] < 0.22
    assert run_digest.digest(sample.archive, TRAVIS.id, LONG_AGO).much_cut == []


def test_records_where_a_rim_was_kept(sample, tmp_path):
    rows = build(Scratch(sample, tmp_path), **{"03-22-51_4-1": dark_field(), "03-22-51_4-2": photograph(600, 600)})

    assert rows["03-22-51_4-1"][2:4] == (0, "rim_kept")
    assert rows["03-22-51_4-2"][2:4] == (0, None)


def test_a_pattern_of_the_collection_file_switches_the_search_off_for_a_frame(sample, tmp_path):
    (tmp_path / f"{TRAVIS.id}.yaml").write_text("keep_rim: ['*_4-1']\n", encoding="utf-8")
    own = replace(sample.archive, settings=sample.archive.settings.model_copy(update={"collections_dir": tmp_path}))
    scan = film(600, 600, collar=80, tilt=0, water=False)[0]
    before = build(Scratch(sample, tmp_path), **{"03-22-51_4-1": scan, "03-22-51_4-2": scan})
    sample.publish()

    planned = backfill.plan(own, BackfillRequest(states=["published"]))
    rows = sample.sql("SELECT id FROM cogmill.frame WHERE stem = '03-22-51_4-1'")
    assert [frame for frame, _ in planned.frames] == [rows[0][0]]
    backfill.build(own, *begun(own, planned))

    after = build(Scratch(replace(sample, archive=own), tmp_path))
    assert after["03-22-51_4-1"][2] == 0
    assert after["03-22-51_4-2"] == ("published", *before["03-22-51_4-2"][1:])
    assert sample.sql("SELECT collar_share > 0.4 FROM cogmill.former_cog") == [(True,)]


def test_a_declared_coordinate_system_is_recorded_and_a_change_of_it_builds_the_frame_again(sample, tmp_path):
    (tmp_path / f"{TRAVIS.id}.yaml").write_text("crs: EPSG:26914\n", encoding="utf-8")
    own = replace(sample.archive, settings=sample.archive.settings.model_copy(update={"collections_dir": tmp_path}))
    sample = replace(sample, archive=own)
    silent = upload(tmp_path / "a.tif", photograph(300, 300), epsg=None, origin=(620_000, 3_350_000)).read_bytes()
    sample.put(f"{TRAVIS.prefix(Bands.BW)}georef/03-22-51_4-1.tif", silent)
    build(Scratch(sample, tmp_path), **{"03-22-51_4-2": photograph(300, 300)})
    sample.publish()
    query = "SELECT adjustments, source_crs FROM cogmill.frame ORDER BY stem"
    assert sample.sql(query) == [("crs_declared", "EPSG:26914"), (None, "EPSG:26914")]
    assert not backfill.plan(own, BackfillRequest(states=["published"])).frames

    (tmp_path / f"{TRAVIS.id}.yaml").write_text("crs: EPSG:32614\n", encoding="utf-8")
    planned = backfill.plan(own, BackfillRequest(states=["published"]))
    assert [sample.sql("SELECT stem FROM cogmill.frame WHERE id = %s", frame) for frame, _ in planned.frames] == [
        [("03-22-51_4-1",)]
    ]
    backfill.build(own, *begun(own, planned))

    assert sample.sql(query) == [("crs_declared", "EPSG:32614"), (None, "EPSG:26914")]


def test_a_rejection_names_the_world_file_beside_the_upload(sample, tmp_path):
    key = f"{TRAVIS.prefix(Bands.BW)}georef/03-22-51_4-1.tif"
    sample.put(key, upload(tmp_path / "a.tif", photograph(50, 50), epsg=None, georeferenced=False).read_bytes())
    sample.put(key.replace(".tif", ".tfw"), b"1\n0\n0\n-1\n600000\n3300000\n")

    build(Scratch(sample, tmp_path))

    reason, detail = sample.sql("SELECT reason, detail FROM cogmill.frame")[0]
    assert reason == "not_georeferenced"
    assert "03-22-51_4-1.tfw beside it is a world file, which is not read" in detail


def begun(archive, planned):
    """Begin a backfill; return its id, its frames and who builds them."""
    (batch,) = backfill.begin(archive, "tests", BackfillRequest(states=["published"]), planned)
    return "tests", batch["frame_ids"], "tests"


class Scratch:
    """A small archive with a folder for its uploads."""

    def __init__(self, sample, folder):
        self.sample, self.scratch = sample, folder

    def __getattr__(self, name):
        return getattr(self.sample, name)
