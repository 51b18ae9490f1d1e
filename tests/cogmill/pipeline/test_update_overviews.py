"""Overviews of a real collection: frames in a bucket, their cells, and the maps MapServer draws from them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from cogmill.domain import keys
from cogmill.maintenance.cells import delete_retired_cells
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import repair
from cogmill.mapserver import cgi
from cogmill.overviews.grid import MOST_FRAMES
from cogmill.pipeline import ingest, publish, update_overviews
from cogmill.pipeline.by_hand.rollback import rollback
from cogmill.pipeline.withdraw import unpublish
from PIL import Image

from tests.small_archive import TRAVIS, SmallArchive, raster

SIDE_PX, PIXEL_M, STEP_M = 400, 2, 400
WEST, NORTH = -10_900_000, 3_500_000


def frame(number: int) -> np.ndarray:
    """Return a picture with detail, another one for each number."""
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    return np.roll((128 + 60 * np.sin(x / 23) + 50 * np.cos(y / 17)).astype(np.uint8), 31 * number, 1)


def upload(sample: SmallArchive, number: int, day: str = "03-22-51", columns: int = 5) -> str:
    key = f"bw/Travis/USDA_1951/frames/georef/{day}_4-{number}.tif"
    west, north = WEST + STEP_M * (number % columns), NORTH - STEP_M * (number // columns)
    sample.put(key, raster(frame(number), west, north, PIXEL_M))
    return key


@pytest.fixture
def survey(sample: SmallArchive) -> SmallArchive:
    """Twenty overlapping frames of two days, published."""
    for number in range(20):
        upload(sample, number, "03-22-51" if number % 5 < 3 else "04-01-51")
    sample.run(overviews=False)
    return sample


def update(sample: SmallArchive) -> update_overviews.OverviewChange:
    return update_overviews.update_overviews(sample.archive, TRAVIS.id)


def cells(sample: SmallArchive) -> set[str]:
    return {key for (key,) in sample.sql("SELECT key FROM cogmill.overview")}


def draw(sample: SmallArchive, text: str, bounds: tuple[float, ...], **more: str) -> np.ndarray:
    """Return the picture of a mapfile, shape (512, 512, 4): red, green, blue, alpha."""
    window: dict[str, Any] = {"bbox": ",".join(map(str, bounds)), "width": 512, "height": 512, "crs": "EPSG:3857"}
    look = {"layers": TRAVIS.service_name, "styles": "", "format": "image/png", "transparent": "true"}
    with publish._mapserver(sample.archive) as runner, cgi.serve_draft(text, runner) as server:
        answer = server.expect("image/png", request="GetMap", version="1.3.0", **window, **look, **more)
    return np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGBA")).astype(int)


def around(sample: SmallArchive, side_m: float) -> tuple[float, ...]:
    x, y = WEST + 2.5 * STEP_M, NORTH - 2 * STEP_M
    return x - side_m / 2, y - side_m / 2, x + side_m / 2, y + side_m / 2


def mapfile(sample: SmallArchive) -> str:
    return sample.archive.store.read(keys.mapfile_key(TRAVIS.id)).decode()


def test_map_of_many_frames_shows_the_same_from_few_files(survey):
    before = mapfile(survey)
    change = update(survey)
    after = mapfile(survey)

    assert change.levels == [16, 13]
    assert set(survey.listed("overviews/")) == cells(survey)
    assert "_tiles" in after
    assert "_tiles" not in before
    for side_m, times in ((1300, [None]), (2600, [None, "1951-03-22", "1951-04-01"]), (10_000, [None, "1951-03-22"])):
        for time in times:
            asked = {"time": time} if time else {}
            plain, quick = (draw(survey, text, around(survey, side_m), **asked) for text in (before, after))
            both = (plain[..., 3] == 255) & (quick[..., 3] == 255)
            # a pixel at the outline of every frame and cell may fall on either side
            assert both.sum() >= 0.95 * max((plain[..., 3] == 255).sum(), (quick[..., 3] == 255).sum()) > 0
            difference = np.abs(plain - quick)[..., :3][both].mean()
            # at the switching scale within 2; further out MapServer alone thins the detail of the many frames
            assert difference <= (2 if side_m <= 2600 else 6), (side_m, time)


def test_frames_of_all_kinds_share_the_overviews_of_one_collection(sample: SmallArchive) -> None:
    """Gray and color, one UTM zone and the next, small and large, and a thousand kilometers from one to the other."""
    for number in range(11):
        upload(sample, number)
    color = np.stack([frame(3), 255 - frame(3), frame(5)])
    sample.put("nc/Travis/USDA_1951/frames/georef/03-22-51_5-1.tif", raster(color, WEST, NORTH + 800, PIXEL_M))
    large = np.kron(frame(7), np.ones((6, 6), np.uint8))
    sample.put("bw/Travis/USDA_1951/frames/georef/03-22-51_5-2.tif", raster(large, WEST - 4800, NORTH, PIXEL_M))
    far = {"03-22-51_5-3": (32613, 600_000, 3_500_000), "03-22-51_5-4": (32615, 300_000, 3_400_000)}
    for stem, (epsg, x, y) in far.items():
        sample.put(f"bw/Travis/USDA_1951/frames/georef/{stem}.tif", raster(frame(9), x, y, PIXEL_M, epsg=epsg))
    sample.run(overviews=False)
    before = mapfile(sample)
    places = sample.sql("SELECT ST_X(c), ST_Y(c) FROM (SELECT ST_Centroid(geom) AS c FROM cogmill.tile_index) AS t")
    assert len(places) == 15

    change = update(sample)

    assert change.built >= len(change.levels)
    assert len(change.levels) >= 4
    after = mapfile(sample)
    # At this scale GDAL 3.6 and 3.10 read the same level of a cell. Where they read different ones, as for 3,000 m, the newer one starts from
    # a coarser level, which MapServer places by whole pixels of it: 0.7 px of the picture beside it, and up to 3.7 gray levels here.
    for x, y in places[-5:]:
        window = x - 1300, y - 1300, x + 1300, y + 1300
        plain, quick = (draw(sample, text, window) for text in (before, after))
        both = (plain[..., 3] == 255) & (quick[..., 3] == 255)
        assert both.sum() >= 0.95 * max((plain[..., 3] == 255).sum(), (quick[..., 3] == 255).sum()) > 0
        assert np.abs(plain - quick)[..., :3][both].mean() <= 2
    # from a thousand kilometers away a frame is less than a pixel, but the coarsest level is there
    whole = draw(sample, after, (WEST - 800_000, NORTH - 800_000, WEST + 800_000, NORTH + 800_000))
    assert whole.shape == (512, 512, 4)


def test_nothing_is_done_when_the_tile_index_is_the_same(survey):
    update(survey)
    stored = survey.listed("overviews/")

    assert update(survey) == update_overviews.OverviewChange([16, 13])
    assert survey.listed("overviews/") == stored
    assert not ingest.has_new_uploads(survey.archive)


def test_one_frame_more_touches_its_own_cells_only(survey):
    update(survey)
    before = cells(survey)
    upload(survey, 500, columns=1000)  # 200 km further east: cells of its own, but for the coarsest levels
    survey.run(overviews=False)

    change = update(survey)

    finest = {key for key in before if "/16/" in key}
    assert finest <= cells(survey)
    assert change.built <= 4 * len(change.levels)


def test_collection_of_few_frames_has_no_overviews(sample):
    for number in range(MOST_FRAMES):
        upload(sample, number)
    sample.run(overviews=False)

    assert update(sample).levels == []
    assert sample.listed("overviews/") == []
    assert "_tiles" not in mapfile(sample)
    assert not ingest.has_new_uploads(sample.archive)

    upload(sample, MOST_FRAMES)
    sample.run(overviews=False)
    assert update(sample).levels == [16, 13]


def test_withdrawn_frames_leave_every_level(survey):
    update(survey)
    before = draw(survey, mapfile(survey), around(survey, 10_000))
    gone = [key for key in survey.listed("bw/Travis/USDA_1951/frames/georef/") if "04-01-51" in key][:6]
    for key in gone:
        survey.delete(key)
    survey.archive.ledger.findings.withdraw_frames(gone, "tests")
    survey.run(overviews=False)

    assert update(survey).built

    after = draw(survey, mapfile(survey), around(survey, 10_000))
    assert (after[..., 3] == 255).sum() < (before[..., 3] == 255).sum()
    named = {key for (key,) in survey.sql("SELECT key FROM cogmill.retired_overview")}
    assert named
    assert not named & cells(survey)


def test_run_that_was_killed_before_it_showed_anything_is_taken_up(survey, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> bool:
        raise Killed

    index = survey.archive.ledger.overview_cells
    with monkeypatch.context() as patch:
        patch.setattr(type(index), "change", killed)
        with pytest.raises(Killed):
            update(survey)
    assert cells(survey) == set()
    survey.sql("UPDATE cogmill.collection SET triggered_at = triggered_at - interval '1 hour'")
    assert ingest.has_new_uploads(survey.archive)  # the next run is asked for by itself

    update(survey)

    assert set(survey.listed("overviews/")) == cells(survey)


def test_lost_cell_is_built_again_and_nothing_else(survey):
    update(survey)
    survey.sql("UPDATE cogmill.overview SET built_at = now() - interval '2 hours'")
    lost = min(cells(survey))
    kept = len(cells(survey)) - 1
    survey.delete(lost)

    compare(survey.archive)
    assert [(act.kind, act.subject) for act in repair(survey.archive)] == [("cell_missing", lost)]
    assert ingest.has_new_uploads(survey.archive)
    change = update(survey)

    assert (change.built, change.kept) == (1, kept)
    assert set(survey.listed("overviews/")) == cells(survey)


def test_retired_cells_are_deleted_after_the_grace_period(survey):
    update(survey)
    upload(survey, 21)
    survey.run(overviews=False)
    update(survey)
    assert set(survey.listed("overviews/")) > cells(survey)

    assert delete_retired_cells(survey.archive, 3600) == []
    survey.sql("UPDATE cogmill.retired_overview SET retired_at = now() - interval '2 hours'")
    assert delete_retired_cells(survey.archive, 3600)

    assert set(survey.listed("overviews/")) == cells(survey)


def test_rollback_shows_former_cells_without_building_them(survey):
    update(survey)
    before = cells(survey)
    upload(survey, 21)
    survey.run()
    assert cells(survey) != before

    rollback(survey.archive, TRAVIS.id)
    change = update(survey)

    assert cells(survey) == before
    assert (change.built, change.bytes_written) == (0, 0)
    assert change.kept >= len(change.levels)


def test_overviews_wait_for_the_last_batch_when_most_is_still_to_come(survey):
    update(survey)
    before = cells(survey)
    upload(survey, 21)
    survey.run(overviews=False)
    upload(survey, 22)
    ingest.ingest_uploads(survey.archive)

    assert update(survey) == update_overviews.OverviewChange([16, 13], postponed=True)
    assert cells(survey) == before
    survey.run(overviews=False)

    assert update(survey).built
    assert cells(survey) != before


def test_pages_get_pictures_of_the_whole_collection(survey):
    update(survey)

    for size in keys.THUMBNAIL_SIZES:
        picture = Image.open(io.BytesIO(survey.archive.store.read(keys.thumbnail_key(TRAVIS.id, size))))
        assert (picture.format, max(picture.size)) == ("WEBP", size)
        pixels = np.asarray(picture.convert("RGBA")).astype(int)
        assert (pixels[..., 3] == 255).mean() > 0.95
        assert 40 < pixels[..., :3].std() < 80
        drawn = draw(survey, mapfile(survey), survey.archive.ledger.collections.service_facts(TRAVIS.id).extent)
        small = np.asarray(picture.convert("RGBA").resize((512, 512))).astype(int)
        both = (drawn[..., 3] == 255) & (small[..., 3] == 255)
        assert np.abs(drawn - small)[..., :3][both].mean() < 3, "it shows what the map shows"


def test_service_that_is_withdrawn_takes_its_cells_and_pictures_along(survey):
    update(survey)
    before = cells(survey)

    survey.delete(keys.mapfile_key(TRAVIS.id))
    unpublish(survey.archive, TRAVIS.id)

    assert cells(survey) == set()
    assert {key for (key,) in survey.sql("SELECT key FROM cogmill.retired_overview")} == before
    assert survey.listed("thumbnails/") == []


def test_cog_is_not_deleted_before_its_frame_has_left_the_cells(survey):
    update(survey)
    survey.run()
    gone = survey.listed("bw/Travis/USDA_1951/frames/georef/")[:1]
    survey.delete(gone[0])
    survey.archive.ledger.findings.withdraw_frames(gone, "tests")
    survey.run(overviews=False)
    survey.sql("UPDATE cogmill.retired_cog SET retired_at = now() - interval '2 hours'")

    assert survey.archive.ledger.findings.due_retired(3600, 10) == []
    update(survey)
    assert len(survey.archive.ledger.findings.due_retired(3600, 10)) == 1


def test_many_cells_are_built_by_mapped_tasks_and_shown_by_the_last(survey, monkeypatch):
    monkeypatch.setattr(update_overviews, "CELLS_PER_TASK", 1)

    batches = update_overviews.plan_overviews(survey.archive, TRAVIS.id)
    built = [update_overviews.build_overviews(survey.archive, TRAVIS.id, batch["cells"]) for batch in batches]

    assert len(batches) > 1
    assert sum(built) > 0
    assert cells(survey) == set()
    again = [update_overviews.build_overviews(survey.archive, TRAVIS.id, batch["cells"]) for batch in batches]
    assert sum(again) == 0
    change = update(survey)
    finest = {key for key in cells(survey) if "/16/" in key}
    assert len(finest) == sum(built) == change.kept
    assert change.built == len(cells(survey)) - len(finest)
    assert survey.sql("SELECT count(*) FROM cogmill.retired_overview") == [(0,)]


def test_few_cells_are_left_to_the_last_task(survey):
    (batch,) = update_overviews.plan_overviews(survey.archive, TRAVIS.id)

    assert batch["cells"] == []
    update(survey)
    (batch,) = update_overviews.plan_overviews(survey.archive, TRAVIS.id)
    assert batch == {"label": "nothing to build", "cells": []}
