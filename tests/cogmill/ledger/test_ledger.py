from __future__ import annotations

import datetime as dt

import psycopg
import pytest
import shapely
from cogmill.domain.errors import InvalidFrameError, Reason, ServiceUnavailableError
from cogmill.domain.model import BuiltCog, Collection, Product, StoredObject
from cogmill.ledger import Ledger
from cogmill.ledger.frames import CogVersion
from cogmill.ledger.migrate import migrate

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
TRAVIS = Collection("Travis", "USDA", "1951", Product.FRAMES)
ROOT = "/vsis3/cogmill/"


@pytest.fixture
def ledger(database):
    ledger = Ledger.connect(**database)
    yield ledger
    ledger.close()


def frame_row(stem="03-22-51_4-173", etag="e1", extension="tif", **changes):
    key = f"bw/Travis/USDA_1951/frames/georef/{stem}.{extension}"
    row = {
        "collection_id": TRAVIS.id, "source_key": key, "bands": "bw", "stem": stem, "etag": etag, "size": 9,
        "uploaded_at": NOW, "state": "arrived", "date": "03-22-51", "roll": "4", "frame_num": "173", "scan_stem": stem,
        "acquired_from": dt.date(1951, 3, 22), "acquired_to": dt.date(1951, 3, 22),
    }  # fmt: skip
    return row | changes


def arrive(ledger, *rows):
    ledger.uploads.add_collections([TRAVIS])
    news, _ = ledger.uploads.ingest_frames(rows or [frame_row()])
    return news


def cog(size=100):
    wkb = shapely.to_wkb(shapely.box(0, 0, 10, 10))
    return BuiltCog("x.tif", size, "a" * 64, wkb, 10, 10, 1.0, "EPSG:26914", "none", 0.5, 1)


def index_row(frame_id, location):
    return {
        "oid": frame_id, "location": ROOT + location, "src_srs": "EPSG:3857", "date": "03-22-51", "roll": "4",
        "frame_num": "173", "dl_orig": None, "dl_georef": "http://x/c", "dl_index": "http://x/i", "acquired": None,
    }  # fmt: skip


def build(ledger, owner="run/1", digest="d1"):
    ids = [frame.id for frame in ledger.frames.due(TRAVIS.id, 100)]
    for job in ledger.frames.claim(ids, owner, 60):
        assert ledger.frames.mark_built(job, owner, CogVersion(f"cog/{job.id}.{digest}.tif", "s" * 64, "r"), cog())
    return [index_row(f.id, f.cog_key) for f in ledger.collections.index_candidates(TRAVIS.id)]


def given(rows):
    """Make the rows of the index that a test has made already."""
    return lambda candidates: rows


def test_changes_nothing_when_migrated_again(database):
    with psycopg.connect(**database) as connection:
        assert migrate(connection) == []


def test_knows_a_version_only_after_it_was_registered(ledger):
    upload = StoredObject(frame_row()["source_key"], "e1", 9, NOW)
    assert ledger.uploads.unknown([upload]) == {upload.key}

    assert arrive(ledger) == 1

    assert ledger.uploads.unknown([upload]) == set()
    assert ledger.uploads.unknown([StoredObject(upload.key, "e2", 9, NOW)]) == {upload.key}


def test_does_nothing_when_the_same_version_is_registered_ten_times(ledger):
    assert arrive(ledger) == 1
    build(ledger)

    assert [arrive(ledger) for _ in range(10)] == [0] * 10

    assert ledger.frames.due(TRAVIS.id, 100) == []


def test_rejects_the_later_of_two_names_that_differ_in_extension(ledger):
    arrive(ledger, frame_row())
    arrive(ledger, frame_row(extension="TIF"))

    assert len(ledger.frames.due(TRAVIS.id, 100)) == 1
    rejected = ledger.collections.digest(TRAVIS.id, NOW)["rejected"]
    assert [entry["reason"] for entry in rejected] == [Reason.DUPLICATE_NAME]


