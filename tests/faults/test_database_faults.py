"""A PostgreSQL that is killed, silent, or loses its connections."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import psycopg
import pytest
from cogmill.pipeline import build_cogs, publish

from tests.conftest import wait_until
from tests.faults.conftest import LIMITS, Disturbed, chosen


def slowed(monkeypatch, module, name: str, begun: threading.Event, go_on: threading.Event) -> None:
    """Let a function of the pipeline wait in its middle until the fault is there."""
    original = getattr(module, name)

    def waits(*args, **kwargs):
        begun.set()
        go_on.wait(30)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, waits)


MOMENTS = {
    "a frame is built": (build_cogs, "build_one"),
    "index rows were read": (publish, "index_row"),
    "a mapfile is drawn": (publish, "verify_draft"),
}


def crash(disturbed: Disturbed) -> None:
    """Kill one process of the server by SIGKILL: the server ends all connections, and recovers from its log."""
    with psycopg.connect(**disturbed.libpq, autocommit=True) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def wait_for_server(disturbed: Disturbed) -> None:
    wait_until(lambda: accepts(disturbed.libpq), "PostgreSQL")


def accepts(libpq: dict[str, object]) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(**libpq).close()
        return True
    return False


CASES = [(moment, fault) for moment in MOMENTS for fault in ("crash", "silence", "lost connections")]

QUICK = [("index rows were read", "silence")]


@pytest.mark.parametrize(("moment", "fault"), chosen(CASES, QUICK))
def test_nothing_is_lost_or_wrong_when_the_database_fails_in_the_middle_of_a_run(
    disturbed, named, monkeypatch, moment, fault
):
    disturbed.upload(2, seed=2)
    disturbed.upload(3)
    reached, go_on = threading.Event(), threading.Event()
    worker = threading.Thread(target=disturbed.run)
    with monkeypatch.context() as patch:
        slowed(patch, *MOMENTS[moment], reached, go_on)
        worker.start()
        assert reached.wait(60)
        begun = time.time()
        if fault == "crash":
            crash(disturbed)
            wait_for_server(disturbed)
        elif fault == "silence":
            disturbed.way.silent = True
        else:
            disturbed.way.lose_connections()
        go_on.set()
        worker.join(120)
    assert not worker.is_alive()
    seconds = named(begun)
    assert disturbed.lies() == []

    disturbed.way.silent = False
    assert disturbed.settle() == []
    print(f"PostgreSQL: {fault} while {moment}: named after {seconds:.1f} s with limits of {LIMITS.silence_s:.0f} s")
