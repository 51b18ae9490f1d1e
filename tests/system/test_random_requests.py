"""Whatever is asked of a map host, it answers: no fault of its own, no crash, and nothing read that is none of its business.

`make fuzz-maps`: 10,000 requests, and every file and address that MapServer opens; some minutes.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from demo.stack import Stack
from tests.system.many_frames import ManyFrames, busy, workers
from tests.system.probes import PNG, ask, wait_until
from tests.system.random_requests import random_queries

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(3600)]

LONG = bool(os.environ.get("COGMILL_LONG"))
COUNT, CLIENTS, SEED = (10_000 if LONG else 400), 4, int(os.environ.get("COGMILL_SEED", "1951"))

OWN_PATHS = (
    r"/(?:usr/)?lib(?:64)?/|/usr/share/(?:proj|gdal|fonts|mapserver|locale|zoneinfo)\b|/etc/(?:ld\.so|localtime|fonts|ssl|gss|krb5"
    r"|nsswitch\.conf|host\.conf|hosts|resolv\.conf|gai\.conf|passwd$|group$|services|machine-id|python3|ldap)|/proc/(?:self|sys|meminfo|cpuinfo|stat|\d+/(?:fd|io|statm?)$|filesystems)"
    r"|/sys/(?:fs/cgroup|devices/system/(?:cpu|node)|class/dmi|devices/virtual/dmi)|/dev/(?:null|urandom|random)|/usr/bin/|/usr/local/lib/python"
)
"""What programs of Debian open when they start, and the data of PROJ and GDAL."""


@pytest.fixture(scope="module")
def frames(stack: Stack) -> ManyFrames:
    few = ManyFrames(stack, 6)
    few.publish()
    wait_until(lambda: ask(stack, few.query(1)).content.startswith(PNG), 20)
    return few


def said(stack: Stack, words: str) -> int:
    """Count what stands in the logs of nginx and MapServer."""
    return sum(
        path.read_text(encoding="utf-8", errors="replace").count(words) for path in stack.paths.log.glob("*.log")
    )


@contextmanager
def watched(stack: Stack, folder: Path) -> Iterator[Path]:
    """Write down every file and address that workers open, also those workers that start meanwhile."""
    parents = {one.ppid() for name in ("mapserv", "costly") for one in workers(stack, name)}
    children = {one.pid for parent in parents for one in psutil.Process(parent).children(recursive=True)}
    processes = parents | children
    attach = itertools.chain.from_iterable(("-p", str(pid)) for pid in sorted(processes))
    calls = "trace=openat,open,connect,execve,unlink,unlinkat,rename,mkdir,symlink,kill"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-s", "300", "-e", calls, "-o", str(folder / "calls"), *attach])
    time.sleep(3)
    try:
        yield folder / "calls"
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(60)


def whole_calls(lines: list[str]) -> Iterator[str]:
    """Yield calls in one line each: strace writes beginning and end apart where another process came in between."""
    begun: dict[str, str] = {}
    for line in lines:
        process, _, call = line.partition(" ")
        if call.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix("<unfinished ...>")
        elif " resumed>" in call:
            yield begun.pop(process, "") + call.partition(" resumed>")[2]
        else:
            yield line


def strange_calls(calls: Path, stack: Stack) -> Counter[str]:
    """Count what MapServer opened that is neither its program, its data, its mapfiles, its database nor its bucket."""
    own = re.compile(f"{OWN_PATHS}|{re.escape(str(stack.paths.root))}")
    ports = {f"htons({port})" for port in (stack.settings.postgis_port, stack.settings.s3_port)}
    strange: Counter[str] = Counter()
    for line in whole_calls(calls.read_text(errors="replace").splitlines()):
        if re.search(r"SIGSEGV|SIGABRT|SIGBUS|\b(?:unlink|rename|mkdir|symlink)", line):
            strange[line.partition(" ")[2]] += 1
        opened = re.search(r'(?:openat\([^,]*, |open\(|execve\()"([^"]*)"', line)
        if opened and not own.match(opened[1]) and "ENOENT" not in line:
            strange[opened[1]] += 1
        if "connect(" in line and "AF_UNIX" not in line and not any(port in line for port in ports):
            strange[line.partition(" ")[2]] += 1
    return strange


def send(stack: Stack, queries: list[str]) -> list[tuple[float, int, str, bytes]]:
    """Ask with a few clients at once; return seconds, status, query and answer of each, slowest first."""
    here = threading.local()

    def one(query: str) -> tuple[float, int, str, bytes]:
        if not hasattr(here, "client"):
            here.client = httpx.Client(trust_env=False, timeout=60)
        begun = time.monotonic()
        answer = here.client.send(
            httpx.Request("GET", httpx.URL(f"{stack.settings.front_url}/wms/", query=query.encode()))
        )
        return time.monotonic() - begun, answer.status_code, query, answer.content

    with ThreadPoolExecutor(CLIENTS) as people:
        return sorted(people.map(one, queries), reverse=True)


def test_random_requests_find_no_fault_no_crash_and_no_way_out(frames: ManyFrames, tmp_path: Path) -> None:
    stack, queries = frames.stack, list(random_queries(SEED, COUNT, frames.collection))
    before = {word: said(stack, word) for word in ("prematurely closed", "is ended:")}
    wait_until(lambda: busy(stack) == 0, 60)

    if LONG:
        with watched(stack, tmp_path) as calls:
            answers = send(stack, queries)
        strange = strange_calls(calls, stack)
    else:
        answers, strange = send(stack, queries), Counter()

    statuses = Counter(status for _, status, _, _ in answers)
    print(f"{COUNT} requests, seed {SEED}: {dict(sorted(statuses.items()))}")
    for seconds, status, query, _ in answers[:5]:
        print(f"  {seconds:.2f} s  {status}  {query[:300]}")
    # 504 with its sentence is the time budget of a request, which a large picture spends on a busy machine.
    faults = [
        (status, query)
        for _, status, query, body in answers
        if status >= 500 and status != 503 and b"was not drawn within" not in body
    ]
    private = (str(stack.paths.root).encode(), b"vsis3", b"root:x:")
    told = [query for _, _, query, body in answers if any(word in body for word in private)]
    after = {word: said(stack, word) - count for word, count in before.items()}
    assert faults == []
    assert told == []
    assert after["prematurely closed"] <= after["is ended:"]  # else a worker ended by itself
    assert dict(strange) == {}
    assert statuses[200] > COUNT / 10
    assert ask(stack, frames.query(1)).content.startswith(PNG)
