from __future__ import annotations

import pytest
from cogmill.domain.errors import Unavailable, WrongSetting
from cogmill.domain.model import Bands, Collection, Product
from cogmill.maintenance.compare import compare
from cogmill.pipeline import backfill, build_cogs, ingest, withdraw
from cogmill.pipeline.backfill import Request

from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)
TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.FRAMES)
BROKEN = f"{PREFIX}georef/03-22-51_4-9.tif"


@pytest.fixture
def real(archive):
    """Two published frames, and one that was refused."""
    archive.upload_real(1)
    archive.upload_real(2)
    archive.put(BROKEN, b"no raster")
    archive.run()
    assert archive.states() == ["published", "published", "rejected"]
    return archive


def plan(archive, **request):
    return backfill.plan(archive.mill, Request(**request))


def run(archive, backfill_id="b1", **request):
    asked = Request(**request)
    batches = backfill.begin(archive.mill, backfill_id, asked, backfill.plan(archive.mill, asked))
    progress = [
        backfill.build(archive.mill, backfill_id, batch["frame_ids"], f"owner/{n}") for n, batch in enumerate(batches)
    ]
    return progress[-1]


def why(planned):
    return [(share.collection_id, share.frames, share.why.partition(":")[0]) for share in planned.shares]


def test_takes_only_rejected_and_failed_frames_unless_asked_for_more(real):
    planned = plan(real)

    assert why(planned) == [(TRAVIS.id, 1, "it was rejected (not_a_geotiff) and is looked at again")]
    assert "1 frames, 0.0 MB" in planned.text


def test_takes_published_frames_only_when_their_recipe_changed_or_by_force(real):
    assert why(plan(real, states=["published"])) == []
    assert why(plan(real, states=["published"], force=True)) == [(TRAVIS.id, 2, "by force")]

    changed = plan(real, states=["published"], profile="archive_zstd")

    assert why(changed) == [(TRAVIS.id, 2, "its COG was made by another recipe (profile, engine or GDAL)")]


def test_estimates_from_the_history_of_the_ledger(real):
    planned = plan(real, states=["everything"], force=True)

    (cpu_s,) = real.sql("SELECT sum(cpu_s) FROM cogmill.frame")[0]
    assert planned.has_history
    assert sum(share.cpu_s for share in planned.shares) == pytest.approx(cpu_s, rel=0.1)
    assert "CPU seconds" in planned.text


def test_says_that_times_are_unknown_without_a_history(archive):
    archive.upload()
    ingest.register(archive.mill)

    assert "time unknown" in plan(archive, states=["arrived"]).text


@pytest.mark.parametrize(
    ("request_", "frames"),
    [
        ({"collections": [TXDOT.id]}, 2),
        ({"prefix": PREFIX}, 3),
        ({"prefix": "bw/"}, 5),
        ({"limit": 1}, 1),
        ({"prefix": "%"}, 0),
    ],
)
def test_chooses_by_collection_prefix_and_limit(archive, request_, frames):
    archive.upload(TRAVIS, 3)
    archive.upload(TXDOT, 2)
    ingest.register(archive.mill)

    assert len(plan(archive, states=["arrived"], **request_).frames) == frames


def test_takes_frames_in_the_wanted_order(archive):
    for number, size in ((1, 3), (2, 1), (3, 2)):
        archive.upload(TRAVIS, 1, first=number, body=b"x" * size)
    ingest.register(archive.mill)

    assert [size for _, size in plan(archive, states=["arrived"], order="smallest first").frames] == [1, 2, 3]
    assert [size for _, size in plan(archive, states=["arrived"], order="by name").frames] == [3, 1, 2]


@pytest.mark.parametrize(
    "wrong", [{"states": ["lost"]}, {"order": "backwards"}, {"profile": "tiff"}, {"collections": ["nowhere"]}]
)
def test_names_what_is_wrong_in_a_request(archive, wrong):
    with pytest.raises(WrongSetting, match=r"allowed are"):
        plan(archive, **wrong)


def test_changes_nothing_by_planning(real):
    before = real.sql("SELECT * FROM cogmill.frame ORDER BY id"), real.listed()

    plan(real, states=["everything"], force=True)

    assert (real.sql("SELECT * FROM cogmill.frame ORDER BY id"), real.listed()) == before


def test_builds_with_another_profile_and_publishes_the_result(real):
    old = real.sql("SELECT cog_key FROM cogmill.frame WHERE state = 'published' ORDER BY id")

    progress = run(real, states=["published"], profile="archive_zstd")

    new = real.sql("SELECT cog_key FROM cogmill.frame WHERE state = 'published' ORDER BY id")
    assert (progress.done, progress.built) == (2, 2)
    assert len(set(old) | set(new)) == 4
    assert real.sql("SELECT count(*) FROM cogmill.retired_cog") == [(2,)]
    assert {k: n for k, n in compare(real.mill).counts.items() if n} == {"scan_missing": 2}


