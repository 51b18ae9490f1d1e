"""Two runs of one collection at the same time, and a reader who looks all the while."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from include.cogmill.ledger import Ledger
from include.cogmill.model import Bands
from include.cogmill.pipeline import Mill, arrivals, publish
from tests.small_archive import TRAVIS

ROUNDS = 50 if os.environ.get("COGMILL_LONG") else 8
PREFIX = TRAVIS.prefix(Bands.BW)


@pytest.fixture
def mills(mill, database):
    """Two workers, each with a connection of its own."""
    ledgers = [Ledger.connect(**database | {"user": "cogmill_writer"}) for _ in range(2)]
    yield [Mill(mill.store, ledger, mill.settings) for ledger in ledgers]
    for ledger in ledgers:
        ledger.close()


def test_index_equals_the_model_when_one_run_adds_and_another_withdraws(archive, mills):
    archive.published(frames=2)
    expected = {f"{PREFIX}georef/{archive.stem(TRAVIS, number)}.tif" for number in (1, 2)}
    with ThreadPoolExecutor(2) as pool:
        for number in range(3, 3 + ROUNDS):
            (added,) = archive.upload(frames=1, first=number)
            arrivals.register(archive.mill)
            archive.build()
            gone = min(expected)
            archive.delete(gone)
            archive.sql("UPDATE cogmill.frame SET state = 'withdrawn' WHERE source_key = %s", gone)
            expected = expected - {gone} | {added}

            list(pool.map(lambda mill: publish.update_tile_index(mill, TRAVIS.id), mills))

            rows = "SELECT f.source_key FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid"
            assert {key for (key,) in archive.sql(rows)} == expected
    assert archive.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_reader_sees_only_the_old_or_the_new_index(archive, database):
    archive.published(frames=3)
    seen: set[int] = set()
    done = threading.Event()

    def read():
        with psycopg.connect(**database, autocommit=True) as connection:
            while not done.is_set():
                row = connection.execute("SELECT count(*), count(DISTINCT location) FROM cogmill.tile_index").fetchone()
                assert row[0] == row[1]
                seen.add(row[0])

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        for number in range(ROUNDS):
            archive.upload(frames=3, body=f"round {number}".encode())
            arrivals.register(archive.mill)
            archive.build()
            archive.publish()
        done.set()
        reader.result()
    assert seen == {3}