def test_leases_a_frame_to_one_owner_only(ledger):
    arrive(ledger)
    (frame,) = ledger.frames.due(TRAVIS.id, 100)

    assert len(ledger.frames.claim([frame.id], "run/1", 60)) == 1

    assert ledger.frames.claim([frame.id], "run/2", 60) == []
    assert len(ledger.frames.claim([frame.id], "run/1", 60)) == 1  # the retry of a killed try
    assert ledger.frames.due(TRAVIS.id, 100) == []


def test_frees_a_frame_when_its_lease_has_expired(ledger):
    arrive(ledger)
    (frame,) = ledger.frames.due(TRAVIS.id, 100)
    ledger.frames.claim([frame.id], "run/1", -1)

    assert [due.id for due in ledger.frames.due(TRAVIS.id, 100)] == [frame.id]
    assert len(ledger.frames.claim([frame.id], "run/2", 60)) == 1


def test_ignores_a_result_when_a_newer_upload_came_meanwhile(ledger):
    arrive(ledger)
    (frame,) = ledger.frames.due(TRAVIS.id, 100)
    (job,) = ledger.frames.claim([frame.id], "run/1", 60)
    arrive(ledger, frame_row(etag="e2"))

    assert not ledger.frames.mark_built(job, "run/1", CogVersion("cog/old.tif", "s", "r"), cog())
    assert not ledger.frames.mark_rejected(job, "run/1", InvalidFrameError(Reason.NO_CRS, "x"))

    assert [due.id for due in ledger.frames.due(TRAVIS.id, 100)] == [frame.id]


def test_waits_longer_after_each_failure(ledger):
    arrive(ledger)
    (frame,) = ledger.frames.due(TRAVIS.id, 100)
    (job,) = ledger.frames.claim([frame.id], "run/1", 60)

    ledger.frames.mark_failed(job, "run/1", "boom")

    assert ledger.frames.due(TRAVIS.id, 100) == []
    assert ledger.uploads.due_collections(300, 9) == []
    assert ledger.collections.digest(TRAVIS.id, NOW)["failed"][0]["detail"] == "boom"


def test_changes_the_index_once_for_the_same_rows(ledger):
    arrive(ledger)
    rows = build(ledger)

    assert ledger.collections.change_index(TRAVIS.id, given(rows)) == (1, 0)
    assert ledger.collections.change_index(TRAVIS.id, given(rows)) == (0, 0)

    assert ledger.collections.state(TRAVIS.id).revision == 1
    assert ledger.collections.service_facts(TRAVIS.id).xmax == 10


def test_keeps_the_old_cog_on_the_map_until_its_successor_is_indexed(ledger, database):
    arrive(ledger)
    ledger.collections.change_index(TRAVIS.id, given(build(ledger)))
    ledger.collections.mark_published(TRAVIS.id, 1, "hash")
    arrive(ledger, frame_row(etag="e2"))
    assert [row["location"] for row in ledger.collections.index_rows(TRAVIS.id, "bw")] == [ROOT + "cog/1.d1.tif"]

    ledger.collections.change_index(TRAVIS.id, given(build(ledger, "run/2", "d2")))

    assert [row["location"] for row in ledger.collections.index_rows(TRAVIS.id, "bw")] == [ROOT + "cog/1.d2.tif"]
    with psycopg.connect(**database) as connection:
        assert connection.execute("SELECT key FROM cogmill.retired_cog").fetchall() == [("cog/1.d1.tif",)]


def test_says_when_a_service_changed_last_and_not_when_it_was_looked_at(ledger, database):
    def published() -> object:
        with psycopg.connect(**database) as connection:
            return connection.execute("SELECT published_at FROM cogmill.collection").fetchone()

    arrive(ledger)
    ledger.collections.change_index(TRAVIS.id, given(build(ledger)))
    ledger.collections.mark_published(TRAVIS.id, 1, "hash")
    first = published()

    ledger.collections.mark_published(TRAVIS.id, 1, "hash")
    again = published()
    ledger.collections.mark_published(TRAVIS.id, 1, "other hash")

    assert first == again
    assert published() > again


