"""The viewer in a browser, over files of a small archive: no map host, no ledger, no Airflow."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands, Collection, Product
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.scans.lone_scan import LoneScan
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page
from rasterio.crs import CRS

from demo.stack.temporary_stack import free_ports
from demo.survey.export import TILES, save
from tests.chromium import running_chromium
from tests.viewer.static_archive import WHEN, StaticArchive
from tests.viewer.static_server import Files, serving

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "include" / "viewer"
SIDE, GSD = 320, 2.0
WEST, NORTH = -10_881_000.0, 3_540_000.0
"""Upper left corner of the first photograph, EPSG:3857."""

TRAVIS_1951 = "bw/Travis/USDA_1951/frames/georef"
SHOTS: dict[str, tuple[float, float]] = {
    f"{TRAVIS_1951}/03-22-51_4-173.tif": (0, 0),
    f"{TRAVIS_1951}/03-22-51_4-174.tif": (240, 20),
    f"{TRAVIS_1951}/03-22-51_5-51 50% Süd+.tif": (480, 0),
    "bw/Travis/ASCS_1964/frames/georef/11-03-64_2-9.tif": (100, 60),
    "bw/Travis/USDA_1951/index/georef/USDA_1951_01.tif": (60, 10),
    "nc/StratMap/Travis/TNRIS_1996/frames/georef/7_12_01-29-96.tif": (40, 40),
    "bw/ElPaso/AMS_1937/frames/georef/summer_17.tif": (-9000, 0),
}
"""Key of each photograph, and how far its corner lies east and south of the first one's, in meters."""


TRAVIS = Collection("Travis", "USDA", "1951", Product.FRAMES)
HAYS = Collection("Hays", "AMS", "X1", Product.FRAMES)
TRAVIS_BOX = Bounds4326(-97.7458, 30.2728, -97.7363, 30.2833)
"""Rectangle around the photographs of the county of lone scans."""


def photograph(path: Path, bands: int, east: float, south: float) -> Path:
    """Write blocks of gray or color with some noise, so that no film collar is found."""
    rng = np.random.default_rng(round(east + 7 * south) % 1000)
    coarse = rng.integers(60, 190, (bands, SIDE // 20, SIDE // 20)).astype(np.float32)
    pixels = np.kron(coarse, np.ones((1, 20, 20), np.float32)) + rng.normal(0, 6, (bands, SIDE, SIDE))
    place = Affine.translation(WEST + east, NORTH - south) @ Affine.scale(GSD, -GSD)
    save(path, np.clip(pixels, 30, 225).astype(np.uint8), transform=place, crs=CRS.from_epsg(3857), **TILES)
    return path


def lone_scans(folder: Path) -> dict[Collection, list[LoneScan]]:
    """Return scans without a position, the first with a picture: of a county that is on the map, and of one of which nothing is known."""
    known = LoneScan(
        bands=Bands.BW, stem="03-22-51_9-88", key="bw/Travis/USDA_1951/frames/scanned/03-22-51_9-88.tif", size=12_300_000, uploaded_at=WHEN,
        date="03-22-51", roll="9", frame_num="88", acquired=(dt.date(1951, 3, 22), dt.date(1951, 3, 22)),
        picture=f"catalog/{TRAVIS.id}/scans/bw/03-22-51_9-88.webp", width=320, height=320, reason=None,
    )  # fmt: skip
    year = dt.date(1951, 1, 1), dt.date(1951, 12, 31)
    spoiled = replace(
        known,
        stem="box <b>7 &",
        date=None,
        roll=None,
        frame_num=None,
        acquired=year,
        picture=None,
        reason="truncated",
    )
    nowhere = replace(spoiled, key="bw/Hays/AMS_X1/frames/scanned/3.tif", stem="3", acquired=None, reason=None)
    target = folder / str(known.picture)
    target.parent.mkdir(parents=True)
    Image.linear_gradient("L").save(target)
    for scan in (known, spoiled, nowhere):
        (folder / scan.key).parent.mkdir(parents=True, exist_ok=True)
        (folder / scan.key).write_bytes(b"II*\0 a scan")
    return {TRAVIS: [known, spoiled], HAYS: [nowhere]}


@pytest.fixture(scope="session")
def built_viewer() -> Path:
    """The viewer as packages carry it; built here when it is not yet."""
    subprocess.run([ROOT / "setup" / "viewer.sh"], check=True)
    return BUILT


@pytest.fixture(scope="session")
def port() -> int:
    """Where `site` listens: the lists of photographs hold addresses."""
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def bucket(port: int, built_viewer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published files of a small archive."""
    folder, uploads = tmp_path_factory.mktemp("bucket"), tmp_path_factory.mktemp("uploads")
    addresses = ArchiveAddresses(f"http://127.0.0.1:{port}/b", "http://127.0.0.1:9")
    archive = StaticArchive(folder, addresses)
    files = {
        key: photograph(uploads / f"{number}.tif", 1 if key.startswith("bw") else 3, *place)
        for number, (key, place) in enumerate(SHOTS.items())
    }
    archive.add(files)
    archive.publish()
    archive.write_scans(lone_scans(folder), {TRAVIS: TRAVIS_BOX})
    return folder


@pytest.fixture
def site(bucket: Path, port: int) -> Iterator[Files]:
    """A server of the bucket with the viewer in it."""
    with serving({"/b/": bucket}, port) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with running_chromium() as started:
        yield started


OpenPage = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, site: Files) -> Iterator[OpenPage]:
    """Open the viewer with a query; options are those of a browser context. Errors of its scripts fail the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def go(query: str = "", **options: object) -> Page:
        context = chromium.new_context(
            **{"viewport": {"width": 1300, "height": 850}, "reduced_motion": "reduce", **options}
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(f"dialog {dialog.message}"))
        page.goto(f"{site.url}/b/viewer/index.html{query}")
        return page

    yield go
    for context in contexts:
        context.close()
    assert errors == []
