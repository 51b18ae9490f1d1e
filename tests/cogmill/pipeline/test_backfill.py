from __future__ import annotations

import pytest
from cogmill.cog.fingerprint import build_fingerprint, recipe_digest
from cogmill.cog.profiles import default_profile
from cogmill.domain.errors import ConfigurationError, ServiceUnavailableError
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands, Collection, Product
from cogmill.maintenance.compare import compare
from cogmill.pipeline import backfill, ingest, withdraw
from cogmill.pipeline.backfill import BackfillRequest
from cogmill.pipeline.batches import plan_batches

from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)
TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.FRAMES)
BROKEN = f"{PREFIX}georef/03-22-51_4-9.tif"


@pytest.fixture
def real(sample):
    """Two published frames, and one that was refused."""
    sample.upload_real(1)
    sample.upload_real(2)
    sample.put(BROKEN, b"no raster")
    sample.run()
    assert sample.states() == ["published", "published", "rejected"]
    return sample


def plan(sample, **request):
    return backfill.plan(sample.archive, BackfillRequest(**request))


def run(sample, backfill_id="b1", **request):
    asked = BackfillRequest(**request)
    batches = backfill.begin(sample.archive, backfill_id, asked, backfill.plan(sample.archive, asked))
    progress = [
        backfill.build(sample.archive, backfill_id, batch["frame_ids"], f"owner/{n}") for n, batch in enumerate(batches)
    ]
    return progress[-1]


def why(planned):
    return [(share.collection_id, share.frames, share.why.partition(":")[0]) for share in planned.shares]


def test_takes_only_rejected_and_failed_frames_unless_asked_for_more(real):
    planned = plan(real)

    assert why(planned) == [(TRAVIS.id, 1, "it was rejected (not_a_geotiff) and is looked at again")]
    assert "1 frames, 0.0 MB" in planned.text


def test_takes_the_rejected_of_some_reasons_and_keys(real):
    taken = [(TRAVIS.id, 1, "it was rejected (not_a_geotiff) and is looked at again")]

    for request in ({"reasons": ["not_a_geotiff"]}, {"contains": "51_4-9.TIF"}):
        assert why(plan(real, **request)) == taken
    for request in ({"reasons": ["truncated"]}, {"contains": "51_4-8"}):
        assert why(plan(real, **request)) == []
    # its upload is gone: building it again could only fail
    real.sql("INSERT INTO cogmill.finding (kind, subject) VALUES ('rejected_gone', %s)", BROKEN)
    assert why(plan(real)) == []


def test_takes_published_frames_only_when_their_recipe_changed_or_by_force(real):
    assert why(plan(real, states=["published"])) == []
    assert why(plan(real, states=["published"], force=True)) == [(TRAVIS.id, 2, "by force")]

    changed = plan(real, states=["published"], profile="archive_zstd")

    assert why(changed) == [
        (
            TRAVIS.id,
            2,
            "its COG was made with another build fingerprint (profile, engine, GDAL, or a library or grid below it)",
        )
    ]


def test_estimates_from_the_history_of_the_ledger(real):
    planned = plan(real, states=["everything"], force=True)

    (cpu_s,) = real.sql("SELECT sum(cpu_s) FROM cogmill.frame")[0]
    assert planned.has_history
    assert sum(share.cpu_s for share in planned.shares) == pytest.approx(cpu_s, rel=0.1)
    assert "CPU seconds" in planned.text


def test_says_that_times_are_unknown_without_a_history(sample):
    sample.upload()
    ingest.ingest_uploads(sample.archive)

    assert "time unknown" in plan(sample, states=["arrived"]).text


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
def test_chooses_by_collection_prefix_and_limit(sample, request_, frames):
    sample.upload(TRAVIS, 3)
    sample.upload(TXDOT, 2)
    ingest.ingest_uploads(sample.archive)

    assert len(plan(sample, states=["arrived"], **request_).frames) == frames


