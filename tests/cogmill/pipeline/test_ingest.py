from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace

import pytest
from cogmill.config.settings import Settings
from cogmill.domain.errors import Reason, ServiceUnavailableError
from cogmill.pipeline import ingest

FRAMES = "bw/Travis/USDA_1951/frames/"
FRAME = FRAMES + "georef/03-22-51_4-173.tif"


@pytest.fixture
def put(archive, bucket):
    client, name = bucket
    return lambda key, body=b"x": client.put_object(Bucket=name, Key=key, Body=body)


def with_settings(archive, **changes):
    return replace(archive, settings=Settings(_env_file=None, bucket=archive.store.bucket, **changes))


def test_has_no_news_in_an_empty_bucket(archive):
    assert not ingest.has_new_uploads(archive)


def test_takes_in_a_frame_of_a_collection_never_seen_before(archive, put):
    put(FRAME)
    assert ingest.has_new_uploads(archive)

    taken = ingest.ingest_uploads(archive)

    assert (taken.collection_ids, taken.frames, taken.rejected) == (["travis_usda_1951_frames"], 1, [])
    assert not ingest.has_new_uploads(archive)
    assert ingest.ingest_uploads(archive).collection_ids == []


def test_fires_again_only_when_the_bytes_change(archive, put):
    put(FRAME)
    ingest.ingest_uploads(archive)

    put(FRAME)
    assert not ingest.has_new_uploads(archive)

    put(FRAME, b"other")
    assert ingest.has_new_uploads(archive)
    assert ingest.ingest_uploads(archive).collection_ids == ["travis_usda_1951_frames"]


@pytest.mark.parametrize(
    "name", ["03-22-51_4-17 4.tif", "03-22-51_4-17+4.tif", "03-22-51_4-17%204.tif", "03-22-51_4-Süd.tif"]
)
def test_takes_in_names_with_blanks_plus_percent_and_umlauts(archive, put, name):
    put(FRAMES + "georef/" + name)

    assert ingest.ingest_uploads(archive).frames == 1
    assert not ingest.has_new_uploads(archive)


def test_refuses_a_bad_name_alone_and_remembers_it(archive, put):
    put(FRAMES + "georef/picture.tif")
    put("rgb/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif")
    put(FRAME)

    taken = ingest.ingest_uploads(archive)

    assert taken.collection_ids == ["travis_usda_1951_frames"]
    assert {fault.reason for fault in taken.rejected} == {Reason.BAD_NAME, Reason.WRONG_FOLDER}
    assert len(taken.rejected) == 2
    assert not ingest.has_new_uploads(archive)


def test_leaves_out_and_names_a_key_that_the_ledger_cannot_hold(archive, put, caplog):
    put(FRAMES + "georef/03-22-51_4-1\0.tif")
    put(FRAMES + "scanned/\0.tif")
    put(FRAME)
    assert ingest.has_new_uploads(archive)

    taken = ingest.ingest_uploads(archive)

    assert (taken.collection_ids, taken.frames, taken.rejected) == (["travis_usda_1951_frames"], 1, [])
    assert "georef/03-22-51_4-1\\x00.tif'" in caplog.text
    assert "scanned/\\x00.tif'" in caplog.text
    assert "\0" not in caplog.text
    assert not ingest.has_new_uploads(archive)


def test_has_no_news_when_only_keys_came_that_the_ledger_cannot_hold(archive, put):
    put(FRAMES + "georef/03-22-51_4-1\0.tif")

    assert not ingest.has_new_uploads(archive)
    assert archive.ledger.uploads.watermark().known_until
    assert ingest.ingest_uploads(archive) == ingest.IngestResult([], 0, 0)


def test_names_the_later_of_two_files_that_differ_in_their_extension(archive, put):
    put(FRAME)
    ingest.ingest_uploads(archive)

    put(FRAME.replace(".tif", ".TIF"))

    (twin,) = ingest.ingest_uploads(archive).rejected
    assert (twin.reason, twin.detail) == (Reason.DUPLICATE_NAME, f"the same name as {FRAME}")
    assert not ingest.has_new_uploads(archive)


def test_waits_for_an_empty_object_to_settle_and_then_rejects_it(archive, put):
    put(FRAME, b"")
    assert not ingest.has_new_uploads(archive)

    impatient = with_settings(archive, settle_seconds=0)
    assert ingest.has_new_uploads(impatient)
    ingest.ingest_uploads(impatient)

    rejected = archive.ledger.collections.digest("travis_usda_1951_frames", "2000-01-01")["rejected"]
    assert [entry["reason"] for entry in rejected] == [Reason.EMPTY]


def test_takes_the_real_bytes_when_they_follow_the_empty_object(archive, put):
    put(FRAME, b"")
    ingest.has_new_uploads(archive)

    put(FRAME, b"real")

    assert ingest.ingest_uploads(archive).frames == 1


def test_ignores_what_nobody_uploaded_for_it(archive, put):
    for key in (
        FRAMES + "georef/",
        FRAMES + "georef/a.tfw",
        FRAMES + "cog/a.tif",
        "mapfiles/x.map",
        "overviews/a.tif",
        "a.jpg",
    ):
        put(key)

    assert not ingest.has_new_uploads(archive)


def test_opens_scans_to_the_public_only_when_configured(archive, put, bucket):
    client, name = bucket
    scan = FRAMES + "scanned/03-22-51_4-173.tif"

    def is_public():
        grants = client.get_object_acl(Bucket=name, Key=scan)["Grants"]
        return any(grant["Grantee"].get("URI", "").endswith("AllUsers") for grant in grants)

    put(scan)
    assert ingest.ingest_uploads(archive).scans == 1
    assert not is_public()

    put(scan, b"again")
    ingest.ingest_uploads(with_settings(archive, public_acl="public-read"))
    assert is_public()


