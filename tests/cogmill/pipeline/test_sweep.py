"""What a sweep believes of an answer, and what looking at the bucket may cost."""

from __future__ import annotations

import datetime as dt
import time
from email.utils import format_datetime

import pytest
from cogmill.domain.screening import derived_folder, is_upload
from cogmill.ledger.uploads import SweepProgress
from cogmill.pipeline import ingest
from cogmill.pipeline.discovery import sweep
from cogmill.pipeline.discovery.sweep import MOST_DEBT_S

FRAMES = "bw/Travis/USDA_1951/frames/"
IN_400_DAYS = dt.timedelta(days=400)
POKE_S = 5


@pytest.fixture
def listings(sample):
    """The parameters of each LIST request."""
    asked = []
    sample.client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: asked.append(params)
    )
    return asked


def upload(sample, number=1):
    sample.put(f"{FRAMES}georef/03-22-51_4-{number}.tif")


def later(sample, seconds):
    sample.sql("UPDATE cogmill.sweep SET counted_at = counted_at - make_interval(secs => %s)", seconds)


def with_budget(sample, per_hour, **changes):
    return sample.archive.with_settings(list_requests_per_hour=per_hour, **changes)


def test_one_answer_with_a_wrong_clock_makes_nobody_blind(sample):
    def ahead(parsed, **_):
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = format_datetime(dt.datetime.now(dt.UTC) + IN_400_DAYS)
        for entry in parsed.get("Contents", []):
            entry["LastModified"] += IN_400_DAYS

    upload(sample)
    events = sample.client.meta.events
    events.register("after-call.s3.ListObjectsV2", ahead)
    ingest.ingest_uploads(sample.archive)
    events.unregister("after-call.s3.ListObjectsV2", ahead)
    assert sample.archive.ledger.uploads.watermark().known_until < dt.datetime.now(dt.UTC)
    upload(sample, 2)

    assert ingest.has_new_uploads(sample.archive)
    assert ingest.ingest_uploads(sample.archive).frames == 1


def test_an_empty_object_is_not_rejected_early_because_of_a_wrong_clock(sample):
    def ahead(parsed, **_):
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = format_datetime(dt.datetime.now(dt.UTC) + IN_400_DAYS)

    sample.put(f"{FRAMES}georef/03-22-51_4-1.tif", b"")
    sample.client.meta.events.register("after-call.s3.ListObjectsV2", ahead)

    assert not ingest.has_new_uploads(sample.archive)


def test_a_watermark_that_is_ahead_heals_by_itself(sample):
    ingest.ingest_uploads(sample.archive)
    sample.sql("UPDATE cogmill.sweep SET watermark = now() + interval '2 years', full_at = now() + interval '2 years'")
    sample.sql("UPDATE cogmill.sweep SET counted_at = now() + interval '2 years', debt_s = 1e9")
    upload(sample)

    assert ingest.has_new_uploads(sample.archive)
    assert ingest.ingest_uploads(sample.archive).frames == 1
    assert sample.sql("SELECT watermark <= now(), full_at <= now(), counted_at <= now() FROM cogmill.sweep") == [
        (True, True, True)
    ]


def test_the_watermark_stays_behind_the_newest_object(sample):
    upload(sample)
    ingest.ingest_uploads(sample.archive)

    (newest,) = [o.last_modified for page in sample.archive.store.pages() for o in page.objects]
    margin = dt.timedelta(seconds=sample.archive.settings.watermark_margin_seconds)
    assert sample.archive.ledger.uploads.watermark().known_until <= newest - margin


