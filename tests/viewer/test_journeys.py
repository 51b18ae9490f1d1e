"""What people do with the viewer: look through the years, compare, ask what shows a place, search, hand on a link."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.system.probes import wait_until
from tests.viewer.conftest import GSD, NORTH, SIDE, WEST, OpenPage
from tests.viewer.static_archive import to_degrees
from tests.viewer.static_server import Files

pytestmark = [pytest.mark.system, pytest.mark.slow]

HALF = SIDE * GSD / 2
MARK = (0xD1, 0x22, 0x4F)
"""Color of marks in the style sheet, in light."""


def place(east: float, south: float) -> str:
    """Return longitude and latitude of a place, meters from the corner of the first photograph."""
    ((lon, lat),) = to_degrees(np.array([[WEST + east, NORTH - south]])).tolist()
    return f"{lon:.6f},{lat:.6f}"


BOTH_YEARS = place(300, 300)
"""Shown by three photographs of 1951, 1964 and 1996, and a sheet."""
EL_PASO = place(-9000 + HALF, HALF)


def year(page: Page) -> Any:
    return page.locator("#year")


def frames(page: Page) -> list[str]:
    """Return the names of the listed photographs, once all collections have been asked."""
    expect(page.locator("#here [role=status]")).to_contain_text(re.compile("photograph"))
    expect(page.locator("#here")).not_to_have_attribute("aria-busy", "true")
    return [f"{year} {name}" for year, name in page.evaluate(
        "[...document.querySelectorAll('#here h4')].map(h => [h.closest('section').querySelector('h3').textContent, h.textContent])"
    )]  # fmt: skip


def test_slider_stops_where_the_place_shown_has_photographs(visit: OpenPage) -> None:
    page = visit(f"?c={EL_PASO}&z=15&year=1951")
    expect(page.locator("#notice")).to_contain_text("No photographs of 1951 here")

    page.get_by_role("button", name="Show 1937").click()

    expect(year(page)).to_have_text("1937")
    expect(page.get_by_role("button", name="Later")).to_be_disabled()
    expect(page.get_by_role("slider", name="Year")).to_have_attribute("aria-valuemax", "0")
    assert "year=1937" in page.url


def test_years_by_keyboard_and_back_again(visit: OpenPage) -> None:
    page = visit(f"?c={place(320, 320)}&z=14&year=1951")
    expect(page.get_by_role("slider", name="Year")).to_have_attribute("aria-valuetext", "1951, 3 photographs in view")
    slider = page.get_by_role("slider", name="Year")

    slider.press("ArrowRight")
    expect(year(page)).to_have_text("1964")
    slider.press("End")
    expect(year(page)).to_have_text("1996")
    page.go_back()
    expect(year(page)).to_have_text("1964")
    page.go_forward()

    expect(year(page)).to_have_text("1996")


def test_a_visit_begins_with_the_whole_archive_and_its_fullest_year(visit: OpenPage) -> None:
    page = visit()

    expect(year(page)).to_have_text("1951")
    expect(page.get_by_role("button", name=re.compile("Travis USDA 1951"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?c=-97\.\d+,30\.\d+&z=[\d.]+&year=1951$"))


def test_every_photograph_of_a_place_is_listed_by_date(visit: OpenPage, site: Files) -> None:
    page = visit(f"?at={BOTH_YEARS}")

    assert frames(page) == ["1951 Index sheet 01", "1951 Roll 4, frame 173", "1951 Roll 4, frame 174", "1964 Roll 2, frame 9", "1996 Roll 7, frame 12"]  # fmt: skip
    card = page.locator(".frame", has_text="Roll 4, frame 173")
    expect(card).to_contain_text("March 22, 1951")
    expect(card.locator("canvas")).to_be_visible()
    cog = card.get_by_role("link", name="COG").get_attribute("href")
    assert page.request.get(cog).body()[:4] == b"II*\0"
    expect(card.get_by_role("link", name="WMS")).to_have_attribute("href", re.compile("travis_usda_1951_frames.map"))


def test_small_pictures_are_read_by_range_and_show_the_photograph(visit: OpenPage, site: Files) -> None:
    page = visit(f"?at={EL_PASO}")
    canvas = page.locator(".frame canvas")
    expect(canvas).to_be_visible()

    reds = canvas.evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((v, i) => i % 4 === 0)"
    )
    assert max(reds) > 120
    assert len(set(reds)) > 20
    assert all(span for path, span, _ in site.asked if path.endswith(".tif"))


def test_one_photograph_alone_by_a_link(visit: OpenPage) -> None:
    page = visit("?frame=travis_usda_1951_frames/bw/03-22-51_4-174")

    button = page.locator(".frame.shown").get_by_role("button", name="Show all")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".frame.shown h4")).to_have_text("Roll 4, frame 174")
    expect(page.locator("#map[data-alone]")).to_be_visible()
    button.click()
    expect(page.locator(".frame.shown")).to_have_count(0)
    expect(page.locator("#map[data-alone]")).to_have_count(0)


def marked_pixels(page: Page) -> int:
    """Count the pixels of the map in the color of marks: the pin of a place has some 150, an outline many more."""
    picture = np.asarray(Image.open(io.BytesIO(page.locator("#map").screenshot())).convert("RGB")).astype(int)
    return int((np.abs(picture - MARK).max(axis=2) < 12).sum())


def test_photograph_that_is_shown_alone_stays_outlined(visit: OpenPage) -> None:
    page = visit(f"?at={BOTH_YEARS}&z=15", color_scheme="light")
    frames(page)
    button = page.locator(".frame .alone").first
    button.focus()
    wait_until(lambda: marked_pixels(page) > 500, 30)

    button.press("Enter")
    expect(page.locator("#map[data-alone]")).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert marked_pixels(page) > 500


def test_back_from_a_place_closes_its_list(visit: OpenPage) -> None:
    page = visit(f"?c={BOTH_YEARS}&z=15")
    expect(year(page)).to_have_text("1951")
    page.get_by_role("button", name="List the photographs at the middle").click()
    assert len(frames(page)) == 5

    page.go_back()

    expect(page.locator("#here")).to_be_hidden()
    expect(page.locator("#start")).to_be_visible()


def test_a_link_to_a_photograph_that_is_gone_says_so(visit: OpenPage) -> None:
    page = visit("?frame=travis_usda_1951_frames/bw/never")

    expect(page.locator("#notice")).to_contain_text("not in the archive")


def test_odd_names_survive_links(visit: OpenPage) -> None:
    page = visit("?frame=travis_usda_1951_frames/bw/03-22-51_5-51%2050%25%20S%C3%BCd%2B")

    expect(page.locator(".frame.shown h4")).to_have_text("Roll 5, frame 51 50% Süd+")
    page.reload()
    expect(page.locator(".frame.shown h4")).to_have_text("Roll 5, frame 51 50% Süd+")
    cog = page.locator(".frame.shown").get_by_role("link", name="COG").get_attribute("href")
    assert page.request.get(cog).ok


def test_two_years_side_by_side(visit: OpenPage) -> None:
    page = visit(f"?c={place(320, 320)}&z=13&year=1951")
    page.get_by_label("Compare with").select_option("1964")

    divider = page.get_by_role("slider", name="Divider between the two maps")
    expect(divider).to_be_visible()
    expect(page.locator("#left-label")).to_have_text("1951")
    expect(page.locator("#right-label")).to_have_text("1964")
    divider.press("ArrowLeft")
    divider.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuenow", "40")
    assert "with=1964&swipe=0.40" in page.url
    page.get_by_label("Compare with").select_option("map")
    expect(page.locator("#right-label")).to_have_text("no photographs")
    page.get_by_label("Compare with").select_option("")
    expect(divider).to_be_hidden()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("travis 1951", ["Travis USDA 1951", "Travis USDA 1951"]),
        ("el paso", ["El Paso AMS 1937"]),
        ("travis 4-173", ["Roll 4, frame 173"]),
        ("3/22/1951 174", ["Roll 4, frame 174"]),
        ("30.30, -97.74", ["Go to 30.3, -97.74"]),
    ],
)
def test_search(visit: OpenPage, query: str, found: list[str]) -> None:
    page = visit()
    page.get_by_role("searchbox").fill(query)

    for number, name in enumerate(found):
        expect(page.locator("#found .service").nth(number)).to_contain_text(name)


def test_what_was_typed_while_the_page_loads_is_searched_for(visit: OpenPage) -> None:
    page = visit()
    expect(year(page)).to_have_text("1951")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/collections.json", hold)
    page.reload(wait_until="domcontentloaded")

    page.get_by_role("searchbox").fill("el paso")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()

    expect(page.locator("#found .service")).to_contain_text("El Paso AMS 1937")


def test_a_found_photograph_is_shown(visit: OpenPage) -> None:
    page = visit()
    page.get_by_role("searchbox").fill("travis 4-174")
    page.get_by_role("button", name=re.compile("Roll 4, frame 174")).click()

    expect(page.locator(".frame.shown h4")).to_have_text("Roll 4, frame 174")
    assert "frame=travis_usda_1951_frames/bw/03-22-51_4-174&q=travis%204-174" in page.url


def test_nothing_found_says_what_can_be_found(visit: OpenPage) -> None:
    page = visit()
    page.get_by_role("searchbox").fill("zanzibar")

    expect(page.locator("#found")).to_contain_text("No such photograph")


def test_without_a_mouse(visit: OpenPage) -> None:
    page = visit(f"?c={BOTH_YEARS}&z=15")
    expect(year(page)).to_have_text("1951")
    page.locator("#map").focus()
    page.keyboard.press("Enter")

    assert len(frames(page)) == 5
    page.locator("#map").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#here")).to_be_hidden()


def test_outlines_of_the_year(visit: OpenPage) -> None:
    page = visit(f"?c={place(320, 320)}&z=15&year=1951")
    page.get_by_role("button", name="Outlines of photographs").click()

    expect(page.locator("#map")).to_have_attribute("data-outlines", "3")
    assert "outlines=1" in page.url


def test_outlines_are_read_once_while_the_map_stays(visit: OpenPage, site: Files) -> None:
    page = visit(f"?c={place(320, 320)}&z=15&year=1951&outlines=1")
    expect(page.locator("#map")).to_have_attribute("data-outlines", "3")
    page.wait_for_load_state("networkidle")
    before = [path for path, *_ in site.asked if path.endswith("frames.fgb")]

    page.get_by_label("Compare with").select_option("map")
    expect(page.locator("#right-label")).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert [path for path, *_ in site.asked if path.endswith("frames.fgb")] == before != []
    page.get_by_role("button", name="Later").click()
    expect(page.locator("#map")).to_have_attribute("data-outlines", "1")


def test_index_sheets_on_the_map_when_asked_for(visit: OpenPage) -> None:
    page = visit(f"?c={place(320, 320)}&z=13&year=1951")
    expect(page.locator("#count")).to_have_text("3 photographs in view")

    page.get_by_role("checkbox", name="Index sheets on the map").check()

    expect(page.locator("#count")).to_have_text("4 photographs in view")
    assert "sheets=1" in page.url
    expect(page.get_by_role("checkbox", name="Index sheets on the map")).to_be_focused()


def test_hostile_names_are_only_text(visit: OpenPage, site: Files, bucket: Any, tmp_path: Any) -> None:
    evil = "<img src=x onerror=alert(1)>"
    text = json.loads((bucket / "viewer/collections.json").read_text())
    for row in text["collections"]:
        row[2:5] = [evil, evil, evil]
    text["addresses"]["wms"] = "javascript:alert(1)//"
    (tmp_path / "viewer").mkdir()
    (tmp_path / "viewer/collections.json").write_text(json.dumps(text))
    site.folders = {"/b/viewer/collections.json": tmp_path / "viewer/collections.json", **site.folders}

    page = visit(f"?at={EL_PASO}&q=zz")

    expect(page.locator("#here .frame")).to_contain_text(evil)
    assert page.locator("#panel img").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0


def test_places_of_the_site_are_drawn_and_named(visit: OpenPage, site: Files) -> None:
    page = visit()
    point = {"type": "Point", "coordinates": [float(part) for part in BOTH_YEARS.split(",")]}
    places = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"name": "<b>Town"}, "geometry": point}],
    }
    page.route("**/viewer/config.json", lambda route: route.fulfill(json={"places": "places.geojson"}))
    page.route("**/viewer/places.geojson", lambda route: route.fulfill(json=places))

    page.goto(f"{site.url}/b/viewer/index.html?c={place(4000, 300)}&z=14")

    expect(page.locator("#map[data-places='1']")).to_be_visible()


def test_a_file_of_places_that_cannot_be_read_costs_nothing_else(visit: OpenPage, site: Files) -> None:
    page = visit()
    page.route("**/viewer/config.json", lambda route: route.fulfill(json={"places": "places.geojson"}))

    page.goto(f"{site.url}/b/viewer/index.html?c={place(320, 320)}&z=14&year=1951")

    expect(year(page)).to_have_text("1951")


def test_a_site_in_german_speaks_german(visit: OpenPage, site: Files) -> None:
    page = visit()
    page.route("**/viewer/config.json", lambda route: route.fulfill(json={"language": "de", "title": "Years"}))

    page.goto(f"{site.url}/b/viewer/index.html?at={BOTH_YEARS}")

    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#title")).to_have_text("Years")
    expect(page.locator("#here [role=status]")).to_have_text("5 Luftbilder, 3 Jahre")
    card = page.locator(".frame", has_text="Film 4, Bild 173")
    expect(card).to_contain_text("22. März 1951")
    card.get_by_role("button", name="Allein zeigen").click()
    expect(card.get_by_role("button", name="Alle zeigen")).to_be_visible()
    expect(page.get_by_role("slider", name="Jahr")).to_be_visible()
    expect(page.get_by_placeholder("Kreis, Jahr, Film-Bild, Datum …")).to_be_visible()
    expect(page.locator(".ol-scale-line")).to_have_text(re.compile(r"^\d+ k?m$"))


def test_a_site_in_english_measures_in_feet_and_miles(visit: OpenPage) -> None:
    page = visit()

    expect(page.locator(".ol-scale-line")).to_have_text(re.compile(r"^\d+ (ft|mi)$"))
