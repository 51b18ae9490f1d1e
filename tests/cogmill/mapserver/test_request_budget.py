"""A worker is ended when one request takes too long or is nobody's any more, and only then."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from cogmill.mapserver import request_budget
from cogmill.mapserver.request_budget import ABANDONED_S, LEFT, LOOK_S, Watch

BUDGET_S = 2.0
WORKER = """
import socket, time
listening = socket.socket(fileno=0)
while True:
    connection, _ = listening.accept()
    with connection:
        time.sleep(float(connection.recv(64)))
        try:
            connection.sendall(b"drawn")
        except OSError:
            pass
"""
"""Draws for as many seconds as it is told, and learns of nothing meanwhile: as MapServer does."""

SLOW_TO_ACT_S = 2.0
SLOW_TO_ACT = f"""
import sys, time
from cogmill.mapserver import request_budget

verdict = request_budget.Watch.verdict

def slow_verdict(*arguments):
    overdue = verdict(*arguments)
    time.sleep({SLOW_TO_ACT_S} if overdue else 0)
    return overdue

request_budget.Watch.verdict = slow_verdict
request_budget.main(sys.argv[1:])
"""
"""The watch, with much time between its look and what it does about it."""

BLIND_AT_LAST = """
import sys
from cogmill.mapserver import request_budget

def nothing_to_be_seen(_):
    raise OSError("not now")

request_budget._wait_until_stopped = nothing_to_be_seen
request_budget.main(sys.argv[1:])
"""
"""The watch, when the kernel tells nothing about a worker that is stopped."""


GROWS_S = 1.0
GROWS = f"""
import sys, time
from cogmill.mapserver import request_budget

