"""Measure the viewer with 3,000 collections and 1,000,000 photographs: `python -m bench.viewer`, three minutes.

The lists are written by the program's own writers, those of photographs for the collections of one county, the only ones that a view of
it reads; a server of files on this machine answers as a bucket does, and Chromium looks. Nothing is drawn by a map host, and files are
not compressed on their way, so bytes are more than they are in production. Prints a table; writes `bench/results/viewer.json`.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from cogmill.domain import keys
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public import frame_lists
from cogmill.public.services_list import CatalogEntry, catalog_entry
from cogmill.public.writers import archive_documents
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from demo.screenshots import QUIET
from tests.viewer.static_archive import SITE, StaticArchive, collection_facts, published_frame, to_degrees
from tests.viewer.static_server import Files, serving

RESULTS = Path(__file__).parent / "results" / "viewer.json"
COUNTIES, YEARS, FRAMES = 250, 12, 333
"""3,000 collections with 1,000,000 photographs, but one collection that has many more."""

LARGE = 10_000
"""Photographs of that one."""

COUNTY_M = 50_000.0
"""Side of a county, which all of its collections cover."""

WEST, NORTH = -11_700_000.0, 4_350_000.0
MEASURED = 117
"""County that is looked at; its collections have lists of photographs."""


@dataclass(frozen=True)
class Step:
    """What one action cost."""

    what: str
    seconds: float
    requests: int
    kilobytes: float


def corner(county: int) -> tuple[float, float]:
    """Return the upper left corner of a county, EPSG:3857."""
    row, column = divmod(county, 16)
    return WEST + column * COUNTY_M, NORTH - row * COUNTY_M


def name_of(county: int) -> str:
    """Return the name of a county's folder."""
    return f"County{chr(65 + county // 26)}{chr(97 + county % 26)}"


def make_archive(folder: Path, base: str) -> int:
    """Write what the viewer reads, and return the number of photographs."""
    archive = StaticArchive(folder, ArchiveAddresses(f"{base}/b", "http://127.0.0.1:9"))
    entries: list[CatalogEntry] = []
    for county in range(COUNTIES):
        for year in range(1930, 1930 + 5 * YEARS, 5):
            count = LARGE if (county, year) == (MEASURED, 1950) else FRAMES
            # photographs of one collection stand for those of all others: their lists are read by no view of the county
            known = count if county == MEASURED else 4
            entries.append(add(archive, county, year, known, count))
    archive.write(archive_documents(SITE, archive.addresses, sorted(entries, key=lambda entry: entry.id)))
    return sum(entry.frames for entry in entries)


def add(archive: StaticArchive, county: int, year: int, known: int, count: int) -> CatalogEntry:
    """Write a collection's lists and picture; return its entry."""
    side = int(np.ceil(np.sqrt(known)))
    step = COUNTY_M / side
    west, north = corner(county)
    name = name_of(county)
    frames = []
    for number in range(known):
        row, column = divmod(number, side)
        x, y = west + column * step, north - row * step
        upload = keys.parse_upload(
            f"bw/{name}/USDA_{year}/frames/georef/03-22-{year % 100}_{number // 200}-{number}.tif"
        )
        outline = shapely.box(x, y - 1.6 * step, x + 1.6 * step, y)
        frames.append(published_frame(upload, f"bw/x/{number}.tif", outline, None))
    facts = collection_facts(upload.collection, frames, archive.addresses)
    if county == MEASURED:
        archive.write(frame_lists.documents(facts, frames))
    for size in keys.THUMBNAIL_SIZES:
        target = archive.folder / keys.thumbnail_key(upload.collection.id, size)
        target.parent.mkdir(exist_ok=True)
        target.hardlink_to(picture(archive.folder, size))
    return replace_frames(catalog_entry(facts), count)


def picture(folder: Path, size: int) -> Path:
    """Return a picture of a collection, the same for all; as hard to compress as a photograph."""
    path = folder / f"picture_{size}.webp"
    if not path.exists():
        noise = np.random.default_rng(1).integers(60, 190, (size // 4, size // 4), dtype=np.uint8)
        Image.fromarray(noise).convert("RGB").resize((size, size), Image.Resampling.BICUBIC).save(path, quality=75)
    return path


def replace_frames(entry: CatalogEntry, count: int) -> CatalogEntry:
    """Return an entry that says how many photographs its collection has."""
    return CatalogEntry.from_stored(entry.stored() | {"frames": count})


@contextmanager
def measured(server: Files, steps: list[Step], what: str) -> Iterator[None]:
    """Time an action and count what it asks for."""
    server.asked.clear()
    begun = time.monotonic()
    yield
    seconds = time.monotonic() - begun
    steps.append(
        Step(what, round(seconds, 2), len(server.asked), round(sum(size for *_, size in server.asked) / 1000, 1))
    )


def look(page: Page, server: Files) -> list[Step]:
    """Do what people do, and return what each step cost."""
    steps: list[Step] = []
    west, north = corner(MEASURED)
    lon, lat = degrees(west + 24_000, north - 24_000)
    address = f"{server.url}/b/viewer/index.html"
    with measured(server, steps, "whole archive, first picture"):
        page.goto(address)
        page.locator("#map[data-drawn]").wait_for()
    with measured(server, steps, "another year of the whole archive"):
        page.locator("#later").click()
        page.locator(f"#map[data-drawn='{page.locator('#year').text_content()}']").wait_for()
    with measured(server, steps, f"every photograph of a place ({YEARS} collections)"):
        page.goto(f"{address}?at={lon:.6f},{lat:.6f}&z=13")
        done(page)
    with measured(server, steps, "another place, same page"):
        before = page.url
        page.mouse.click(900, 300)
        page.wait_for_url(lambda address: address != before)
        done(page)
    with measured(server, steps, "outlines of a year in view"):
        page.locator("#outlines").click()
        page.locator("#map:not([data-outlines='0'])[data-outlines]").wait_for()
    with measured(server, steps, f"search by county, year, roll and frame ({LARGE:,} photographs)"):
        page.get_by_role("searchbox").fill(f"{name_of(MEASURED)} 1950 7-1444")
        page.locator("#found .service", has_text="frame 1444").wait_for()
    return steps


def done(page: Page) -> None:
    """Wait until all collections of a place have answered."""
    page.locator("#here [role=status]", has_text="year").wait_for()


def degrees(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of a place in EPSG:3857."""
    ((lon, lat),) = to_degrees(np.array([[x, y]])).tolist()
    return lon, lat


def main() -> int:
    """Measure and print; returns the exit code."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium here; install it with: setup/install.sh browser", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="cogmill-bench-") as name, serving({"/b/": Path(name)}) as server:
        begun = time.monotonic()
        frames = make_archive(Path(name), server.url)
        print(f"{COUNTIES * YEARS:,} collections, {frames:,} photographs, written in {time.monotonic() - begun:.0f} s")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
            steps = look(browser.new_page(viewport={"width": 1300, "height": 850}, reduced_motion="reduce"), server)
            browser.close()
    for step in steps:
        print(f"{step.what:60} {step.seconds:6.2f} s {step.requests:5} requests {step.kilobytes:9.1f} kB")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([vars(step) for step in steps], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
