"""What goes wrong is said in words, and everything else goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.viewer.conftest import OpenPage
from tests.viewer.static_server import Files
from tests.viewer.test_journeys import BOTH_YEARS, EL_PASO, frames, place

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_list_of_services_is_missing(visit: OpenPage, site: Files) -> None:
    site.missing = {"/b/viewer/collections.json"}
    page = visit()

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("list of collections cannot be read")
    expect(alert).to_contain_text("not published")
    site.missing = set()
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator("#year")).to_have_text("1951")


def test_one_list_of_photographs_is_missing(visit: OpenPage, site: Files) -> None:
    site.missing = {"/b/catalog/travis_ascs_1964_frames/frames.fgb"}
    page = visit(f"?at={BOTH_YEARS}")

    assert [name[:4] for name in frames(page)] == ["1951", "1951", "1951", "1996"]
    expect(page.get_by_role("alert")).to_contain_text("Not searched: Travis ASCS 1964")


def test_server_without_ranges(visit: OpenPage, site: Files) -> None:
    site.without_ranges = True
    page = visit(f"?at={EL_PASO}")

    assert frames(page) == ["1937 Roll summer, frame 17"] or len(frames(page)) == 1
    expect(page.locator(".thumbnail.none")).to_have_text("no picture")


def test_map_host_is_away(visit: OpenPage) -> None:
    page = visit(f"?c={place(320, 320)}&z=17&year=1951")

    expect(page.locator("#notice")).to_contain_text("The map host 127.0.0.1:9 does not answer")
    page.goto(page.url.partition("?")[0] + f"?at={BOTH_YEARS}&z=17")
    assert len(frames(page)) == 5
