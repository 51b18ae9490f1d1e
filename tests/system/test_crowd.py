"""A host that survives its public: costly maps do not starve small ones, identical ones are drawn once, and overload is said at once."""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
import psutil
import pytest

from demo.stack import Stack
from demo.stack.settings import Mount
from demo.stack.temporary_stack import temporary_stack
from tests.system.many_frames import ManyFrames, busy, slow_frames, workers
from tests.system.probes import GET_MAP, PNG, ask, mapfile, put_mapfile, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

LONG = bool(os.environ.get("COGMILL_LONG"))
SIDE = 30
"""Rows and columns: 900 frames, without overviews of the collection."""
CLIENTS, SECONDS = (50, 60) if LONG else (15, 8)
SMALL_CLIENTS = 4
SIDES_PX = itertools.cycle([256, 512, 4096])
NUMBERS = itertools.count()
BUSY = "Too many maps are being drawn. Try again in a few seconds.\n"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_stack(mount=Mount.S3FS) as running:
        yield running


@pytest.fixture(scope="module")
def slow(stack: Stack) -> Iterator[ManyFrames]:
    with slow_frames(stack, SIDE) as frames:
        yield frames


def chance() -> float:
    """Return numbers between 0 and 1 that are well spread, the same in each run."""
    return next(NUMBERS) * 0.61803 % 1


@dataclass
class Public:
    """People, each with an address of their own, who look at one service until they are told to stop."""

    slow: ManyFrames
    ended: threading.Event = field(default_factory=threading.Event)
    small_s: list[float] = field(default_factory=list)
    small: Counter[str] = field(default_factory=Counter)
    costly: Counter[str] = field(default_factory=Counter)
    refusals_s: list[float] = field(default_factory=list)

    def person(self, number: int) -> httpx.Client:
        """Return a client with an address of its own."""
        return httpx.Client(
            transport=httpx.HTTPTransport(local_address=f"127.0.1.{number}"), timeout=60, trust_env=False
        )

    def ask(self, client: httpx.Client, query: str) -> tuple[str, float]:
        """Return what was answered, and the seconds it took."""
        begun = time.monotonic()
        answer = client.get(f"{self.slow.stack.settings.front_url}/wms/?{query}")
        seconds = time.monotonic() - begun
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "5"
        kind = "map" if answer.content.startswith(PNG) else f"{answer.status_code}"
        return kind, seconds

    def look_at_everything(self, number: int) -> None:
        """Ask for the whole extent, small or at 4,096 px; a refused one tries again sooner than it was told to."""
        with self.person(number) as client:
            while not self.ended.is_set():
                query = self.slow.query(SIDE - chance() / 100, side_px=next(SIDES_PX))
                kind, seconds = self.ask(client, query)
                self.costly[kind] += 1
                if kind == "503":
                    self.refusals_s.append(seconds)
                    self.ended.wait(0.5)

    def look_around(self, number: int) -> None:
        """Ask for small windows, one after the other."""
        with self.person(number) as client:
            while not self.ended.is_set():
                query = self.slow.query(1.5, column=chance() * (SIDE - 2), row=chance() * (SIDE - 2))
                kind, seconds = self.ask(client, query)
                self.small[kind] += 1
                self.small_s.append(seconds)

    def look(self, clients: int, seconds: float) -> None:
        """Look for some seconds."""
        with ThreadPoolExecutor(clients + SMALL_CLIENTS) as people:
            tasks = [people.submit(self.look_at_everything, person) for person in range(1, clients + 1)]
            tasks += [people.submit(self.look_around, 100 + person) for person in range(SMALL_CLIENTS)]
            self.ended.wait(seconds)
            self.ended.set()
        for task in tasks:
            task.result()


def resident_mb(stack: Stack) -> float:
    """Return the memory of nginx and of all workers."""
    total = 0
    for one in psutil.Process(stack.supervisor.pid()).children(recursive=True):
        with suppress(psutil.Error):
            words = " ".join(one.cmdline())
            total += one.memory_info().rss if "mapserv" in words or "nginx" in words else 0
    return total / 1e6


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100)[round(share * 100) - 1]


def drawn(stack: Stack, mark: str, asked: int) -> int:
    """Count the requests with a mark that a worker answered, of all that were asked: the last word of a line is its time, else a dash."""

    def lines() -> list[str]:
        text = (stack.paths.log / "nginx-access.log").read_text(encoding="utf-8")
        return [line for line in text.splitlines() if mark in line]

    wait_until(lambda: len(lines()) == asked, 20)  # nginx writes when the client has its answer
    return sum(not line.endswith(" -") for line in lines())


def test_small_maps_are_drawn_while_many_people_look_at_everything(slow: ManyFrames) -> None:
    stack, public = slow.stack, Public(slow)
    ask(stack, slow.query(1.5))
    before = resident_mb(stack)
    if LONG:  # memory is compared with that of workers whose caches are full
        Public(slow).look(CLIENTS, SECONDS)
        wait_until(lambda: busy(stack) == 0, 60)
        before = resident_mb(stack)

    public.look(CLIENTS, SECONDS)

    free = wait_until(lambda: busy(stack) == 0, 60)
    time.sleep(1)
    after = resident_mb(stack)
    p50, p95 = (percentile(public.small_s, share) for share in (0.5, 0.95))
    print(
        f"{CLIENTS} people, {SECONDS} s: small maps {dict(public.small)}, p50 {p50:.2f} s, p95 {p95:.2f} s,"
        f" slowest {max(public.small_s):.2f} s; costly {dict(public.costly)},"
        f" slowest refusal {max(public.refusals_s, default=0):.2f} s; all workers free after {free:.1f} s;"
        f" memory {before:.0f} MB before, {after:.0f} MB after"
    )
    assert public.small["map"] > 0.9 * public.small.total(), "but for machines that are very busy, all"
    assert set(public.costly) <= {"map", "503", "504"}
    assert public.costly["503"] > 0
    assert len(workers(stack)) == stack.settings.mapserver_workers
    if LONG:
        assert set(public.small) == {"map"}
        assert p95 < 1
        assert free < 20
        assert after < before * 1.1 + 20