def test_an_hour_of_looking_stays_within_the_budget(sample, listings):
    archive = with_budget(sample, 60)
    pauses, since, begun = [], 0, time.monotonic()
    for _ in range(3600 // POKE_S):
        before = len(listings)
        ingest.has_new_uploads(archive)
        later(sample, POKE_S)
        since = 0 if len(listings) > before else since + POKE_S
        pauses.append(since)

    passed_s = 3600 + time.monotonic() - begun  # the checks themselves take time, on a busy machine minutes
    assert 58 <= len(listings) <= passed_s / 60 + MOST_DEBT_S / 60 + 1
    assert max(pauses) <= 60


def test_a_small_bucket_is_listed_at_every_check(sample, listings):
    for _ in range(10):
        ingest.has_new_uploads(sample.archive)
        later(sample, POKE_S)

    assert len(listings) == 10


def test_what_was_seen_is_ingested_whatever_the_budget_says(sample, listings):
    archive = with_budget(sample, 1)
    upload(sample)

    assert ingest.has_new_uploads(archive)
    assert ingest.ingest_uploads(archive).frames == 1
    upload(sample, 2)
    assert not ingest.has_new_uploads(archive)
    assert ingest.ingest_uploads(archive).frames == 0
    assert len(listings) == 2

    later(sample, 2 * 3600)
    assert ingest.has_new_uploads(archive)


def test_a_sweep_that_is_cut_short_is_paid_and_made_up_for(sample, monkeypatch):
    upload(sample)
    archive = with_budget(sample, 1)

    def fail(objects):
        raise RuntimeError("killed")

    monkeypatch.setattr(archive.ledger.uploads, "unknown", fail)
    with pytest.raises(RuntimeError):
        ingest.ingest_uploads(archive)
    monkeypatch.undo()

    account = archive.ledger.uploads.listing_account()
    assert account.wanted
    assert 3500 < account.debt_s <= 3600
    assert ingest.ingest_uploads(archive).frames == 1
    assert not archive.ledger.uploads.listing_account().wanted


def test_passes_over_folders_without_uploads_and_over_nothing_else(sample, listings):
    derived = [f"{FRAMES}cog/{name}.tif" for name in ("a", "ü", "\U0001f600", *range(30))]
    derived += [f"{FRAMES}cog/tile_index/{n}.shp" for n in range(6)] + [f"mapfiles/{n}.map" for n in range(25)]
    others = [f"{FRAMES}cog-old/x.tif", f"{FRAMES}cog.tif", f"{FRAMES}cog0.tif", f"{FRAMES}cogs/x.tif", "mapfiles0.tif"]
    others += [f"{FRAMES}georef/03-22-51_4-{n}.tif" for n in range(15)] + ["catalog/x.tif", "nc/x.tif", "x.tif"]
    for key in derived + others:
        sample.put(key)
    sample.client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 4}
    )
    flat = sample.listed()
    flat_requests, seen = len(listings), set()
    for page in sample.archive.store.pages(skip=derived_folder):
        seen |= {stored.key for stored in page.objects}

    assert sorted(flat) == sorted(derived + others)
    assert set(others) <= seen
    assert {key for key in flat if is_upload(key)} <= seen
    assert len(listings) - flat_requests < flat_requests * 0.6


@pytest.fixture
def one_page_a_part(sample, monkeypatch):
    """Three keys to a page, and every part of a sweep ends with its first page."""
    monkeypatch.setattr(sweep, "PART_S", 0.0)
    sample.client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 3}
    )


def parts_until_done(archive):
    """Make parts of a sweep until it is over; return what each ingested."""
    frames = [ingest.ingest_uploads(archive).frames]
    while archive.ledger.uploads.listing_account().wanted:
        frames.append(ingest.ingest_uploads(archive).frames)
    return frames


def test_parts_of_a_sweep_find_every_upload_once_at_the_price_of_a_whole_one(sample, listings, one_page_a_part):
    for number in range(8):
        upload(sample, number)
    archive = with_budget(sample, 1)  # what has begun goes on all the same

    assert parts_until_done(archive) == [3, 3, 2]
    assert len(listings) == 3
    assert archive.ledger.uploads.watermark().known_until is not None
    assert archive.ledger.uploads.sweep_progress() is None
    assert not ingest.has_new_uploads(archive)


def test_a_check_goes_on_where_the_one_before_has_stopped(sample, listings, one_page_a_part):
    for number in range(7):
        upload(sample, number)
    parts_until_done(sample.archive)
    sample.sql("UPDATE cogmill.collection SET triggered_at = now()")
    upload(sample, 9)
    before = len(listings)

    found = [ingest.has_new_uploads(sample.archive) for _ in range(3)]

    assert found == [False, False, True]
    assert ingest.ingest_uploads(sample.archive).frames == 1
    assert len(listings) - before == 4
    assert not sample.archive.ledger.uploads.listing_account().wanted


def test_an_upload_behind_the_position_of_a_sweep_is_found_by_the_next(sample, one_page_a_part):
    for number in range(3, 9):
        upload(sample, number)
    assert ingest.ingest_uploads(sample.archive).frames == 3
    upload(sample, 1)

    assert parts_until_done(sample.archive)[0] == 3
    assert sum(parts_until_done(sample.archive)) == 1


def test_a_killed_part_is_made_again(sample, one_page_a_part, monkeypatch):
    for number in range(6):
        upload(sample, number)
    ingest.ingest_uploads(sample.archive)

    def fail(rows):
        raise RuntimeError("killed")

    monkeypatch.setattr(sample.archive.ledger.uploads, "ingest_frames", fail)
    with pytest.raises(RuntimeError):
        ingest.ingest_uploads(sample.archive)
    monkeypatch.delattr(sample.archive.ledger.uploads, "ingest_frames")

    assert sum(parts_until_done(sample.archive)) == 3


def test_any_key_can_be_the_position_of_a_sweep(sample):
    now = sample.archive.ledger.uploads.listing_account().moment
    for key in ("bw/x\0y.tif", "bw/\ud800.tif", "bw/😀'; --.tif"):
        progress = SweepProgress(now, full=True, reached=key, newest=now)
        sample.archive.ledger.uploads.save_sweep(progress)

        assert sample.archive.ledger.uploads.sweep_progress() == progress