def test_uploads_nothing_when_a_forced_frame_is_the_same(real):
    before = {key for key in real.listed(PREFIX + "cog/") if "tile_index" not in key}

    progress = run(real, states=["published"], force=True)

    assert (progress.built, progress.unchanged) == (0, 2)
    assert {key for key in real.listed(PREFIX + "cog/") if "tile_index" not in key} == before
    assert real.states() == ["published", "published", "rejected"]


def test_takes_a_rejected_frame_in_once_it_can_be_read(real):
    first = run(real)
    assert (first.rejected, real.states()[2]) == (1, "rejected")

    body = real.mill.store.read(f"{PREFIX}georef/03-22-51_4-1.tif")
    real.put(BROKEN, body)
    real.sql(
        "UPDATE cogmill.frame SET etag = %s WHERE source_key = %s", real.etag(BROKEN), BROKEN
    )  # the ledger takes it for the version it refused

    assert run(real, "b2").built == 1
    assert real.states() == ["published"] * 3


def test_goes_on_where_a_killed_run_stopped_and_builds_nothing_twice(archive, monkeypatch):
    for number in range(1, 5):
        archive.upload_real(number)
    ingest.register(archive.mill)
    request = Request(states=["arrived"], order="by name")
    settings = archive.mill.settings.model_copy(update={"batch_frames": 1})
    mill = type(archive.mill)(archive.mill.store, archive.mill.ledger, settings)
    batches = backfill.begin(mill, "b1", request, backfill.plan(mill, request))
    assert len(batches) == 4
    puts = []
    create = type(mill.store).create
    monkeypatch.setattr(
        type(mill.store), "create", lambda self, key, *args: (puts.append(key), create(self, key, *args))[1]
    )
    backfill.build(mill, "b1", batches[0]["frame_ids"], "owner/0")

    def killed(*args, **kwargs):
        raise Unavailable("S3 is away")

    with monkeypatch.context() as patch:
        patch.setattr(backfill, "build_batch", killed)
        with pytest.raises(Unavailable):
            backfill.build(mill, "b1", batches[1]["frame_ids"], "owner/1")

    again = backfill.begin(mill, "b1", request, backfill.plan(mill, request))
    assert [batch["frame_ids"] for batch in again] == [batch["frame_ids"] for batch in batches[1:]]
    for number, batch in enumerate(again):
        progress = backfill.build(mill, "b1", batch["frame_ids"], f"owner/{number}")

    assert (progress.done, progress.built) == (4, 4)
    assert len(puts) == len(set(puts)) == 4
    assert archive.states() == ["published"] * 4
    assert backfill.begin(mill, "b1", request, backfill.plan(mill, request))[0]["frame_ids"] == []


def test_leaves_frames_to_whoever_builds_them_now(archive):
    archive.upload_real(1)
    ingest.register(archive.mill)
    (batch,) = build_cogs.plan(archive.mill, TRAVIS.id)
    batches = backfill.begin(
        archive.mill, "b1", Request(states=["arrived"]), backfill.plan(archive.mill, Request(states=["arrived"]))
    )
    archive.mill.ledger.frames.claim(batch["frame_ids"], "somebody else", 60)

    progress = backfill.build(archive.mill, "b1", batches[0]["frame_ids"], "owner/0")

    assert (progress.frames, progress.done) == (1, 0)
    assert archive.states() == ["building"]


def test_brings_no_doubles_and_no_service_back_that_was_withdrawn(real):
    real.put(f"{PREFIX}georef/03-22-51_4-1.TIF", b"x")
    ingest.register(real.mill)
    assert real.states() == ["rejected", "published", "published", "rejected"]

    assert sum(share.frames for share in plan(real, states=["rejected"]).shares) == 1
    ids = [number for (number,) in real.sql("SELECT id FROM cogmill.frame WHERE state = 'rejected' ORDER BY id")]
    real.mill.ledger.backfills.begin("b2", None, [(number, 1) for number in ids])
    assert real.mill.ledger.backfills.lend("b2", ids, "owner", 60) == ids[:1]

    real.sql("UPDATE cogmill.frame SET state = 'rejected', reason = 'no_crs' WHERE id = %s", ids[0])
    real.delete(f"mapfiles/{TRAVIS.id}.map")
    withdraw.unpublish(real.mill, TRAVIS.id)
    assert plan(real, states=["everything"]).frames == []
    assert real.sql("SELECT unpublished_at IS NOT NULL FROM cogmill.collection") == [(True,)]