begun = time.monotonic()
request_budget.resident = lambda _: time.monotonic() - begun > {GROWS_S} and 2 * request_budget.MEMORY_BYTES
request_budget.main(sys.argv[1:])
"""
"""The watch, of a worker that is too large a moment after it has started."""


@pytest.mark.parametrize(
    ("looks", "ended_at"),
    [
        ([(0, {1: False}), (9.9, {1: False}), (10, {1: False})], 10),
        ([(0, {1: False}), (9.9, {2: False}), (10, {2: False}), (19.8, {3: False})], None),
        ([(0, {1: False}), (5, {}), (10, {1: False})], None),
        ([(0, {1: True}), (0.9, {1: True}), (1, {1: True})], 1),
        ([(0, {1: True}), (0.9, {1: True}), (1, {2: True}), (1.9, {2: True})], None),
        ([(0, {1: False}), (4, {1: True}), (6.9, {1: True}), (7, {1: True})], 7),
    ],
    ids=["too long", "many short ones", "an inode used again", "stale", "many stale ones", "abandoned"],
)
def test_verdict_follows_the_age_of_one_request(looks, ended_at) -> None:
    course = Watch(10)

    verdicts = [
        (now, course.verdict({inode: LEFT if has_left else 0 for inode, has_left in open_now.items()}, now))
        for now, open_now in looks
    ]

    assert next((now for now, verdict in verdicts if verdict), None) == ended_at


@pytest.mark.parametrize(
    ("budget_s", "looks", "ended_at"),
    [
        (2, [(0, 500), (1.5, 900), (2, 900)], 2),
        (2, [(0, 500), (1.5, 900), (2, 99_000), (6.5, 10**6), (7, 10**6)], 7),
        (12, [(0, 0), (12, 10**6), (14.5, 10**7), (15, 10**7)], 15),
        (30, [(0, 0), (29.5, 10**6), (30, 10**7)], 30),
        (2, [(0, 10**6), (2, 10**6 + 200)], 2),
        (2, [(0, 10**6, 4096), (0.5, 10**6, 0), (2, 10**6, 0), (7, 10**6, 0)], 7),
    ],
    ids=[
        "not drawn",
        "on its way",
        "fifteen seconds in all",
        "never sooner",
        "what an earlier request wrote",
        "unread",
    ],
)
def test_verdict_gives_more_time_to_an_answer_that_is_on_its_way(budget_s, looks, ended_at) -> None:
    course = Watch(budget_s)

    verdicts = [(now, course.verdict({1: sum(unread)}, now, written)) for now, written, *unread in looks]

    assert next((now for now, verdict in verdicts if verdict), None) == ended_at


def test_written_bytes_are_those_of_sockets_too() -> None:
    before = request_budget.written(psutil.Process().pid)
    one, other = socket.socketpair()
    with one, other, one.makefile("wb", buffering=0) as stream:
        os.write(stream.fileno(), b"x" * 50_000)

    assert request_budget.written(psutil.Process().pid) - before >= 50_000


@contextmanager
def worker(folder: Path, script: str = "") -> Iterator[tuple[psutil.Popen, Path]]:
    path, program = folder / "socket", folder / "worker.py"
    program.write_text(WORKER)
    watcher = ["-c", script] if script else ["-IS", request_budget.__file__]
    command = [sys.executable, *watcher, str(BUDGET_S), sys.executable, str(program)]
    with socket.socket(socket.AF_UNIX) as listening, (folder / "log").open("wb") as log:
        listening.bind(str(path))
        listening.listen()
        process = psutil.Popen(command, stdin=listening, stderr=log, start_new_session=True)
    try:
        yield process, path
    finally:
        with suppress(psutil.NoSuchProcess):
            process.kill()
        process.wait()


def request(path: Path, seconds: float) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    client.sendall(str(seconds).encode())
    return client


def answer(path: Path, seconds: float) -> bytes:
    with request(path, seconds) as client:
        return client.recv(16)


def test_worker_with_many_short_requests_is_left_alone(tmp_path) -> None:
    with worker(tmp_path) as (process, path):
        begun = time.monotonic()
        while time.monotonic() - begun < 2 * BUDGET_S:
            assert answer(path, 0.4) == b"drawn"
        assert answer(path, BUDGET_S - 2 * LOOK_S) == b"drawn"

        assert process.poll() is None
        assert (tmp_path / "log").read_text() == ""


def test_worker_that_draws_too_long_is_ended_with_its_watch(tmp_path) -> None:
    with worker(tmp_path) as (process, path):
        assert answer(path, 0) == b"drawn"
        (watcher,) = process.children()
        begun = time.monotonic()

        assert answer(path, 60) == b""

        assert BUDGET_S - 0.1 <= time.monotonic() - begun < BUDGET_S + 3 * LOOK_S
        assert process.wait(5) == -9
        watcher.wait(5)
        assert "took longer than 2 s" in (tmp_path / "log").read_text()


def test_worker_that_draws_for_nobody_is_ended(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "BUDGET_S", 60.0)
    with worker(tmp_path) as (process, path):
        assert answer(path, 0) == b"drawn"
        client = request(path, 60)
        time.sleep(3 * LOOK_S)
        client.close()
        begun = time.monotonic()

        process.wait(20)

        assert ABANDONED_S - 0.1 <= time.monotonic() - begun < ABANDONED_S + 4 * LOOK_S
        assert "nobody waits" in (tmp_path / "log").read_text()


def test_worker_that_has_just_taken_the_next_request_is_left_alone(tmp_path) -> None:
    with worker(tmp_path, SLOW_TO_ACT) as (process, path):
        assert answer(path, 0) == b"drawn"
        # The first is too late when the watch looks and done when it acts; then the second is in the middle.
        with request(path, BUDGET_S + LOOK_S + 0.4) as first, request(path, SLOW_TO_ACT_S) as second:
            assert first.recv(16) == b"drawn"
            assert second.recv(16) == b"drawn"

        assert answer(path, 0) == b"drawn"
        assert process.poll() is None
        assert "is ended" not in (tmp_path / "log").read_text()


def test_worker_is_not_left_stopped_when_the_kernel_does_not_tell(tmp_path) -> None:
    with worker(tmp_path, BLIND_AT_LAST) as (process, path):
        assert answer(path, 0) == b"drawn"

        assert answer(path, BUDGET_S + 4 * LOOK_S) == b"drawn"

        assert answer(path, 0) == b"drawn"
        assert process.status() != psutil.STATUS_STOPPED


def test_worker_that_has_grown_is_ended_between_two_requests(tmp_path) -> None:
    with worker(tmp_path, GROWS) as (process, path):
        assert answer(path, GROWS_S + 2 * LOOK_S - 0.5) == b"drawn"

        assert process.wait(5) == -9
        assert "has grown to 1024 MiB" in (tmp_path / "log").read_text()


def test_resident_memory_is_that_of_the_process() -> None:
    told = psutil.Process().memory_info().rss

    assert request_budget.resident(psutil.Process().pid) == pytest.approx(told, rel=0.1)


def test_watch_ends_when_its_worker_is_killed(tmp_path) -> None:
    with worker(tmp_path) as (process, path):
        assert answer(path, 0) == b"drawn"
        (watcher,) = process.children()

        process.kill()
        process.wait()

        watcher.wait(5)


def test_worker_serves_without_a_watch_when_the_kernel_does_not_tell(tmp_path) -> None:
    with socket.socket() as listening:  # not a unix socket
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        command = [sys.executable, "-IS", request_budget.__file__, "2", "/bin/echo", "served"]
        done = subprocess.run(command, stdin=listening, capture_output=True, text=True, check=False, timeout=20)

    assert done.stdout == "served\n"
    assert "cannot be watched" in done.stderr
