"""An HTTP server of byte ranges that is cheap, late on purpose, and counts: what S3 is to MapServer, without S3's own work.

moto needs 5 to 20 ms of CPU for an answer, on the same cores as what is measured. This one needs less than 0.1 ms; the rest of the
time until the first byte is waiting, as long as it is told. It answers GET and HEAD as S3 does (206 with one range, 404 for what
is not there) and looks at no signature. `/-/take` returns what was asked since it was last asked that, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from email.utils import formatdate
from typing import Protocol
from urllib.parse import unquote

S3_LATENCY_S = 0.02
"""What S3 takes until the first byte."""

REQUEST = re.compile(rb"(GET|HEAD) (\S+) HTTP/1\.[01]\r\n")
RANGE = re.compile(rb"(?i)\r\nrange: *bytes=(\d+)-(\d*)\r\n")
TAKE = "/-/take"
CHANGED = formatdate(0, usegmt=True)


class Body(Protocol):
    """An object that can be read in parts."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, first: int, end: int) -> bytes:
        """Return the bytes from `first` up to and without `end`."""


Objects = Callable[[str], Body | None]
"""Returns what lies under a path, without its leading slash; None when there is nothing."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A small object in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def read(self, first: int, end: int) -> bytes:
        """Return a part."""
        return self.data[first:end]


@dataclass(slots=True)
class Asked:
    """What a server was asked."""

    requests: int = 0
    sent: int = 0
    """Bytes of bodies."""
    connections: int = 0
    """TCP connections that were opened."""
    ranges: list[tuple[str, int, int]] = field(default_factory=list)
    """Path, first byte and end of each answer; the end of a HEAD is its beginning."""

    @property
    def objects(self) -> int:
        """Different objects."""
        return len({path for path, _, _ in self.ranges})

    @property
    def repeated(self) -> int:
        """Requests for bytes every one of which had been asked for before.

        What is read when an object is opened does not count as asked for: it is a guess, up to where the directories may reach,
        and a block that happens to lie within is fetched once more where GDAL fetches several at once.
        """
        had: dict[str, set[tuple[int, int]]] = {}
        found = 0
        for path, first, end in self.ranges:
            before = had.setdefault(path, set())
            found += any(start <= first and end <= stop for start, stop in before)
            if first:
                before.add((first, end))
        return found


class RangeServer:
    """Serves until its loop ends."""

    def __init__(self, objects: Objects, latency_s: float) -> None:
        self.objects = objects
        self.latency_s = latency_s
        self.asked = Asked()

    def take(self) -> Asked:
        """Return what was asked since the last call."""
        taken, self.asked = self.asked, Asked()
        return taken

    def answer(self, method: bytes, path: str, head: bytes) -> bytes:
        """Return the whole answer to one request and count it."""
        body = self.objects(path)
        if body is None:
            self._count(path, 0, 0)
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        asked = RANGE.search(head)
        first = int(asked[1]) if asked else 0
        end = min(int(asked[2]) + 1 if asked and asked[2] else body.size, body.size)
        if first >= body.size:
            self._count(path, first, first)
            return f"HTTP/1.1 416 Range\r\nContent-Range: bytes */{body.size}\r\nContent-Length: 0\r\n\r\n".encode()
        lines = [f"HTTP/1.1 {'206 Partial Content' if asked else '200 OK'}", f"Content-Length: {end - first}"]
        if asked:
            lines.append(f"Content-Range: bytes {first}-{end - 1}/{body.size}")
        lines += ["Accept-Ranges: bytes", "Content-Type: image/tiff", f"Last-Modified: {CHANGED}", 'ETag: "1"', "", ""]
        data = b"" if method == b"HEAD" else body.read(first, end)
        self._count(path, first, first + len(data))
        return "\r\n".join(lines).encode() + data

    def _count(self, path: str, first: int, end: int) -> None:
        self.asked.requests += 1
        self.asked.sent += end - first
        self.asked.ranges.append((path, first, end))

    def told(self) -> bytes:
        """Return what was asked since the last time, as an HTTP answer."""
        taken = self.take()
        facts = {**asdict(taken), "objects": taken.objects, "repeated": taken.repeated}
        text = json.dumps(facts).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text


class _Connection(asyncio.Protocol):
    """One client; requests of one connection are answered in their order."""

    def __init__(self, server: RangeServer) -> None:
        self.server = server
        self.waiting = b""
        self.counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head, self.waiting = self.waiting[: end + 2], self.waiting[end + 4 :]
            request = REQUEST.match(head)
            if request is None:
                self.transport.close()
                return
            self._answer(request[1], unquote(request[2].partition(b"?")[0].decode()), head)

    def _answer(self, method: bytes, path: str, head: bytes) -> None:
        if path == TAKE:
            self.transport.write(self.server.told())
            return
        self.server.asked.connections += not self.counted
        self.counted = True
        answer = self.server.answer(method, path.lstrip("/"), head)
        asyncio.get_running_loop().call_later(self.server.latency_s, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


async def serve(server: RangeServer, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve until cancelled; `ready` is called with the port."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: _Connection(server), host, port, backlog=512)
    ready(listening.sockets[0].getsockname()[1])
    async with listening:
        await listening.serve_forever()


@contextmanager
def running(objects: Objects, latency_s: float = S3_LATENCY_S) -> Iterator[tuple[RangeServer, str]]:
    """Serve from a thread of this process, for tests; yields the server and its address."""
    server, loop, ports = RangeServer(objects, latency_s), asyncio.new_event_loop(), []
    task = loop.create_task(serve(server, "127.0.0.1", 0, ports.append))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not ports:
        time.sleep(0.001)
    try:
        yield server, f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
