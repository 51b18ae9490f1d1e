"""`cogmill site grids`: from a folder, the bucket and PROJ's network, whole or not at all, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cogmill.cog.libraries import CHECKSUMS
from cogmill.config.settings import load_settings
from cogmill.maintenance.site_check import main

from tests.datum_grid import GRID, OTHER_SECONDS, write_grid


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The folder into which grids are installed, of a site that asks for one."""
    site, folder = tmp_path / "site.yaml", tmp_path / "installed"
    site.write_text(f"proj_grids: [{GRID}]\n", encoding="utf-8")
    monkeypatch.setenv("COGMILL_SITE_FILE", str(site))
    monkeypatch.setenv("PROJ_DATA", f"{folder}:/usr/share/proj")
    load_settings.cache_clear()
    yield folder
    load_settings.cache_clear()


@pytest.fixture
def strict_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def kept(tmp_path):
    """A folder in which somebody keeps the grid."""
    folder = tmp_path / "kept"
    folder.mkdir()
    write_grid(folder)
    return folder


def test_takes_a_grid_from_a_folder_and_keeps_its_checksum(installed, kept, capsys, strict_umask):
    assert main(["site", "grids", "--from", str(kept)]) == 0

    sha256 = hashlib.sha256((kept / GRID).read_bytes()).hexdigest()
    assert (installed / GRID).read_bytes() == (kept / GRID).read_bytes()
    assert (installed / CHECKSUMS).read_text() == f"{sha256}  {GRID}\n"
    assert sorted(path.name for path in installed.iterdir()) == [CHECKSUMS, GRID]
    modes = [path.stat().st_mode & 0o777 for path in (installed, installed / GRID, installed / CHECKSUMS)]
    assert modes == [0o755, 0o644, 0o644], "the reader of uploads is another user, whatever the umask"
    assert capsys.readouterr().out == f"{GRID} was installed: {installed / GRID}, sha256 {sha256}\n"


def test_leaves_a_grid_that_is_there_alone_and_brings_a_damaged_one_again(installed, kept, capsys):
    main(["site", "grids", "--from", str(kept)])

    assert main(["site", "grids", "--from", "/nowhere"]) == 0
    assert main(["site", "grids", "--check"]) == 0
    (installed / GRID).write_bytes(b"II*\0 damaged")
    assert main(["site", "grids", "--check"]) == 1
    assert "has other bytes than were installed" in capsys.readouterr().err
    assert main(["site", "grids", "--from", str(kept)]) == 0
    assert (installed / GRID).read_bytes() == (kept / GRID).read_bytes()


def test_takes_a_grid_from_the_bucket_where_it_is_no_upload(sample, s3_server, installed, kept, monkeypatch, capsys):
    sample.put(f"proj/{GRID}", (kept / GRID).read_bytes())
    for name, value in (
        ("AWS_ENDPOINT_URL", s3_server), ("AWS_ACCESS_KEY_ID", "only"), ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_DEFAULT_REGION", "us-east-1"), ("COGMILL_BUCKET", sample.archive.store.bucket),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()

    assert main(["site", "grids", "--from", "/nowhere", "--from", "bucket"]) == 0
    assert (installed / GRID).read_bytes() == (kept / GRID).read_bytes()
    sample.delete(f"proj/{GRID}")
    (installed / GRID).unlink()
    assert main(["site", "grids", "--from", "bucket"]) == 1
    assert f"has no proj/{GRID}" in capsys.readouterr().err


def test_takes_a_grid_from_the_network_of_proj(installed, kept, monkeypatch):
    about = {"name": GRID, "source_id": "us_noaa", "file_size": (kept / GRID).stat().st_size}
    listed = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": about}]}
    (kept / "files.geojson").write_text(json.dumps(listed))

    with served(kept) as address:
        monkeypatch.setenv("PROJ_NETWORK_ENDPOINT", address)
        assert main(["site", "grids"]) == 0

    assert (installed / GRID).read_bytes() == (kept / GRID).read_bytes()
    assert sorted(path.name for path in installed.iterdir()) == [CHECKSUMS, GRID]


def test_says_what_each_source_said_and_leaves_nothing_half(installed, kept, tmp_path, monkeypatch, capsys):
    page = tmp_path / "page"
    page.mkdir()
    (page / GRID).write_text("<html>not found</html>")
    monkeypatch.setenv("PROJ_NETWORK_ENDPOINT", "http://127.0.0.1:9")

    assert main(["site", "grids", "--from", str(page), "--from", "/nowhere", "--from", "network"]) == 1

    said = capsys.readouterr().err
    assert (
        f"PROJ's grid {GRID} is not installed: what came is no GeoTIFF; /nowhere has no {GRID}; PROJ's network did"
        in said
    )
    assert "placed less accurately or rejected until it is there" in said
    assert list(installed.iterdir()) == []


def test_says_so_when_the_folder_cannot_be_written(installed, kept, tmp_path, capsys):
    (tmp_path / "file").touch()

    assert main(["site", "grids", "--from", str(kept), "--to", str(tmp_path / "file" / "below")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_another_grid_of_the_same_size_has_another_checksum(installed, kept):
    """The build fingerprint names grids by their bytes, so this is no detail."""
    first = (kept / GRID).read_bytes()
    write_grid(kept, OTHER_SECONDS)

    assert len((kept / GRID).read_bytes()) == len(first)
    assert (kept / GRID).read_bytes() != first


def test_a_site_without_grids_needs_none(installed, monkeypatch, tmp_path, capsys):
    (tmp_path / "site.yaml").write_text("title: An archive\n")

    assert main(["site", "grids"]) == 0
    assert "asks for no grids" in capsys.readouterr().out


class Ranges(http.server.BaseHTTPRequestHandler):
    """Answers requests of ranges, as PROJ's network is asked, with the files of a folder."""

    folder: Path

    def do_GET(self) -> None:
        body = (self.folder / self.path.lstrip("/")).read_bytes()
        first, last = (int(edge) for edge in self.headers["Range"].removeprefix("bytes=").split("-"))
        part = body[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *about: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder by HTTP on a free port."""
    handler = type("Handler", (Ranges,), {"folder": folder})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_network_asks_for_the_program_that_brings_it(installed, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nowhere")

    assert shutil.which("projsync") is None
    assert main(["site", "grids"]) == 1
    assert "projsync is not installed (Debian: proj-bin)" in capsys.readouterr().err
