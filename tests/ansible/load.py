"""Clients that look at what they get: every answer is decoded and compared with the pictures it may be."""

from __future__ import annotations

import hashlib
import io
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from PIL import Image

PATIENCE_S = 10.0
"""No answer may take longer, whatever is broken."""


def picture(answer: httpx.Response) -> str:
    """Return the hash of a picture's pixels, or what was said in its place."""
    if answer.status_code == 200 and answer.headers.get("content-type", "").startswith("image/png"):
        with Image.open(io.BytesIO(answer.content)) as image:
            return hashlib.sha256(image.convert("RGBA").tobytes()).hexdigest()[:16]
    return f"{answer.status_code} {answer.headers.get('content-type', '')} {answer.text[:120]}"


@dataclass
class Record:
    """What many clients saw."""

    seen: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, what: str, seconds: float) -> None:
        with self.lock:
            self.seen[what] += 1
            self.slowest_s = max(self.slowest_s, seconds)


@dataclass
class Crowd:
    """Clients that ask for one address, again and again."""

    url: str
    clients: int = 20
    requests: int = 10_000
    record: Record = field(default_factory=Record)
    left: Iterator[int] = field(init=False)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.left = iter(range(self.requests))

    def _ask(self) -> None:
        with httpx.Client(trust_env=False, timeout=PATIENCE_S + 5) as client:
            while not self.ended.is_set():
                with self.record.lock:
                    if next(self.left, None) is None:
                        return
                begun = time.monotonic()
                try:
                    what = picture(client.get(self.url))
                except httpx.HTTPError as err:
                    what = type(err).__name__
                self.record.note(what, time.monotonic() - begun)

    @contextmanager
    def asking(self) -> Iterator[Record]:
        """Ask while the body runs, and until all requests are made."""
        threads = [threading.Thread(target=self._ask) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield self.record
        finally:
            for thread in threads:
                thread.join()


@contextmanager
def trap(port: int) -> Iterator[list[bytes]]:
    """A server on the loopback that nobody should ever ask; yields what it was asked."""
    caught: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            caught.append(self.request.recv(200))

    with socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield caught
        server.shutdown()


def seconds_until(ready: Callable[[], bool], limit_s: float) -> float:
    """Return the seconds until something is so.

    Raises:
        TimeoutError: It is not so within the limit.
    """
    begun = time.monotonic()
    while not ready():
        if time.monotonic() - begun > limit_s:
            raise TimeoutError(f"not within {limit_s:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - begun
