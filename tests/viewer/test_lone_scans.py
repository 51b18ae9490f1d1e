"""Scans without a position in the viewer: found, told as far as they are known, downloaded, and never put on the map."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.viewer.conftest import HAYS, TRAVIS, OpenPage
from tests.viewer.static_server import Files

pytestmark = [pytest.mark.system, pytest.mark.slow]


def search(page: Page, query: str) -> None:
    page.get_by_role("searchbox").fill(query)


def cards(page: Page) -> list[str]:
    return page.locator(".scan h4").all_text_contents()


def test_from_the_first_view_to_the_download_of_a_scan(visit: OpenPage, site: Files) -> None:
    page = visit()
    assert not [path for path, _, _ in site.asked if "scans" in path], "nobody has asked for them yet"

    page.get_by_role("button", name="Scans without a position").click()
    expect(page.locator("#scans [role=status]")).to_contain_text("3 scans in 2 collections")
    page.get_by_role("button", name=re.compile("Travis USDA 1951")).click()

    card = page.locator(".scan", has_text="Roll 9, frame 88")
    expect(card).to_contain_text("March 22, 1951")
    expect(card).to_contain_text("Travis, place unknown")
    expect(card.get_by_role("img")).to_have_js_property("naturalWidth", 256)
    download = card.get_by_role("link", name="Scan").get_attribute("href")
    assert page.request.get(download).body().startswith(b"II*\0")
    assert f"scans={TRAVIS.id}" in page.url
    page.go_back()
    expect(page.locator("#scans h2")).to_have_text("Scans without a position")


def test_what_nobody_knows_is_said_and_not_guessed(visit: OpenPage) -> None:
    page = visit(f"?scans={HAYS.id}")

    expect(page.locator("#scans [role=status]")).to_have_text(
        "1 scan without a position. Where they were taken is unknown."
    )
    card = page.locator(".scan")
    expect(card).to_contain_text("undated")
    expect(card).to_contain_text("Place unknown")
    expect(card).to_contain_text("No picture: it is drawn with one of the next nights")


def test_names_and_reasons_are_text(visit: OpenPage) -> None:
    page = visit(f"?scans={TRAVIS.id}")

    card = page.locator(".scan", has_text="box <b>7 &")
    expect(card.locator("h4")).to_have_text("box <b>7 &")
    expect(card).to_contain_text("1951")
    expect(card).to_contain_text("No picture: it cannot be drawn (truncated)")


@pytest.mark.parametrize(
    ("query", "found"),
    [("9-88", ["Roll 9, frame 88"]), ("travis 3/22/1951", ["Roll 9, frame 88"]), ("box", ["box <b>7 &"])],
)
def test_search_finds_scans_that_no_map_shows(visit: OpenPage, query: str, found: list[str]) -> None:
    page = visit()

    search(page, query)

    expect(page.locator("#found h2", has_text="Scans without a position")).to_be_visible()
    assert cards(page) == found


def test_search_finds_a_county_of_which_there_are_only_such_scans(visit: OpenPage) -> None:
    page = visit()

    search(page, "hays")
    page.locator("#found").get_by_role("button", name=re.compile("Hays AMS X1")).click()

    expect(page.locator("#scans .scan h4")).to_have_text("3")
    expect(page.locator("#found")).not_to_contain_text("Nothing found")


def test_an_archive_without_such_scans_says_so(visit: OpenPage, site: Files) -> None:
    site.missing.add("/b/catalog/scans.json")
    page = visit("?scans=all")

    expect(page.locator("#scans [role=status]")).to_have_text("Every scan of the archive has its place on the map.")


def test_a_list_that_cannot_be_read_is_told_and_the_map_goes_on(visit: OpenPage, site: Files) -> None:
    site.missing.add(f"/b/catalog/{TRAVIS.id}/scans.json")
    page = visit(f"?scans={TRAVIS.id}")

    expect(page.locator("#scans [role=alert]")).to_be_visible()
    page.get_by_role("button", name="Close this list").click()
    expect(page.locator("#start")).to_be_visible()