def test_takes_frames_in_the_wanted_order(sample):
    for number, size in ((1, 3), (2, 1), (3, 2)):
        sample.upload(TRAVIS, 1, first=number, body=b"x" * size)
    ingest.ingest_uploads(sample.archive)

    assert [size for _, size in plan(sample, states=["arrived"], order="smallest first").frames] == [1, 2, 3]
    assert [size for _, size in plan(sample, states=["arrived"], order="by name").frames] == [3, 1, 2]


@pytest.mark.parametrize(
    "wrong", [{"states": ["lost"]}, {"order": "backwards"}, {"profile": "tiff"}, {"collections": ["nowhere"]}]
)
def test_names_what_is_wrong_in_a_request(sample, wrong):
    with pytest.raises(ConfigurationError, match=r"allowed are"):
        plan(sample, **wrong)


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
    assert {k: n for k, n in compare(real.archive).counts.items() if n} == {"scan_missing": 2}


def test_uploads_nothing_when_a_forced_frame_is_the_same(real):
    before = {key for key in real.listed(PREFIX + "cog/") if "tile_index" not in key}

    progress = run(real, states=["published"], force=True)

    assert (progress.built, progress.unchanged) == (0, 2)
    assert {key for key in real.listed(PREFIX + "cog/") if "tile_index" not in key} == before
    assert real.states() == ["published", "published", "rejected"]


def test_takes_a_rejected_frame_in_once_it_can_be_read(real):
    first = run(real)
    assert (first.rejected, real.states()[2]) == (1, "rejected")

    body = real.archive.store.read(f"{PREFIX}georef/03-22-51_4-1.tif")
    real.put(BROKEN, body)
    real.sql(
        "UPDATE cogmill.frame SET etag = %s, size = %s WHERE source_key = %s", real.etag(BROKEN), len(body), BROKEN
    )  # the ledger takes it for the version it refused

    assert run(real, "b2").built == 1
    assert real.states() == ["published"] * 3


def test_goes_on_where_a_killed_run_stopped_and_builds_nothing_twice(sample, monkeypatch):
    for number in range(1, 5):
        sample.upload_real(number)
    ingest.ingest_uploads(sample.archive)
    request = BackfillRequest(states=["arrived"], order="by name")
    settings = sample.archive.settings.model_copy(update={"batch_frames": 1})
    archive = type(sample.archive)(sample.archive.store, sample.archive.ledger, settings)
    batches = backfill.begin(archive, "b1", request, backfill.plan(archive, request))
    assert len(batches) == 4
    puts = []
    create = type(archive.store).create
    monkeypatch.setattr(
        type(archive.store), "create", lambda self, key, *args: (puts.append(key), create(self, key, *args))[1]
    )
    backfill.build(archive, "b1", batches[0]["frame_ids"], "owner/0")

    def killed(*args, **kwargs):
        raise ServiceUnavailableError("S3 is away")

    with monkeypatch.context() as patch:
        patch.setattr(backfill, "build_batch", killed)
        with pytest.raises(ServiceUnavailableError):
            backfill.build(archive, "b1", batches[1]["frame_ids"], "owner/1")

    again = backfill.begin(archive, "b1", request, backfill.plan(archive, request))
    assert [batch["frame_ids"] for batch in again] == [batch["frame_ids"] for batch in batches[1:]]
    for number, batch in enumerate(again):
        progress = backfill.build(archive, "b1", batch["frame_ids"], f"owner/{number}")

    assert (progress.done, progress.built) == (4, 4)
    assert len(puts) == len(set(puts)) == 4
    assert sample.states() == ["published"] * 4
    assert backfill.begin(archive, "b1", request, backfill.plan(archive, request))[0]["frame_ids"] == []


def test_leaves_frames_to_whoever_builds_them_now(sample):
    sample.upload_real(1)
    ingest.ingest_uploads(sample.archive)
    (batch,) = plan_batches(sample.archive, TRAVIS.id)
    batches = backfill.begin(
        sample.archive,
        "b1",
        BackfillRequest(states=["arrived"]),
        backfill.plan(sample.archive, BackfillRequest(states=["arrived"])),
    )
    sample.archive.ledger.frames.claim(batch["frame_ids"], "somebody else", 60)

    progress = backfill.build(sample.archive, "b1", batches[0]["frame_ids"], "owner/0")

    assert (progress.frames, progress.done) == (1, 0)
    assert sample.states() == ["building"]


