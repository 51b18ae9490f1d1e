"""No violation of axe-core's rules, in light, dark and on a phone; weight of the first load; nothing of third parties."""

from __future__ import annotations

import gzip
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.viewer.conftest import ROOT, OpenPage
from tests.viewer.static_server import Files
from tests.viewer.test_journeys import BOTH_YEARS, frames

pytestmark = [pytest.mark.system, pytest.mark.slow]

AXE = ROOT / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
FIRST_LOAD = 400_000
"""Bytes, compressed, before anything is chosen."""

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1300, "height": 850}}


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {[node['html'][:160] for node in one['nodes']]}" for one in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_is_in_the_way_of_anybody(visit: OpenPage, scheme: str, device: dict[str, object]) -> None:
    page = visit("", color_scheme=scheme, **device)
    expect(page.locator("#year")).to_have_text("1951")
    assert violations(page) == []

    page.goto(page.url.partition("?")[0] + f"?at={BOTH_YEARS}&with=1964&q=travis+4-173&outlines=1")
    assert len(frames(page)) == 5
    expect(page.locator("#found .service").first).to_be_visible()
    page.locator(".frame .alone").first.click()
    assert violations(page) == []


def test_phone_shows_map_and_list(visit: OpenPage) -> None:
    page = visit(f"?at={BOTH_YEARS}", **PHONE)

    assert len(frames(page)) == 5
    page.get_by_role("button", name="Fold this panel").click()
    expect(page.locator("#here")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_first_load_is_small_and_asks_nobody_else(visit: OpenPage, site: Files, built_viewer: Path) -> None:
    hosts: set[str] = set()
    page = visit()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.reload()
    expect(page.locator("#year")).to_have_text("1951")
    page.wait_for_load_state("networkidle")

    own = {path.partition("?")[0] for path, _, _ in site.asked if path.startswith("/b/viewer/")}
    files = [built_viewer / path.removeprefix("/b/viewer/") for path in own if not path.endswith(".json")]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < FIRST_LOAD
    assert hosts - {"127.0.0.1:9"} == {urlsplit(site.url).netloc}
