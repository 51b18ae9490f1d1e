"""A server of files with HTTP ranges, as S3 answers, which can be told to misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".json": "application/json",
    ".svg": "image/svg+xml", ".webp": "image/webp", ".tif": "image/tiff", ".fgb": "application/vnd.flatgeobuf", ".mjs": "text/javascript",
}  # fmt: skip


class Files(ThreadingHTTPServer):
    """Serves folders below prefixes; notes each request."""

    daemon_threads = True

    def __init__(self, folders: dict[str, Path], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.folders = folders
        self.asked: list[tuple[str, str, int]] = []
        """Path, range and bytes of each answer."""
        self.without_ranges = False
        self.missing: set[str] = set()
        """Paths that answer 404."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def find(self, path: str) -> Path | None:
        for prefix, folder in self.folders.items():
            rest = path.removeprefix(prefix)
            file = (folder / rest if rest else folder).resolve()
            if path.startswith(prefix) and file.is_relative_to(folder.resolve()) and file.is_file():
                return file
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Files

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        file = None if path in self.server.missing else self.server.find(path)
        if file is None:
            self.answer(404, b"no such key", {})
            return
        body, wanted = file.read_bytes(), self.headers.get("Range", "")
        headers = {"Content-Type": TYPES.get(file.suffix, "application/octet-stream"), "Accept-Ranges": "bytes"}
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        if span and not self.server.without_ranges:
            first, last = int(span[1]), min(int(span[2]), len(body) - 1)
            if first >= len(body):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                return
            self.answer(206, body[first : last + 1], headers | {"Content-Range": f"bytes {first}-{last}/{len(body)}"})
            return
        self.answer(200, body, headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.server.asked.append((self.path, self.headers.get("Range", ""), len(body)))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folders: dict[str, Path], port: int = 0) -> Iterator[Files]:
    server = Files(folders, port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