def test_finds_by_a_full_sweep_what_is_dated_before_the_watermark(archive, put, database):
    import psycopg

    ingest.has_new_uploads(archive)
    put(FRAME)
    with psycopg.connect(**database) as connection:
        connection.execute("UPDATE cogmill.sweep SET watermark = now(), full_at = now()")
    assert not ingest.has_new_uploads(archive)

    with psycopg.connect(**database) as connection:
        connection.execute("UPDATE cogmill.sweep SET full_at = now() - interval '2 hours'")

    assert ingest.has_new_uploads(archive)


def test_pages_through_more_keys_than_one_listing_holds(archive, put):
    for number in range(1005):
        put(f"{FRAMES}georef/03-22-51_4-{number}.tif")

    assert ingest.ingest_uploads(archive).frames == 1005
    assert not ingest.has_new_uploads(archive)


def test_refuses_a_frame_whose_name_another_has_whichever_came_first(archive, put):
    put(FRAME, b"")
    ingest.ingest_uploads(archive)
    put(FRAME.replace(".tif", ".TIF"))
    ingest.ingest_uploads(archive)

    put(FRAME, b"better")
    taken = ingest.ingest_uploads(archive)

    assert [(frame.key, frame.reason) for frame in taken.rejected] == [(FRAME, Reason.DUPLICATE_NAME)]


def test_names_no_more_collections_than_airflow_can_map_over_and_the_rest_afterwards(archive, put, monkeypatch):
    monkeypatch.setattr(ingest, "MOST_COLLECTIONS", 3)
    for number in range(5):
        put(f"bw/C{number}/USDA_1951/frames/georef/03-22-51_4-1.tif")

    first, second = ingest.ingest_uploads(archive), ingest.ingest_uploads(archive)

    assert (len(first.collection_ids), len(second.collection_ids)) == (3, 2)
    assert len({*first.collection_ids, *second.collection_ids}) == 5
    assert not ingest.has_new_uploads(archive)


def test_opens_scans_to_the_public_before_it_forgets_them(archive, put, monkeypatch):
    public = with_settings(archive, public_acl="public-read")
    put(FRAMES + "scanned/03-22-51_4-173.tif")
    opened = []

    def refuse(key, acl):
        opened.append(key)
        raise ServiceUnavailableError("S3 went away")

    monkeypatch.setattr(archive.store, "set_acl", refuse)
    with pytest.raises(ServiceUnavailableError):
        ingest.ingest_uploads(public)
    monkeypatch.undo()

    assert opened
    assert ingest.has_new_uploads(public)


def test_opens_a_scan_again_when_the_same_bytes_were_uploaded_again(archive, put, monkeypatch):
    public = with_settings(archive, public_acl="public-read")
    scan = FRAMES + "scanned/03-22-51_4-173.tif"
    put(scan)
    ingest.ingest_uploads(public)
    assert not ingest.has_new_uploads(public)
    time.sleep(2)

    put(scan)
    ingest.ingest_uploads(public)

    grants = archive.store._client.get_object_acl(Bucket=archive.store.bucket, Key=scan)["Grants"]
    assert "READ" in [grant["Permission"] for grant in grants if "AllUsers" in grant["Grantee"].get("URI", "")]
    assert not ingest.has_new_uploads(public)


@pytest.mark.parametrize(("minutes", "rejected"), [(2, 0), (9, 0), (11, 1)])
def test_an_empty_object_has_ten_minutes_before_anybody_is_told(sample, monkeypatch, minutes, rejected):
    """s3fs writes an empty object first, and the copy of a large file takes longer than one minute."""
    sample.put("bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif", b"")
    pages = sample.archive.store.pages

    def later(**kwargs):
        age = dt.timedelta(
            minutes=minutes
        )  # of the object: a clock of the store that is ahead of the ledger's is not believed
        for page in pages(**kwargs):
            yield replace(page, objects=[replace(o, last_modified=o.last_modified - age) for o in page.objects])

    monkeypatch.setattr(sample.archive.store, "pages", later)

    assert len(ingest.ingest_uploads(sample.archive).rejected) == rejected


def test_takes_the_days_of_a_collection_file_where_names_tell_none(archive, put, tmp_path, database):
    (tmp_path / "ams_v23_frames.yaml").write_text("date: 1951-06..1952")
    (tmp_path / "travis_usda_1951_frames.yaml").write_text("date: 1951-02~")
    (tmp_path / "hays_usda_1951_frames.yaml").write_text("date: [")
    for key in (
        "bw/AMS_V23/frames/georef/x_17.tif",
        FRAME,
        FRAMES + "georef/x_4-1.tif",
        "bw/Hays/USDA_1951/frames/georef/x_4-2.tif",
    ):
        put(key)

    ingest.ingest_uploads(with_settings(archive, collections_dir=tmp_path))

    import psycopg

    with psycopg.connect(**database) as connection:
        rows = connection.execute(
            "SELECT frame_num, acquired_from::text, acquired_to::text FROM cogmill.frame"
        ).fetchall()
    assert sorted(rows) == [
        ("1", "1951-01-01", "1951-03-31"),
        ("17", "1951-06-01", "1952-12-31"),
        ("173", "1951-03-22", "1951-03-22"),
        ("2", "1951-01-01", "1951-12-31"),
    ]
