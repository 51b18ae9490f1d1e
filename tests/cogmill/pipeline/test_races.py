"""Two workers that meet at the worst moment, forced: real ledger, a connection each."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from cogmill.aws.s3 import S3Store
from cogmill.domain import keys
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.maintenance.cleanup import collect
from cogmill.pipeline import build_cogs, ingest, publish
from cogmill.pipeline.by_hand.rollback import rollback

from tests.conftest import wait_until
from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)


@pytest.fixture
def other(archive, database):
    """The same archive, as a second worker has it."""
    ledger = Ledger.connect(**database | {"user": "cogmill_writer"})
    yield replace(archive, ledger=ledger)
    ledger.close()


def index(sample):
    rows = "SELECT f.source_key, f.state, t.cog_key = f.cog_key FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid"
    return sample.sql(f"{rows} ORDER BY 1")


def meanwhile(monkeypatch, act):
    """Let another worker act after candidates were read, and before their rows are written."""
    values, done = publish._values, []

    def late(row):
        if not done:
            done.append(act())
        return values(row)

    monkeypatch.setattr(publish, "_values", late)


def built(sample):
    """Three frames with a COG, none of them on the map; the keys of their uploads."""
    uploads = sample.upload()
    ingest.ingest_uploads(sample.archive)
    sample.build()
    return uploads


def test_a_frame_that_is_withdrawn_while_rows_are_made_does_not_come_back(sample, other, monkeypatch):
    gone, *staying = built(sample)
    meanwhile(monkeypatch, lambda: other.ledger.findings.withdraw_frames([gone], "the upload was deleted"))

    publish.update_tile_index(sample.archive, TRAVIS.id)

    assert index(sample) == [(key, "built", True) for key in staying]
    assert sample.sql("SELECT * FROM cogmill.retired_cog") == [], (
        "and no COG of theirs was put on the list for deletion"
    )


def test_a_collection_that_is_unpublished_while_rows_are_made_stays_away(sample, other, monkeypatch):
    built(sample)
    meanwhile(monkeypatch, lambda: other.ledger.findings.unpublish(TRAVIS.id))

    publish.update_tile_index(sample.archive, TRAVIS.id)

    assert index(sample) == []


def test_an_older_cog_does_not_take_the_row_of_a_newer_one(sample, other, monkeypatch):
    sample.published()
    first = sample.upload(frames=1, body=b"second version")
    ingest.ingest_uploads(sample.archive)
    sample.build()

    def build_anew():
        sample.upload(frames=1, body=b"third version")
        ingest.ingest_uploads(other)
        replace(sample, archive=other).build()

    meanwhile(monkeypatch, build_anew)
    publish.update_tile_index(sample.archive, TRAVIS.id)
    monkeypatch.undo()
    publish.update_tile_index(other, TRAVIS.id)

    assert [right for key, _, right in index(sample) if key in first] == [True]


def test_candidates_are_read_after_whoever_changes_the_index_is_done(sample, other, monkeypatch):
    built(sample)
    reading, go_on = threading.Event(), threading.Event()
    values = publish._values

    def slow(row):
        reading.set()
        assert go_on.wait(60)
        return values(row)

    monkeypatch.setattr(publish, "_values", slow)
    read = []
    candidates = type(other.ledger.collections).index_candidates
    monkeypatch.setattr(
        other.ledger.collections,
        "index_candidates",
        lambda *args: read.append(1) or candidates(other.ledger.collections, *args),
    )
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(publish.update_tile_index, sample.archive, TRAVIS.id)
        assert reading.wait(60)
        second = pool.submit(publish.update_tile_index, other, TRAVIS.id)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: sample.sql(waiting) == [(1,)], "the second")
        assert read == []
        go_on.set()
        assert first.result().written == 3
        assert second.result().written == 0


def cogs(sample):
    return sorted(key for key in sample.listed() if "/cog/03-" in key)


def retired(sample):
    """A real frame whose first COG is to be deleted; its key, and the bytes of its upload."""
    upload = sample.upload_real(1)
    sample.run(overviews=False)
    body, (first,) = sample.archive.store.read(upload), cogs(sample)
    sample.upload_real(1, seed=2)
    sample.run(overviews=False)
    sample.sql("UPDATE cogmill.retired_cog SET retired_at = '2020-01-01'")
    sample.put(upload, body)
    return first


def come_back(sample, archive):
    """The former bytes come again, and are built."""
    ingest.ingest_uploads(archive)
    (frame,) = archive.ledger.frames.due(TRAVIS.id, 10)
    return build_cogs.build_batch(archive, [frame.id], "run/back")


def test_garbage_collection_spares_a_cog_that_came_back_after_its_list_was_read(sample, other, monkeypatch):
    first = retired(sample)
    due = sample.archive.ledger.findings.due_retired

    def late(*args):
        listed = due(*args)
        assert come_back(sample, other).built == 1
        return listed

    monkeypatch.setattr(sample.archive.ledger.findings, "due_retired", late)

    assert collect(sample.archive).cogs == []
    assert first in cogs(sample)
    assert sample.sql("SELECT cog_key, state FROM cogmill.frame") == [(first, "built")]


def test_a_cog_that_is_deleted_while_its_frame_is_about_to_be_recorded_is_built_again(sample, other, monkeypatch):
    """The builder finds the COG in the bucket, and only then it is deleted."""
    first = retired(sample)
    create = S3Store.create

    def late(store, key, *args):
        stored = create(store, key, *args)
        if key == first:
            monkeypatch.undo()
            assert collect(other).cogs == [first]
        return stored

    monkeypatch.setattr(S3Store, "create", late)

    result = come_back(sample, sample.archive)

    assert (result.built, result.failed) == (0, [])
    assert sample.states() == ["arrived"]
    sample.run(overviews=False)
    assert sample.states() == ["published"]
    assert first in cogs(sample)
    assert index(sample)[0][2]


def test_a_frame_waits_to_be_recorded_until_the_deletion_of_its_cog_is_done(sample, other, monkeypatch):
    first = retired(sample)
    deleting, go_on = threading.Event(), threading.Event()
    delete = S3Store.delete

    def slow(store, key):
        deleting.set()
        assert go_on.wait(60)
        delete(store, key)

    with ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(S3Store, "delete", slow)
        collecting = pool.submit(collect, other)
        assert deleting.wait(60)
        monkeypatch.undo()
        building = pool.submit(come_back, sample, sample.archive)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: sample.sql(waiting) == [(1,)], "the builder")
        go_on.set()
        assert collecting.result().cogs == [first]
        assert building.result().built == 0

    assert sample.states() == ["arrived"]
    sample.run(overviews=False)
    assert first in cogs(sample)
    assert sample.states() == ["published"]


def test_a_rollback_builds_what_was_deleted_while_it_looked(sample, other, monkeypatch):
    first = retired(sample)
    restore = sample.archive.ledger.history.restore

    def late(*args):
        assert collect(other).cogs == [first]
        restore(*args)

    monkeypatch.setattr(sample.archive.ledger.history, "restore", late)

    rollback(sample.archive, TRAVIS.id)

    assert set(cogs(sample)) >= {key for (key,) in sample.sql("SELECT cog_key FROM cogmill.tile_index")}
    sample.run(overviews=False)
    assert sample.states() == ["published"]


def test_an_older_export_does_not_overtake_a_newer_one(sample, other, monkeypatch):
    monkeypatch.setattr(publish, "verify_draft", lambda *args: None)
    built(sample)
    publish.update_tile_index(sample.archive, TRAVIS.id)
    reading, go_on = threading.Event(), threading.Event()
    write = publish.write_index_files

    def slow(rows, *args):
        files = write(rows, *args)
        if len(rows) == 3:
            reading.set()
            assert go_on.wait(60)
        return files

    monkeypatch.setattr(publish, "write_index_files", slow)
    with ThreadPoolExecutor(2) as pool:
        older = pool.submit(publish.export_index, sample.archive, TRAVIS.id)
        assert reading.wait(60)
        sample.upload(frames=2, first=4)
        ingest.ingest_uploads(other)
        replace(sample, archive=other).build()
        publish.update_tile_index(other, TRAVIS.id)
        newer = pool.submit(publish.export_index, other, TRAVIS.id)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: newer.done() or sample.sql(waiting) == [(1,)], "the newer export")
        go_on.set()
        older.result()
        newer.result()

    dbf = sample.archive.store.read(f"{keys.tile_index_prefix(TRAVIS, Bands.BW)}{TRAVIS.service_name}.dbf")
    assert int.from_bytes(dbf[4:8], "little") == 5
    state = sample.archive.ledger.collections.state(TRAVIS.id)
    assert (state.exported_revision, state.revision) == (2, 2)
    assert sample.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_an_export_that_is_killed_leaves_no_lock(sample, database, monkeypatch):
    built(sample)
    publish.update_tile_index(sample.archive, TRAVIS.id)
    killed = Ledger.connect(**database | {"user": "cogmill_writer"})

    def end(*_):
        killed.close()
        raise psycopg.OperationalError("killed")

    monkeypatch.setattr(publish, "write_index_files", end)
    with pytest.raises(psycopg.OperationalError):
        publish.export_index(replace(sample.archive, ledger=killed), TRAVIS.id)
    monkeypatch.undo()

    assert len(publish.export_index(sample.archive, TRAVIS.id)) == 6
