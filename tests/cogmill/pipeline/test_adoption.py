"""COGs of the predecessor, which lie in `cog/` without an upload, become frames: as they are or built again, and nothing is lost."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from cogmill.domain import keys
from cogmill.domain.errors import Reason
from cogmill.domain.model import Adoption, Bands, Collection
from cogmill.domain.public_access import COMPILED
from cogmill.maintenance.audit import audit
from cogmill.maintenance.cleanup import collect
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove, repair
from cogmill.mapserver import cgi
from cogmill.pipeline import Archive, export, publish
from cogmill.pipeline.discovery import adoption
from cogmill.pipeline.discovery.adoption import AdoptionRequest
from PIL import Image

from tests.old_bucket import NORTH, PIXEL_M, SIDE_PX, STEP_M, WEST, OldBucket, OldCollection, cog
from tests.small_archive import TRAVIS, SmallArchive, raster

FRAMES = 500 if os.environ.get("COGMILL_LONG") else 60
"""Frames of the large bucket, sheets and mosaic among them; 500 take minutes."""

COG = "bw/Travis/USDA_1951/frames/cog/03-22-51_4-001.tif"
UPLOAD = COG.replace("/cog/", "/georef/")
AS_IT_IS, AGAIN = AdoptionRequest(), AdoptionRequest(Adoption.BUILT_AGAIN)


def old_cog(place: int = 1) -> bytes:
    return cog(place, WEST + STEP_M * place, NORTH, Bands.BW)


def adopt(archive: Archive, request: AdoptionRequest = AS_IT_IS) -> int:
    result = adoption.adopt(archive, request)
    return result.adopted + result.rejected


def snapshot(archive: Archive) -> dict[str, tuple[str, int]]:
    return {o.key: (o.etag, o.size) for page in archive.store.pages() for o in page.objects}


def frames_listed(archive: Archive) -> Counter[str]:
    """Count the features of each service in the compiled index, as the runbook does."""
    compiled = json.loads(archive.store.read(f"{COMPILED}.geojson"))
    return Counter(feature["properties"]["tablename"] for feature in compiled["features"])


def draw(archive: Archive, text: str, layer: str, bounds: Sequence[float]) -> np.ndarray:
    """Return the picture of a mapfile, shape (512, 512, 4): red, green, blue, alpha."""
    window = {"bbox": ",".join(map(str, bounds)), "width": 512, "height": 512, "crs": "EPSG:3857"}
    look = {"layers": layer, "styles": "", "format": "image/png", "transparent": "true"}
    with publish._mapserver(archive) as runner, cgi.serve_draft(text, runner) as server:
        answer = server.expect("image/png", request="GetMap", version="1.3.0", **window, **look)
    return np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGBA")).astype(int)


def assert_same_picture(old: OldBucket, number: int, each: OldCollection) -> None:
    """Compare the map of the old mapfile with that of ours, pixel for pixel of the COGs, around the last frame of a collection."""
    archive, place = old.sample.archive, len(each.stems) - 1
    west, north = old.corner(number, place)
    size_m = 512 * PIXEL_M
    window = (
        west - 200 * PIXEL_M,
        north + 200 * PIXEL_M - size_m,
        west - 200 * PIXEL_M + size_m,
        north + 200 * PIXEL_M,
    )
    ours = archive.store.read(keys.mapfile_key(each.collection.id)).decode()
    before, after = (draw(archive, text, each.collection.service_name, window) for text in (old.mapfile(each), ours))
    same = before[..., 3] == after[..., 3]
    assert (before[..., 3] > 0).sum() > SIDE_PX * SIDE_PX / 2
    # what was warped lies on a grid of its own: a pixel at an outline may fall on either side
    assert same.mean() >= (0.99 if each.warped else 1)
    seen = same & (before[..., 3] > 0)
    difference = np.abs(before - after)[..., :3][seen]
    assert difference.mean() <= (3 if each.warped else 0.01), each.collection.id


@pytest.fixture
def old(sample: SmallArchive, tmp_path) -> OldBucket:
    return OldBucket(sample, tmp_path)


def test_a_whole_bucket_answers_with_the_same_maps_and_loses_nothing(old):
    old.fill(FRAMES)
    archive, before = old.sample.archive, snapshot(old.sample.archive)
    listed = frames_listed(archive)
    assert adoption.plan(archive, AdoptionRequest()).frames == FRAMES
    assert old.sample.sql("SELECT count(*) FROM cogmill.frame") == [(0,)]

    assert adopt(archive) == FRAMES
    for each in old.collections:
        old.sample.run(each.collection)

    rows = old.sample.sql(
        "SELECT f.state, f.source_key, t.cog_key FROM cogmill.frame f JOIN cogmill.tile_index t ON t.oid = f.id"
    )
    assert {row[0] for row in rows} == {"published"}
    assert sorted(row[2] for row in rows) == sorted(old.all_cogs())
    after = snapshot(archive)
    assert {key: after[key] for key in old.all_cogs()} == {key: before[key] for key in old.all_cogs()}
    assert before.keys() - after.keys() == set()
    for number, each in enumerate(old.collections):
        assert_same_picture(old, number, each)
    export.compile_indexes(archive)
    assert frames_listed(archive) == listed
    # a second run finds nothing
    assert adopt(archive) == 0
    after = snapshot(archive)
    for each in old.collections:
        old.sample.run(each.collection)
    assert snapshot(archive) == after
    counts = compare(archive).counts
    assert {kind for kind, number in counts.items() if number} <= {"scan_missing"}


def test_cogs_are_told_by_collection_before_anything_is_done(sample):
    sample.put(COG, old_cog())
    sample.put("bw/Travis/USDA_1951/frames/cog/readme.tif", b"x")
    sample.put("bw/Travis/USDA_1951/frames/cog/x.0123456789ab.tif", b"one of ours")

    planned = adoption.plan(sample.archive, AdoptionRequest())

    assert planned.frames == 2
    assert "- travis_usda_1951_frames: 1, " in planned.text
    assert "- rejected, because their names fit no collection: 1, 0.0 MB" in planned.text


def test_prefix_and_limit_bound_what_is_adopted(sample):
    for place in range(3):
        sample.put(f"bw/Travis/USDA_1951/frames/cog/03-22-51_4-{place}.tif", old_cog(place))

    assert adopt(sample.archive, AdoptionRequest(prefix="nc/")) == 0
    assert adopt(sample.archive, AdoptionRequest(limit=2)) == 2
    assert adopt(sample.archive) == 1


def test_a_cog_without_overviews_is_published_and_says_so(sample):
    sample.put(COG, cog(1, WEST, NORTH, Bands.BW, side_px=1024))
    adopt(sample.archive)

    sample.run()

    assert sample.sql("SELECT state, adjustments FROM cogmill.frame") == [("published", "no_overviews")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (raster(np.random.default_rng(1).integers(0, 200, (64, 64), dtype=np.uint8), 600_000, 3_300_000, 2, epsg=26914), Reason.NOT_AS_IT_IS),
        (old_cog()[:1200], Reason.TRUNCATED),
        (raster(np.random.default_rng(1).integers(0, 200, (64, 64), dtype=np.uint8), WEST, NORTH, 2), Reason.NOT_AS_IT_IS),
        (b"no raster", Reason.NOT_A_GEOTIFF),
        (cog(1, WEST, NORTH, Bands.NC), Reason.WRONG_BANDS),
    ],
    ids=["utm", "truncated", "strips", "text", "color"],
)  # fmt: skip
def test_a_cog_that_cannot_be_shown_is_rejected_alone(sample, body, reason):
    sample.put(COG, body)
    sample.put(COG.replace("001", "002"), old_cog(2))
    adopt(sample.archive)

    sample.run()

    rows = dict(sample.sql("SELECT source_key, coalesce(reason, state) FROM cogmill.frame"))
    assert rows == {COG: reason, COG.replace("001", "002"): "published"}
    assert adopt(sample.archive) == 0


def test_a_name_that_map_hosts_do_not_open_is_built_again_only(sample):
    sample.put(f"{COG}f", old_cog(1))
    sample.put(COG.replace("001.tif", "002.TIF"), old_cog(2))
    adopt(sample.archive)
    sample.run()
    assert dict(sample.sql("SELECT stem, coalesce(reason, state) FROM cogmill.frame")) == {
        "03-22-51_4-001": "not_as_it_is",
        "03-22-51_4-002": "published",
    }

    adopt(sample.archive, AdoptionRequest(Adoption.BUILT_AGAIN, prefix=f"{COG}f"))
    sample.run()

    assert sample.states() == ["published", "published"]


@pytest.mark.parametrize(
    "name", ["03-22-51_4-1'; DROP TABLE x.tif", "<b>.tif", "roll4/03-22-51_4-1.tif", "{{ 1 }}.tif"]
)
def test_odd_names_are_rejected_once_and_stop_no_other(sample, name):
    key = f"bw/Travis/USDA_1951/frames/cog/{name}"
    for each in (key, COG):
        sample.put(each, b"x")

    result = adoption.adopt(sample.archive, AS_IT_IS)

    assert (result.adopted, [frame.key for frame in result.first_rejected]) == (1, [key])
    assert adopt(sample.archive) == 0


def test_cogs_are_built_again_by_choice_and_stay_where_they_are(sample):
    sample.put(COG, old_cog())
    adopt(sample.archive)
    sample.run()

    assert adopt(sample.archive, AGAIN) == 1
    sample.run()

    ((state, source, made),) = sample.sql("SELECT state, source_key, cog_key FROM cogmill.frame")
    assert (state, source) == ("published", COG)
    assert made.startswith(COG.removesuffix(".tif"))
    assert keys.is_made_here(made)
    assert sample.sql("SELECT cog_key FROM cogmill.tile_index") == [(made,)]
    sample.sql("UPDATE cogmill.retired_cog SET retired_at = now() - interval '1 year'")
    collect(sample.archive)
    assert COG in sample.listed()
    assert adopt(sample.archive, AGAIN) == 0


def test_an_upload_takes_the_place_of_the_cog_that_was_adopted_for_want_of_it(sample):
    sample.put(COG, old_cog())
    adopt(sample.archive)
    sample.run()
    sample.put(UPLOAD, b"no raster")
    sample.run()
    # what cannot be built takes nothing off the map
    assert dict(sample.sql("SELECT source_key, state FROM cogmill.frame")) == {COG: "published", UPLOAD: "rejected"}
    assert sample.sql("SELECT cog_key FROM cogmill.tile_index") == [(COG,)]

    sample.put(UPLOAD, raster(np.random.default_rng(1).integers(60, 200, (64, 64), dtype=np.uint8), WEST, NORTH, 2))
    sample.run()

    assert dict(sample.sql("SELECT source_key, state FROM cogmill.frame")) == {COG: "withdrawn", UPLOAD: "published"}
    ((shown,),) = sample.sql("SELECT cog_key FROM cogmill.tile_index")
    assert keys.is_made_here(shown)
    assert COG in sample.listed()
    assert adopt(sample.archive) == 0


def test_a_cog_whose_upload_is_there_is_left_to_its_upload(sample):
    sample.put(COG, old_cog())
    sample.put(UPLOAD, raster(np.random.default_rng(1).integers(60, 200, (64, 64), dtype=np.uint8), WEST, NORTH, 2))
    sample.run()

    assert adopt(sample.archive) == 0
    assert adopt(sample.archive, AGAIN) == 0


@pytest.mark.parametrize("way", list(Adoption))
def test_a_cog_leaves_the_map_when_it_is_deleted(sample, way):
    for place in (1, 2):
        sample.put(COG.replace("001", f"00{place}"), old_cog(place))
    adopt(sample.archive, AdoptionRequest(way))
    sample.run()
    sample.delete(COG)
    at_once = replace(sample.archive, settings=sample.archive.settings.model_copy(update={"grace_hours": 0}))

    found = compare(at_once)
    assert {kind for kind, number in found.counts.items() if number} == {"source_missing", "scan_missing"}
    assert [(action.kind, action.subject) for action in remove(at_once)] == [("source_missing", COG)]
    sample.run()

    assert sample.sql("SELECT count(*) FROM cogmill.tile_index") == [(1,)]


def test_a_cog_that_somebody_replaces_is_looked_at_again(sample):
    sample.put(COG, old_cog(1))
    adopt(sample.archive)
    sample.run()
    sample.put(COG, old_cog(9))

    compare(sample.archive)
    assert [(action.kind, action.subject) for action in repair(sample.archive)] == [("adopted_changed", COG)]
    sample.run()

    assert sample.sql("SELECT state, etag FROM cogmill.frame") == [("published", sample.etag(COG))]
    assert compare(sample.archive).counts["adopted_changed"] == 0


def test_a_cog_that_reads_otherwise_is_looked_at_again_where_it_is(sample):
    sample.put(COG, old_cog())
    adopt(sample.archive)
    sample.run()
    sample.sql("UPDATE cogmill.frame SET cog_sha256 = %s", "0" * 64)

    assert [action.subject for action in audit(sample.archive).damaged] == [COG]
    assert sample.states() == ["arrived"]
    assert sample.listed("quarantine/") == []
    sample.run()

    assert sample.states() == ["published"]
    assert audit(sample.archive).damaged == []


def test_cogs_of_a_county_spelled_otherwise_belong_to_the_same_collection(sample):
    sample.put(COG, old_cog(1))
    sample.put(COG.replace("Travis", "TRAVIS").replace("001", "002"), old_cog(2))
    adopt(sample.archive)

    sample.run(Collection("Travis", "USDA", "1951", TRAVIS.product))

    assert sample.sql("SELECT collection_id, count(*) FROM cogmill.tile_index GROUP BY 1") == [(TRAVIS.id, 2)]
