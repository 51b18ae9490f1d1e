"""The programs of the benchmark: the byte-range server as a process, and MapServer workers that can be started afresh."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pwd
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import httpx
import psutil

from bench.getmap.frames import Frames, Original
from bench.getmap.range_server import S3_LATENCY_S, TAKE, Body, RangeServer, serve
from demo.stack import Stack
from demo.stack.paths import write_private
from demo.stack.programs import mapserv, worker_pools
from demo.stack.role import role_variables

ACCOUNT = "www-data"
"""Of the workers."""

CELL = re.compile(r"(?:[^/]+/)?(overviews/.*[.]tif)")


@dataclass(frozen=True, slots=True)
class Cost:
    """What pictures cost the store."""

    requests: int
    sent: int
    """Bytes."""
    objects: int
    """Different COGs."""
    repeated: int
    """Requests for bytes that had been sent before."""
    connections: int
    """TCP connections opened."""


@dataclass(frozen=True, slots=True)
class FileBody:
    """An object in a file."""

    path: Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    def read(self, first: int, end: int) -> bytes:
        """Return the bytes from `first` up to and without `end`."""
        with self.path.open("rb") as file:
            file.seek(first)
            return file.read(end - first)


class Store:
    """Frames from memory, cells from a folder."""

    def __init__(self, original: Original, folder: Path) -> None:
        self.frames = Frames(original)
        self.folder = folder

    def __call__(self, path: str) -> Body | None:
        """Return what lies under a key, with or without the name of the bucket before it."""
        if found := CELL.fullmatch(path):
            file = self.folder / found[1]
            return FileBody(file) if file.exists() else None
        return self.frames(path)


def _run(original: Original, folder: Path, latency_s: float, pipe: Connection) -> None:
    asyncio.run(serve(RangeServer(Store(original, folder), latency_s), "127.0.0.1", 0, pipe.send))


@contextmanager
def range_server(original: Original, folder: Path, latency_s: float = S3_LATENCY_S) -> Iterator[str]:
    """Serve the frames and the cells of a folder from a process of its own; yields the address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(original, folder, latency_s, theirs), daemon=True
    )
    process.start()
    theirs.close()  # else nothing would tell that the server has died
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


def take(address: str) -> Cost:
    """Return what the server was asked since the last call."""
    told = json.loads(httpx.get(address + TAKE, trust_env=False).content)
    return Cost(told["requests"], told["sent"], told["objects"], told["repeated"], told["connections"])


@dataclass
class Workers:
    """MapServer workers on the socket of a stack's nginx, in place of its own, started as the stack starts them.

    nginx asks them alone, and for the whole time that a map may take: what is measured is a drawing, not the gate before it.
    """

    stack: Stack
    count: int = 1
    config: Mapping[str, str] = field(default_factory=dict)
    """Lines of MapServer's configuration that differ; an empty value leaves a line out."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        paths = self.stack.paths
        self.stack.supervisor.stop(["mapserv"])
        self._written = (paths.mapserver / "mapserver.conf").read_text(encoding="utf-8")
        write_private(paths.mapserver / "mapserver.conf", changed(self._written, self.config), ACCOUNT)
        paths.mapserv_socket.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(paths.mapserv_socket))
        account = pwd.getpwnam(ACCOUNT)
        os.chown(paths.mapserv_socket, account.pw_uid, account.pw_gid)
        self._socket.listen(128)
        self._front = (paths.nginx / "nginx.conf").read_text(encoding="utf-8")
        self._reload(without_gate(self._front, self.stack.settings.mapserver_timeout))
        self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._socket.close()
        write_private(self.stack.paths.mapserver / "mapserver.conf", self._written, ACCOUNT)
        self._reload(self._front)

    def _reload(self, front: str) -> None:
        write_private(self.stack.paths.nginx / "nginx.conf", front)
        os.kill(int((self.stack.paths.run / "nginx.pid").read_text(encoding="utf-8")), signal.SIGHUP)
        time.sleep(1)  # until the old processes take no more requests

    def renew(self) -> None:
        """End the workers and start new ones, which know nothing."""
        self._end()
        patient = worker_pools(self.stack.paths, self.stack.settings)[-1]
        program = mapserv(self.stack.paths, patient)
        command = program.command.rpartition(" -- ")[2]  # a worker, without what holds the socket and replaces workers
        with (self.stack.paths.log / "bench-mapserv.log").open("ab") as log:
            self.processes = [
                subprocess.Popen(
                    shlex.split(command),
                    stdin=self._socket.fileno(),
                    stdout=log,
                    stderr=log,
                    env=program.environment,
                    cwd=program.folder,
                    user=ACCOUNT,
                    group=ACCOUNT,
                )
                for _ in range(self.count)
            ]

    def renew_ended(self) -> None:
        """Replace workers that were ended because a map took too long."""
        if any(one.poll() is not None for one in self.processes):
            self.renew()

    def _end(self) -> None:
        for one in self.processes:
            one.kill()
            one.wait()

    def memory(self) -> int:
        """Return the resident memory of the largest worker, bytes."""
        found = [0]
        for one in self.processes:
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(one.pid).memory_info().rss)
        return max(found)


def without_gate(front: str, timeout_s: int) -> str:
    """Return nginx's configuration with every map asked of the one pool.

    Raises:
        ValueError: The gate is not where it was.
    """
    replaced = {
        "gate.enter(parameters.check())": "parameters.check()",
        "error_page 502 = @again;": "error_page 502 =503 @interrupted;",
        "error_page 504 = @again;": "error_page 504 =504 @late;",
        f"fastcgi_read_timeout {role_variables()['__mapserver_quick_wait']}s;": f"fastcgi_read_timeout {timeout_s}s;",
    }
    for former, now in replaced.items():
        if former not in front:
            raise ValueError(f"nginx's configuration does not say {former!r}")
        front = front.replace(former, now)
    return front


def changed(text: str, config: Mapping[str, str]) -> str:
    """Return MapServer's configuration with other values of some variables."""
    for name, value in config.items():
        text = re.sub(rf'(?m)^ *{name} ".*"\n', "", text)
        if value:
            text = text.replace("  END\nEND", f'    {name} "{value}"\n  END\nEND')
    return text