def test_offers_a_published_frame_again_when_its_scan_comes_late(ledger):
    arrive(ledger)
    ledger.collections.change_index(TRAVIS.id, given(build(ledger)))
    assert ledger.collections.mark_published(TRAVIS.id, 1, "hash") == 1
    assert ledger.collections.index_candidates(TRAVIS.id) == []
    ledger.uploads.mark_triggered([TRAVIS.id])

    scan = {"key": "bw/Travis/USDA_1951/frames/scanned/03-22-51_4-173.TIF", "collection_id": TRAVIS.id, "bands": "bw"}
    ledger.uploads.ingest_scans([scan | {"stem": "03-22-51_4-173", "etag": "s", "size": 1, "uploaded_at": NOW}])

    (candidate,) = ledger.collections.index_candidates(TRAVIS.id)
    assert candidate.scan_key.endswith(".TIF")
    assert ledger.uploads.due_collections(300, 9) == [TRAVIS.id]


def test_asks_for_a_collection_once_and_again_when_the_run_got_lost(ledger):
    arrive(ledger)
    assert ledger.uploads.due_collections(300, 9) == [TRAVIS.id]

    ledger.uploads.mark_triggered([TRAVIS.id])

    assert ledger.uploads.due_collections(300, 9) == []
    assert ledger.uploads.due_collections(0, 9) == [TRAVIS.id]


def test_lets_the_reader_see_the_index_and_nothing_else(ledger, database):
    with psycopg.connect(**database | {"user": "cogmill_reader"}, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM cogmill.tile_index").fetchone() == (0,)
        for statement in ("SELECT * FROM cogmill.frame", "DELETE FROM cogmill.tile_index", "CREATE TABLE x (y int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_lets_the_writer_do_the_whole_work(database):
    ledger = Ledger.connect(**database | {"user": "cogmill_writer"})

    arrive(ledger)

    assert ledger.collections.change_index(TRAVIS.id, given(build(ledger))) == (1, 0)
    ledger.close()


def test_says_unavailable_when_the_database_is_away(ledger, postgres):
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cogmill'")

    with pytest.raises(ServiceUnavailableError, match="ledger"):
        ledger.collections.all()
    with pytest.raises(ServiceUnavailableError, match="ledger"):
        Ledger.connect(host="127.0.0.1", port=1, dbname="x")


def test_who_verifies_a_service_connects_as_safely_as_the_ledger(database, tmp_path, monkeypatch) -> None:
    certificates = {
        "sslrootcert": str(tmp_path / "ca.pem"),
        "sslcert": str(tmp_path / "me.pem"),
        "sslkey": str(tmp_path / "me.key"),
    }
    ledger = Ledger.connect(**database, **certificates, channel_binding="disable")
    entry = ledger.service_entry()
    ledger.close()

    (tmp_path / "pg_service.conf").write_text(
        "\n".join(["[cogmill]", *(f"{name}={value}" for name, value in entry.items())])
    )
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "pg_service.conf"))
    with psycopg.connect(service="cogmill") as reader:
        given = reader.info.get_parameters()

    assert certificates.items() <= given.items()
    assert given["channel_binding"] == "disable"
    assert Ledger.connect(**database | {"sslmode": "disable"}).service_entry()["sslmode"] == "disable"
    with pytest.raises(ServiceUnavailableError):
        Ledger.connect(**entry | {"sslmode": "verify-full"})


def test_the_environment_decides_how_the_server_is_verified_where_the_connection_does_not(
    database, monkeypatch
) -> None:
    ledger = Ledger.connect(**database)
    monkeypatch.setenv("PGSSLMODE", "allow")
    monkeypatch.setenv("PGSSLROOTCERT", "")  # as roles write it where there is none
    told = Ledger.connect(**database)

    assert "sslmode" not in ledger.service_entry()
    assert told.service_entry()["sslmode"] == "allow"
    assert told.service_entry().get("sslrootcert", "") == ""
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    with pytest.raises(ServiceUnavailableError):
        Ledger.connect(**database)