def test_overload_is_said_at_once_with_a_time_to_try_again(slow: ManyFrames) -> None:
    stack = slow.stack
    room = 4 * stack.settings.mapserver_costly_workers
    wait_until(lambda: busy(stack) == 0, 60)
    ask_patiently(stack, slow.query(SIDE))  # from now on it is known that such a map costs much
    numbers = itertools.count(1)

    def one(_: int) -> tuple[int, httpx.Response]:
        answer = ask_patiently(stack, slow.query(SIDE - next(numbers) / 1000))
        return next(numbers), answer

    with ThreadPoolExecutor(room + 5) as people:
        answers = [answer for _, answer in sorted(people.map(one, range(room + 5)), key=lambda pair: pair[0])]

    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 5
    assert answers[:5] == refused, "those who are refused have their answer before any other"
    assert {(answer.text, answer.headers["retry-after"], answer.headers["cache-control"]) for answer in refused} == {
        (BUSY, "5", "no-store")
    }


def ask_patiently(stack: Stack, query: str) -> httpx.Response:
    return httpx.get(f"{stack.settings.front_url}/wms/?{query}", timeout=60, trust_env=False)


def at_once(stack: Stack, queries: list[str]) -> list[httpx.Response]:
    """Ask for all of them together."""
    ready = threading.Barrier(len(queries))

    def one(query: str) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=60) as client:
            ready.wait()
            return client.get(f"{stack.settings.front_url}/wms/?{query}")

    with ThreadPoolExecutor(len(queries)) as people:
        return list(people.map(one, queries))


def test_what_many_people_ask_for_at_once_is_drawn_once(slow: ManyFrames) -> None:
    wait_until(lambda: busy(slow.stack) == 0, 60)
    query = slow.query(4, column=10, row=10)
    other = slow.query(4, column=10, row=10, format="image/jpeg")
    ask(slow.stack, slow.query(4, column=4, row=4))

    answers = at_once(slow.stack, [f"{query}&mark=shared"] * 12)

    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].content.startswith(PNG)
    assert {answer.headers["content-type"] for answer in answers} == {"image/png"}
    assert len({answer.headers["cache-control"] for answer in answers}) == 1
    assert drawn(slow.stack, "mark=shared", 12) == 1
    assert ask(slow.stack, other).headers["content-type"] == "image/jpeg"


def test_address_is_the_same_whatever_the_order_and_case_of_its_parameters(slow: ManyFrames) -> None:
    wait_until(lambda: busy(slow.stack) == 0, 60)
    query = slow.query(4, column=20, row=10)
    name, *words = query.split("&")
    turned = "&".join(
        [*(word.partition("=")[0].upper() + "=" + word.partition("=")[2] for word in reversed(words)), name]
    )

    both = at_once(slow.stack, [f"{one}&mark=turned" for one in (query, turned, query, turned)])

    assert len({answer.content for answer in both}) == 1
    assert drawn(slow.stack, "mark=turned", 4) == 1


def test_errors_are_answered_by_a_worker_each(stack: Stack) -> None:
    put_mapfile(stack, "probe_error", mapfile())
    wait_until(lambda: ask(stack, f"map=/mapfiles/probe_error.map{GET_MAP}").content.startswith(PNG), 10)
    wrong = GET_MAP.replace("LAYERS=box", "LAYERS=nothing")

    answers = at_once(stack, [f"map=/mapfiles/probe_error.map{wrong}&mark=wrong"] * 6)

    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 6
    assert [answer for answer in answers if answer.content.startswith(PNG)] == []
    assert drawn(stack, "mark=wrong", 6) == 6


def test_replaced_mapfile_is_seen_as_soon_as_without_company(stack: Stack) -> None:
    query, ended = f"map=/mapfiles/probe_replaced.map{GET_MAP}", threading.Event()
    put_mapfile(stack, "probe_replaced", mapfile())
    wait_until(lambda: ask(stack, query).content.startswith(PNG), 10)
    old = ask(stack, query).content
    seen: list[tuple[float, bool]] = []

    def look(_: int) -> None:
        while not ended.is_set():
            begun = time.monotonic()
            seen.append((begun, ask(stack, query).content == old))

    with ThreadPoolExecutor() as people:
        crowd = people.map(look, range(4))
        time.sleep(1)
        replaced = time.monotonic()
        put_mapfile(stack, "probe_replaced", mapfile("255 0 0"))
        wait_until(lambda: not seen[-1][1], 15)
        time.sleep(2)
        ended.set()
        list(crowd)

    last = max(begun for begun, is_old in seen if is_old) - replaced
    first = min(begun for begun, is_old in seen if not is_old) - replaced
    print(f"{len(seen)} answers; the new map seen first after {first:.2f} s, the old one last after {last:.2f} s")
    assert last < first + 2
    assert last < 10
