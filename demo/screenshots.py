"""`make screenshots`: the pictures in docs/images, from the running demo, by headless Chromium."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from demo.stack import Stack, load_settings
from demo.stack.settings import REPOSITORY

OUT = REPOSITORY / "out"
"""Where the demo puts its pictures."""

IMAGES = REPOSITORY / "docs" / "images"
COLLECTION = "travis_usda_1951_frames"
SIZE = {"width": 1400, "height": 900}
SETTLE_MS = 4000
"""Airflow draws its graphs after the data has come; nothing on the page says when it is done."""
QUIET = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
"""No sandbox: Chromium refuses it to root. The rest keeps the browser from calling home."""


def main() -> int:
    """Take every picture; returns the exit code."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("cogmill: no chromium here; install it with: apt-get install chromium", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    airflow = load_settings().airflow_url
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        page = browser.new_page(viewport=SIZE)
        for name, address in pages(airflow).items():
            shoot(page, address, IMAGES / f"{name}.png")
        browser.close()
    shoot_viewer(chromium, Stack(load_settings()).viewer_url, {name: IMAGES / f"{name}.png" for name in VIEWS})
    picture = OUT / f"{COLLECTION}.png"
    if picture.exists():
        Image.open(picture).resize((720, 656)).quantize(160).save(IMAGES / "demo-map.png", optimize=True)
    return 0


PLACE = "-97.7466,30.2750"
"""In the middle of the demo's town."""

VIEWS: dict[str, tuple[str, dict[str, Any]]] = {
    "viewer": (f"?c={PLACE}&z=14.4&year=1951&at={PLACE}", {"viewport": SIZE}),
    "viewer-compare": ("?year=1951&with=1985&swipe=0.45", {"viewport": SIZE, "color_scheme": "dark"}),
    "viewer-phone": (
        f"?c={PLACE}&z=13&year=1951",
        {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    ),
}
"""Views of the viewer by the names of their pictures: query of the address, options of the browser."""


def shoot_viewer(chromium: str, address: str, pictures: Mapping[str, Path]) -> None:
    """Save pictures of the viewer by the names of their views."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        for name, picture in pictures.items():
            query, options = VIEWS[name]
            page = browser.new_page(**options)
            page.goto(address + query)
            page.wait_for_load_state("networkidle", timeout=60_000)
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=picture)
            Image.open(picture).convert("RGB").quantize(200).save(picture, optimize=True)
            page.close()
        browser.close()


def pages(airflow: str) -> dict[str, str]:
    """Return picture name -> address."""
    dag = f"collection__{COLLECTION}"
    run = quote(run_with_rejection(airflow, dag), safe="")
    return {
        "airflow-dags": f"{airflow}/dags",
        "airflow-grid": f"{airflow}/dags/{dag}/runs/{run}",
        "airflow-rejected": f"{airflow}/dags/{dag}/runs/{run}/tasks/rejected_frames/mapped",
        "airflow-graph": f"{airflow}/dags/{dag}/runs/{run}",
        "airflow-watch": f"{airflow}/dags/watch_uploads",
        "page-collections": f"{airflow}/plugin/collections",
        "page-rejected": f"{airflow}/plugin/collections/cogmill/rejected",
        "page-collection": f"{airflow}/plugin/collections/cogmill/dags/{dag}",
    }


def run_with_rejection(airflow: str, dag: str) -> str:
    """Return the id of the run that shows a rejected frame, or of the newest."""
    api = f"{airflow}/api/v2/dags/{dag}/dagRuns"
    runs = [run["dag_run_id"] for run in httpx.get(api, trust_env=False).json()["dag_runs"]]
    for run in runs:
        answer = httpx.get(f"{api}/{quote(run, safe='')}/taskInstances", trust_env=False).json()
        if any(ti["task_id"] == "rejected_frames" and ti["state"] == "skipped" for ti in answer["task_instances"]):
            return run
    return runs[-1]


def shoot(page: Page, address: str, picture: Path) -> None:
    """Save one page as a palette PNG."""
    view = "graph" if picture.stem.endswith("graph") else "grid"
    page.add_init_script(f"localStorage.setItem('default_dag_view', JSON.stringify('{view}'))")
    page.goto(address)
    page.wait_for_load_state("networkidle", timeout=60_000)
    if view == "graph":
        page.wait_for_selector(".react-flow__node", timeout=120_000)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=picture)
    Image.open(picture).convert("RGB").quantize(128).save(picture, optimize=True)
    print(picture.relative_to(REPOSITORY))


if __name__ == "__main__":
    sys.exit(main())