def test_brings_no_doubles_and_no_service_back_that_was_withdrawn(real):
    real.put(f"{PREFIX}georef/03-22-51_4-1.TIF", b"x")
    ingest.ingest_uploads(real.archive)
    assert real.states() == ["rejected", "published", "published", "rejected"]

    assert sum(share.frames for share in plan(real, states=["rejected"]).shares) == 1
    ids = [number for (number,) in real.sql("SELECT id FROM cogmill.frame WHERE state = 'rejected' ORDER BY id")]
    real.archive.ledger.backfills.begin("b2", None, [(number, 1) for number in ids])
    assert real.archive.ledger.backfills.requeue("b2", ids, "owner", 60) == ids[:1]

    real.sql("UPDATE cogmill.frame SET state = 'rejected', reason = 'no_crs' WHERE id = %s", ids[0])
    real.delete(f"mapfiles/{TRAVIS.id}.map")
    withdraw.unpublish(real.archive, TRAVIS.id)
    assert plan(real, states=["everything"]).frames == []
    assert real.sql("SELECT unpublished_at IS NOT NULL FROM cogmill.collection") == [(True,)]


def test_frames_whose_fingerprint_is_of_the_former_form_are_left_alone_until_somebody_insists(sample):
    """The form of the fingerprint grew; 10,000 COGs that are right must not be built again for that."""
    sample.upload_real(1)
    sample.run()
    profile = default_profile(Bands.BW, TRAVIS.product)
    sample.sql("UPDATE cogmill.frame SET recipe = %s", recipe_digest(profile))
    cogs = [key for key in sample.listed() if "/cog/03-" in key]

    def planned(**request):
        return len(backfill.plan(sample.archive, backfill.BackfillRequest(states=["everything"], **request)).frames)

    sample.run()
    assert not ingest.has_new_uploads(sample.archive)
    assert [key for key in sample.listed() if "/cog/03-" in key] == cogs
    counts = compare(sample.archive).counts
    assert {kind for kind, count in counts.items() if count} <= {"scan_missing"}
    assert (planned(), planned(force=True), planned(profile="archive_zstd")) == (0, 1, 1)

    request = backfill.BackfillRequest(states=["published"], force=True)
    (batch,) = backfill.begin(sample.archive, "b", request, backfill.plan(sample.archive, request))
    backfill.build(sample.archive, "b", batch["frame_ids"], "me")
    assert sample.sql("SELECT recipe, state FROM cogmill.frame") == [(build_fingerprint(profile), "published")]


NOWHERE = (10.0, 50.0, 11.0, 51.0)


def rejected_by_a_setting(sample):
    """A frame that was rejected only because a setting of ours was wrong; its key."""
    key = sample.upload_real(1)
    wrong = sample.archive.with_settings(area=Bounds4326(*NOWHERE))
    type(sample)(wrong, sample.client, sample.libpq).run()
    assert sample.sql("SELECT state, reason FROM cogmill.frame") == [("rejected", "outside_area")]
    return key


def test_retry_takes_a_frame_that_was_rejected_by_a_setting_of_ours(sample):
    key = rejected_by_a_setting(sample)

    run(sample, states=["rejected"], prefix=key)

    assert sample.states() == ["published"]


def test_the_same_file_uploaded_again_is_looked_at_again_when_it_was_rejected(sample):
    key = rejected_by_a_setting(sample)
    assert not ingest.has_new_uploads(sample.archive)
    sample.sql("UPDATE cogmill.frame SET uploaded_at = uploaded_at - interval '2 seconds'")

    sample.put(key, sample.archive.store.read(key))
    assert ingest.has_new_uploads(sample.archive)
    sample.run()

    assert sample.states() == ["published"]
