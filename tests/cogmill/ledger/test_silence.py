"""Databases and clients that go silent, on a real PostgreSQL behind a relay that swallows bytes."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time

import pytest
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.ledger import Ledger
from cogmill.ledger.connection import available, silence
from cogmill.ledger.connection.silence import TimeLimits

from tests.faults.relay import relay
from tests.small_archive import TRAVIS

BAR_S = 60
"""Within this time a silent database is noticed, with the limits as they are by default."""

QUICK = TimeLimits(silence_s=1, statement_s=30, lock_s=10, idle_in_transaction_s=2)


@pytest.fixture
def way(database):
    with relay(database["host"], database["port"]) as running:
        yield running


@pytest.fixture
def behind(database, way):
    """libpq parameters of the writer behind the relay."""
    return database | {"user": "cogmill_writer", "port": way.port}


def no_rows(candidates: object) -> list[dict[str, object]]:
    """Nothing in the index is to change."""
    return []


def run_query(ledger: Ledger) -> str:
    try:
        ledger.collections.all()
    except ServiceUnavailableError as err:
        return str(err)
    return ""


@pytest.mark.timeout(180)
def test_silent_database_is_noticed_and_named_when_limits_are_the_defaults(behind, way, caplog):
    ledger = Ledger.connect(**behind)
    ledger.collections.all()
    way.silent = True
    begun = time.monotonic()

    with pytest.raises(ServiceUnavailableError, match="has gone silent: a second connection gets no answer either"):
        ledger.collections.all()

    assert time.monotonic() - begun < BAR_S
    assert "database_silent host=127.0.0.1" in caplog.text


@pytest.mark.timeout(180)
def test_second_connection_tells_when_only_the_first_one_was_lost(behind, way, caplog):
    caplog.set_level(logging.INFO)
    ledger = Ledger.connect(QUICK, **behind)
    ledger.collections.all()
    way.lose_connections()

    with pytest.raises(ServiceUnavailableError, match="its answer, or the question, was lost"):
        ledger.collections.all()

    assert caplog.text.count("database_slow") == 1, "an answer may have been on its way"
    with pytest.raises(ServiceUnavailableError):
        ledger.collections.all()
    assert run_query(Ledger.connect(QUICK, **behind)) == ""


def test_silence_in_the_middle_of_a_transaction_does_not_hang_in_its_rollback(behind, way, monkeypatch):
    monkeypatch.setattr(silence, "CONNECT_S", 2)
    ledger = Ledger.connect(QUICK, **behind)

    def change() -> None:
        with ledger.collections._transaction():
            ledger.collections.all()
            way.silent = True
            ledger.collections.all()

    with pytest.raises(ServiceUnavailableError, match="has gone silent"):
        change()


def test_statement_that_takes_long_is_waited_for_when_the_server_works_on_it(behind, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    ledger = Ledger.connect(QUICK, **behind)

    ledger._connection.execute("SELECT pg_sleep(4)")

    assert "database_slow" in caplog.text
    assert "database_silent" not in caplog.text


def test_statement_and_lock_end_when_their_limits_are_over(behind, database):
    ledger = Ledger.connect(TimeLimits(statement_s=0.5, lock_s=0.2), **behind)
    other = Ledger.connect(**database)

    with pytest.raises(ServiceUnavailableError, match="statement timeout"), available():
        ledger._connection.execute("SELECT pg_sleep(20)")
    with other.collections._transaction():
        other.collections._rows("lock_collection", collection_id=TRAVIS.id)
        with pytest.raises(ServiceUnavailableError, match="lock timeout"):
            ledger.collections.change_index(TRAVIS.id, no_rows)
    assert ledger.collections.change_index(TRAVIS.id, no_rows) == (0, 0)


def test_lock_of_a_client_that_vanished_inside_the_index_change_comes_free(behind, way, database, sample):
    """The client's host is gone: it never says so, and the server hears nothing any more."""
    sample.published(frames=1)
    gone = Ledger.connect(QUICK, **behind)
    transaction = gone.collections._transaction()
    transaction.__enter__()
    gone.collections._rows("lock_collection", collection_id=TRAVIS.id)
    way.silent = True
    done: list[tuple[int, int]] = []
    living = Ledger.connect(**database | {"user": "cogmill_writer"})

    worker = threading.Thread(
        target=lambda: done.append(living.collections.change_index(TRAVIS.id, no_rows)), daemon=True
    )
    worker.start()
    worker.join(BAR_S)

    assert done == [(0, 0)]
    gone.close()


def test_both_ends_look_after_the_connection_when_it_is_opened(database):
    ledger = Ledger.connect(**database | {"user": "cogmill_writer", "options": "-c lock_timeout=7s"})
    with socket.socket(fileno=os.dup(ledger._connection.fileno())) as near:
        idle = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        unacknowledged = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    shown = {
        name: ledger._connection.execute(f"SHOW {name}").fetchone()[0]
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")
    }

    assert (idle, unacknowledged) == (15, 30_000)
    assert shown == {
        "statement_timeout": "15min",
        "lock_timeout": "7s",
        "idle_in_transaction_session_timeout": "1min",
        "tcp_user_timeout": "30000",
    }
