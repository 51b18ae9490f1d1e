"""Web maps as anybody may write them, with OpenLayers, Leaflet and MapLibre: what they show is compared with the ground."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from demo.survey.landscape import AUSTIN
from tests.chromium import running_chromium
from tests.system.clients.ground import VIEW_PX, ZOOM, Ground
from tests.viewer.static_server import Files, serving

pytestmark = [pytest.mark.system, pytest.mark.slow]

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
"""MapLibre draws by WebGL; most machines that test have no graphics card."""


@pytest.fixture(scope="module")
def libraries() -> Path:
    """The packages of the lock file, from npm; installed when they are not yet, without running any of their programs."""
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = MODULES / ".installed-from"
    with (HERE / "package.json").open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # tests of several processes may want them
        if not stamp.exists() or stamp.read_text() != hashlib.sha256(lock).hexdigest():
            npm = Path(sys.executable).with_name("npm")
            path = os.pathsep.join([str(npm.parent), os.environ["PATH"]])
            command = [npm, "--prefix", HERE, "ci", "--ignore-scripts", "--loglevel=error"]
            subprocess.run(command, check=True, env={**os.environ, "PATH": path})
            stamp.write_text(hashlib.sha256(lock).hexdigest())
    return MODULES


@pytest.fixture(scope="module")
def pages(libraries: Path) -> Iterator[Files]:
    """A site of somebody else: another origin than bucket and map host."""
    with serving({"/npm/": libraries, "/": HERE / "pages"}) as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium(*SOFTWARE_WEBGL) as started:
        yield started


@pytest.mark.parametrize(
    ("library", "way", "version"),
    [
        ("openlayers", "tiles", ""),
        ("openlayers", "tilejson", ""),
        ("openlayers", "wms", "1.1.1"),
        ("openlayers", "wms", "1.3.0"),
        ("openlayers", "wmts", ""),
        ("leaflet", "tiles", ""),
        ("leaflet", "tilejson", ""),
        ("leaflet", "wms", "1.1.1"),
        ("leaflet", "wms", "1.3.0"),
        ("maplibre", "tiles", ""),
        ("maplibre", "tilejson", ""),
        ("maplibre", "wms", "1.1.1"),
    ],
)
def test_web_map_shows_the_ground(
    chromium: Browser, pages: Files, ground: Ground, tmp_path: Path, library: str, way: str, version: str
) -> None:
    asked = {
        "way": way,
        "version": version,
        "address": getattr(ground.addresses, way),
        "layer": ground.addresses.collection_id if way == "wmts" else ground.layer,
        "lon": AUSTIN.lon,
        "lat": AUSTIN.lat,
        "zoom": ZOOM,
    }
    errors: list[str] = []
    page = chromium.new_page(viewport={"width": VIEW_PX, "height": VIEW_PX})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

    page.goto(f"{pages.url}/{library}.html?{urlencode(asked)}")
    expect(page.locator("body[data-drawn]"), f"errors: {errors}").to_be_attached(timeout=60_000)
    shown = page.screenshot(path=tmp_path / f"{library}-{way}{version}.png")
    page.close()

    assert errors == []
    ground.assert_drawn(shown)
