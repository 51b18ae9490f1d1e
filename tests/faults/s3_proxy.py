"""A proxy in front of an S3 server that answers some requests wrongly, late or not at all."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    """With its query."""
    serial: int
    """1, 2, ... since the fault was put in place."""

    @property
    def lists(self) -> bool:
        """Whether it asks for a page of keys."""
        return self.method == "GET" and "list-type=2" in self.path


@dataclass(frozen=True)
class Answer:
    """What the server answered, and how it is sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    length: int | None = None
    """Content-Length that is claimed; None tells the truth."""
    sent: int | None = None
    """Bytes of the body after which the connection ends; None sends all."""
    pause_s: float = 0.0
    """Pause after each tenth of the body."""


Fault = Callable[[Request, Callable[[], Answer]], Answer | None]
"""Takes a request and what asks the server; returns the answer, or None for silence."""


@dataclass
class S3Proxy:
    """Passes everything on until a fault is put in place."""

    port: int = 0
    _fault: Fault | None = None
    _seen: int = 0
    faulty: list[str] = field(default_factory=list)
    """Method and path of the requests that met the fault."""
    healed: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Address to give to clients."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def suffering(self, fault: Fault) -> Iterator[None]:
        """Put a fault in place for a while."""
        self._fault, self._seen, self.faulty = fault, 0, []
        self.healed.clear()
        try:
            yield
        finally:
            self._fault = None
            self.healed.set()

    def answer(self, method: str, path: str, ask: Callable[[], Answer]) -> Answer | None:
        """Return what is to be sent, None for nothing at all."""
        if (fault := self._fault) is None:
            return ask()
        self._seen += 1
        self.faulty.append(f"{method} {path}")
        return fault(Request(method, path, self._seen), ask)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection; `server` is the Server below."""

    protocol_version = "HTTP/1.1"
    server: Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy = self.server.proxy
        answer = proxy.answer(self.command, self.path, lambda: self._ask(body))
        if answer is None:
            proxy.healed.wait()
            self.close_connection = True
            return
        with contextlib.suppress(OSError):
            self._send(answer)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _serve  # noqa: N815  names that http.server looks for

    def _ask(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(*self.server.target, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            found = connection.getresponse()
            headers = [(key, value) for key, value in found.getheaders() if key.lower() not in HOP_BY_HOP]
            length = found.getheader("Content-Length")
            claimed = int(length) if length is not None and self.command == "HEAD" else None
            return Answer(found.status, headers, found.read(), claimed)
        finally:
            connection.close()

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for key, value in answer.headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        self.end_headers()
        part = max(len(answer.body) // 10, 1)
        for first in range(0, len(answer.body) if answer.sent is None else answer.sent, part):
            self.wfile.write(answer.body[first : first + part])
            time.sleep(answer.pause_s)
        if answer.sent is not None or answer.length is not None:
            self.close_connection = self.command != "HEAD"

    def log_message(self, *args: object) -> None:
        """Nothing: the tests say what they saw."""


class Server(ThreadingHTTPServer):
    """Listens for a proxy."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: S3Proxy, target: tuple[str, int]) -> None:
        self.proxy, self.target = proxy, target
        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def s3_proxy(server: str) -> Iterator[S3Proxy]:
    """Run a proxy in front of a server, until the end of the block."""
    proxy, target = S3Proxy(), urlsplit(server)
    with Server(proxy, (target.hostname or "", target.port or 80)) as listening:
        proxy.port = listening.server_address[1]
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.healed.set()
            listening.shutdown()


def silent(request: Request, ask: Callable[[], Answer]) -> None:
    """Take requests and answer none."""


def refused(status: int, code: str) -> Fault:
    """Answer every request with an error of S3."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made up</Message></Error>".encode()

    def fault(request: Request, ask: Callable[[], Answer]) -> Answer:
        return Answer(status, [("Content-Type", "application/xml")], b"" if request.method == "HEAD" else body)

    return fault


def of_ten(first: int, fault: Fault) -> Fault:
    """Meet so many of each ten requests with a fault."""
    return lambda request, ask: fault(request, ask) if (request.serial - 1) % 10 < first else ask()


def only(pattern: str, fault: Fault) -> Fault:
    """Meet requests with a fault whose `METHOD path` fits a pattern."""
    fits = re.compile(pattern)
    return lambda request, ask: fault(request, ask) if fits.search(f"{request.method} {request.path}") else ask()


def slow(request: Request, ask: Callable[[], Answer]) -> Answer:
    """Send each answer in ten parts, two seconds in all."""
    return replace(ask(), pause_s=0.2)


def cut(request: Request, ask: Callable[[], Answer]) -> Answer:
    """End the connection in the middle of a body."""
    answer = ask()
    return replace(answer, length=len(answer.body), sent=len(answer.body) // 2) if answer.body else answer


def too_short_a_length(request: Request, ask: Callable[[], Answer]) -> Answer:
    """Claim half of a body as its Content-Length and send no more: the client sees a whole, shorter body."""
    answer = ask()
    half = len(answer.body) // 2
    return replace(answer, body=answer.body[:half]) if half else answer


def too_long_a_length(request: Request, ask: Callable[[], Answer]) -> Answer:
    """Claim more than the body has, and end the connection after it."""
    answer = ask()
    size = len(answer.body)
    return replace(answer, length=size + 1000, sent=size) if size else answer


def empty_listing(request: Request, ask: Callable[[], Answer]) -> Answer:
    """Answer listings as if the bucket were empty."""
    answer = ask()
    if not request.lists:
        return answer
    body = re.sub(rb"<Contents>.*</Contents>", b"", answer.body, flags=re.DOTALL)
    return replace(answer, body=re.sub(rb"<KeyCount>\d+<", b"<KeyCount>0<", body))


def stale_listing(old: dict[str, Answer]) -> Fault:
    """Answer listings as they were when they were first asked for after `old` was empty."""

    def fault(request: Request, ask: Callable[[], Answer]) -> Answer:
        if not request.lists:
            return ask()
        if request.path not in old:
            old[request.path] = ask()
        return old[request.path]

    return fault


def dated(date: str) -> Fault:
    """Answer with another time of the server."""

    def fault(request: Request, ask: Callable[[], Answer]) -> Answer:
        answer = ask()
        headers = [(key, value) for key, value in answer.headers if key.lower() != "date"]
        return replace(answer, headers=[*headers, ("Date", date)])

    return fault
