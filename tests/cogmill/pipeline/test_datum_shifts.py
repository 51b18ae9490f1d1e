"""What becomes of frames in NAD27 as Texas is shipped: they are on the map, and everything says how accurately."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from cogmill.cog import libraries
from cogmill.domain.model import Bands
from cogmill.pipeline import public_files

from tests.cogmill.cog.engine_scenes import photograph
from tests.datum_grid import EPSG, GRID, ORIGIN
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
    assert json.loads(body(placed, item))["properties"]["cogmill:shift_accuracy"] == 7
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


def body(sample, key):
    return sample.client.get_object(Bucket=sample.archive.store.bucket, Key=key)["Body"].read().decode()
