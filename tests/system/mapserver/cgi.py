"""The program `mapserv`, asked as a web server would ask it."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Answer:
    """What the program `mapserv` said to one request."""

    content_type: str
    body: bytes
    log: str

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def rgba(self) -> np.ndarray:
        """Pixels of a PNG, `(rows, columns, 4)`."""
        assert self.content_type.startswith("image/png"), self.text
        return np.asarray(Image.open(io.BytesIO(self.body)).convert("RGBA")).astype(int)


@dataclass(frozen=True)
class MapServer:
    """The local `mapserv` with one folder of mapfiles."""

    folder: Path
    environment: Mapping[str, str]

    def ask(self, mapfile: str, query: str, **environment: str) -> Answer:
        path = self.folder / "draft.map"
        path.write_text(mapfile, encoding="utf-8")
        env = {
            **self.environment,
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": f"map={path}&{query}",
            "SERVER_NAME": "maps.example.org",
            "SERVER_PORT": "80",
            "SCRIPT_NAME": "/wms/",
            **environment,
        }
        done = subprocess.run(["mapserv"], env=env, capture_output=True, check=False, timeout=60, cwd=self.folder)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        content_type = next(
            (line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-type")), b""
        )
        return Answer(content_type.decode(), body, done.stderr.decode())
