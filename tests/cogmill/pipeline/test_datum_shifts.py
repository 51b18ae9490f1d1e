"""What becomes of frames in NAD27 as Texas is shipped: they are on the map, and everything says how accurately."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from cogmill.cog import libraries
from cogmill.config.settings import load_settings
from cogmill.domain.model import Bands
from cogmill.maintenance.report import report_text, write_report
from cogmill.maintenance.site_check import main
from cogmill.pipeline import backfill, public_files
from cogmill.pipeline.backfill import BackfillRequest
from cogmill.pipeline.by_hand import rollback

from tests.cogmill.cog.engine_scenes import photograph
from tests.datum_grid import EPSG, GRID, ORIGIN, place_by_grid, write_grid
from tests.small_archive import TRAVIS, raster

KEY = f"{TRAVIS.prefix(Bands.BW)}georef/03-22-51_4-1.tif"


@pytest.fixture
def grids(monkeypatch):
    """The folder in which this host looks for grids beside the system's."""
    with tempfile.TemporaryDirectory(prefix="cogmill-grids-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("PROJ_DATA", f"{folder}:/usr/share/proj")
        libraries.grids_digest.cache_clear()
        yield Path(folder)
    libraries.grids_digest.cache_clear()


@pytest.fixture
def placed(sample, grids):
    """An archive with a frame in NAD27 on the map."""
    sample.put(KEY, raster(photograph(400, 400), *ORIGIN, 1, epsg=EPSG))
    sample.run()
    return sample


def test_a_frame_in_nad27_is_on_the_map_as_shipped_and_never_silently(placed):
    recorded = "SELECT state, adjustments, shift_accuracy_m, missing_grids FROM cogmill.frame"
    assert placed.sql(recorded) == [("published", "shift_within_7_m", 7, [GRID])]
    assert placed.sql("SELECT shift_accuracy_m FROM cogmill.tile_index") == [(7,)]

    public_files.update_public_files(placed.archive, TRAVIS.id)

    (item,) = [key for key in placed.listed("stac/") if key.endswith("03-22-51_4-1.json")]
    (page,) = [key for key in placed.listed("catalog/") if key.endswith("/03-22-51_4-1.html")]
    told = json.loads(body(placed, item))["properties"]
    assert (told["cogmill:shift_accuracy"], told["cogmill:adjustments"]) == (7, "shift_within_7_m")
    assert "within 7 m" in body(placed, page)


def test_a_frame_in_the_datum_of_the_map_says_that_nothing_was_shifted(sample):
    sample.put(KEY, raster(photograph(400, 400), 620_000, 3_350_000, 1, epsg=32614))
    sample.run()

    assert sample.sql("SELECT adjustments, shift_accuracy_m, missing_grids FROM cogmill.frame") == [(None, 0, None)]


def test_a_collection_may_ask_for_more_than_the_site(sample, grids, tmp_path):
    (tmp_path / f"{TRAVIS.id}.yaml").write_text("datum_accuracy: {meters: 5}\n", encoding="utf-8")
    settings = sample.archive.settings.model_copy(update={"collections_dir": tmp_path})
    strict = replace(sample, archive=replace(sample.archive, settings=settings))
    strict.put(KEY, raster(photograph(400, 400), *ORIGIN, 1, epsg=EPSG))

    strict.run()

    ((state, reason, detail),) = strict.sql("SELECT state, reason, detail FROM cogmill.frame")
    assert (state, reason) == ("rejected", "no_transformation")
    assert f"PROJ's grid {GRID} would do, but is not installed" in detail


def test_the_report_says_what_to_install_and_then_that_a_backfill_moves_the_frames(placed, grids, tmp_path):
    def told():
        report = write_report(placed.archive, {"comparison": {"counts": {}}}, dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
        return report["green"], report_text(report)

    green, before = told()
    write_grid(grids)
    _, after = told()

    assert green, "the frame is where the archive allows it to be"
    assert (
        f"1 frame was placed without PROJ's grid {GRID}: list it in the site file (proj_grids) and install it" in before
    )
    assert f"1 frame was placed without PROJ's grid {GRID}, which is here now: start a backfill" in after


def test_a_backfill_finds_the_frames_that_a_new_grid_moves_and_moves_them(placed, grids, tmp_path, monkeypatch):
    other = KEY.replace("4-1", "4-2")
    placed.put(other, raster(photograph(400, 400), *ORIGIN, 1, epsg=26914))
    placed.run()
    wanted = BackfillRequest(states=["published"], without_grid=True)
    assert planned(placed, wanted) == [], "nothing has changed yet"

    install(grids, tmp_path, monkeypatch)

    ((frame, why),) = planned(placed, wanted)
    assert why == f"it was placed without PROJ's grid {GRID}, and grids or libraries have changed since"
    (batch,) = backfill.begin(placed.archive, "b", wanted, backfill.plan(placed.archive, wanted))
    assert batch["frame_ids"] == [frame]
    backfill.build(placed.archive, "b", batch["frame_ids"], "me")

    rows = "SELECT state, adjustments, missing_grids, shift_accuracy_m <= 5 FROM cogmill.frame WHERE source_key = %s"
    assert placed.sql(rows, KEY) == [("published", None, None, True)]
    (place,) = placed.sql(
        "SELECT ST_X(p), ST_Y(p), t.shift_accuracy_m <= 5 FROM cogmill.tile_index AS t, ST_Centroid(t.geom) AS p WHERE t.oid = %s",
        frame,
    )
    assert place[:2] == pytest.approx(place_by_grid(ORIGIN[0] + 200, ORIGIN[1] - 200), abs=2)
    assert place[2]
    assert planned(placed, wanted) == []


def test_a_rollback_brings_back_how_accurate_the_former_place_was(placed, grids, tmp_path, monkeypatch):
    install(grids, tmp_path, monkeypatch)
    wanted = BackfillRequest(states=["published"])
    (batch,) = backfill.begin(placed.archive, "b", wanted, backfill.plan(placed.archive, wanted))
    backfill.build(placed.archive, "b", batch["frame_ids"], "me")

    rollback.rollback(placed.archive, TRAVIS.id)

    assert placed.sql("SELECT shift_accuracy_m, missing_grids FROM cogmill.frame") == [(7, [GRID])]
    assert placed.sql("SELECT shift_accuracy_m FROM cogmill.tile_index") == [(7,)]


def install(grids, tmp_path, monkeypatch):
    """Install the grid as an operator does, from a folder; a task that begins afterwards names it in its build fingerprint."""
    kept, site = tmp_path / "kept", tmp_path / "site.yaml"
    kept.mkdir()
    write_grid(kept)
    site.write_text(f"proj_grids: [{GRID}]\n", encoding="utf-8")
    monkeypatch.setenv("COGMILL_SITE_FILE", str(site))
    load_settings.cache_clear()
    assert main(["site", "grids", "--from", str(kept), "--to", str(grids)]) == 0
    load_settings.cache_clear()
    libraries.grids_digest.cache_clear()


def planned(sample, request):
    """Return the frames of a plan, each with the reason."""
    return backfill.plan(sample.archive, request).kept()


def body(sample, key):
    return sample.client.get_object(Bucket=sample.archive.store.bucket, Key=key)["Body"].read().decode()
