"""Lists of the page: sorted, filtered, exported, and what *Retry all* asks for."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cogmill.domain.errors import ADVICE, Reason
from starlette.testclient import TestClient

from bench.ledger_seed import LARGE_ID, Size, seed

HEADER = re.compile(r'<th[^>]*aria-sort="(\w+)"><a href="([^"]*)">([^<]*)</a>')


@pytest.fixture
def page(ledger_connection: dict[str, object], database: dict[str, object]) -> Iterator[TestClient]:
    from cogmill_airflow.page import access
    from cogmill_airflow.page.app import app

    seed(Size(frames=400, collections=6, large=120, small=20), **database)
    app.dependency_overrides = {access.Reader.dependency: lambda: None, access.may_retry: lambda: True}
    yield TestClient(app, headers={"accept": "text/html"})
    app.dependency_overrides = {}


def reject(database: dict[str, object], key: str, reason: str, collection_id: str | None = LARGE_ID) -> None:
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, detail)"
            " VALUES (%s, %s, 'bw', 'x', 'e', 1, now(), 'rejected', %s, 'seen by a test')",
            [collection_id, key, reason],
        )


@pytest.mark.parametrize("path", ["/", f"/dags/collection__{LARGE_ID}", "/rejected"])
def test_every_column_that_can_be_sorted_says_how_and_turns_round(page: TestClient, path: str) -> None:
    links = re.findall(r'<th[^>]*><a href="([^"]+)"', page.get(path).text)

    assert len(links) >= 3
    for link in links:
        ((order, other, _),) = HEADER.findall(page.get(path + html.unescape(link)).text)
        assert order == ("descending" if "sort=-" in link else "ascending")
        ((turned, *_),) = HEADER.findall(page.get(path + html.unescape(other)).text)
        assert {order, turned} == {"ascending", "descending"}


def test_an_order_that_a_list_does_not_have_is_refused(page: TestClient) -> None:
    for path in ("/", f"/dags/collection__{LARGE_ID}", "/rejected"):
        assert page.get(f"{path}?sort=nonsense").status_code == 422
        assert page.get(f"{path}?sort=id;drop").status_code == 422


def test_rejected_uploads_are_found_by_reason_county_collection_and_key(
    page: TestClient, database: dict[str, object]
) -> None:
    reject(database, "bw/County0/USDA_1935/frames/georef/one.tif", "truncated")
    reject(database, "bw/County0/USDA_1935/frames/georef/two.tif", "too_large")

    def shown(**query: str) -> list[str]:
        text = page.get("/rejected", params=query).text
        return re.findall(r'class="key">[^<]*/(\w+)\.tif<', text)

    assert shown(reason="too_large") == ["two"]
    assert {"one", "two"} <= set(shown(county="County0"))
    assert shown(collection=LARGE_ID, sort="upload") == ["one", "two"]
    assert shown(q="ONE.tif") == ["one"]
    assert shown(county="nowhere") == []
    assert page.get("/rejected?reason=made_up").status_code == 422
    assert "No rejected upload matches." in page.get("/rejected?q=no-such-upload").text


@pytest.mark.parametrize("typed", ["S\u00fcd", " Su\u0308d "], ids=["composed", "as macOS types it"])
@pytest.mark.parametrize("path", [f"/dags/collection__{LARGE_ID}", "/rejected", "/uploads"])
def test_every_list_finds_an_umlaut_however_it_was_typed(
    page: TestClient, database: dict[str, object], path: str, typed: str
) -> None:
    reject(database, "bw/County0/USDA_1935/frames/georef/S\u00fcd.tif", "truncated")

    assert "S\u00fcd.tif" in page.get(path, params={"q": typed}).text


def test_a_frame_that_was_placed_without_a_grid_says_so(page: TestClient, database: dict[str, object]) -> None:
    assert "without PROJ" not in page.get(f"/dags/collection__{LARGE_ID}").text
    with psycopg.connect(**database) as ledger:
        ledger.execute(
            "UPDATE cogmill.frame SET shift_accuracy_m = 7, missing_grids = '{us_noaa_conus.tif}' WHERE id ="
            " (SELECT min(id) FROM cogmill.frame WHERE collection_id = %s AND state = 'published')",
            [LARGE_ID],
        )

    text = html.unescape(page.get(f"/dags/collection__{LARGE_ID}?state=published").text)

    assert text.count("placed within 7 m, without PROJ's grid us_noaa_conus.tif") == 1


def test_rejected_uploads_are_exported_as_the_list_shows_them(page: TestClient, database: dict[str, object]) -> None:
    reject(database, "=cmd/georef/x.tif", "truncated", None)
    reject(database, 'bw/County0/USDA_1935/frames/georef/two, "2".tif', "too_large")

    answer = page.get("/rejected.csv", params={"reason": "too_large"})
    (line,) = csv.DictReader(answer.text.splitlines())
    every = list(csv.DictReader(page.get("/rejected.csv").text.splitlines()))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert line["upload"] == 'bw/County0/USDA_1935/frames/georef/two, "2".tif'
    assert (line["collection"], line["reason"]) == (LARGE_ID, "too_large")
    assert line["advice"] == ADVICE[Reason.TOO_LARGE]
    assert "'=cmd/georef/x.tif" in [one["upload"] for one in every]


def test_retry_all_asks_for_what_the_list_shows(page: TestClient, database: dict[str, object]) -> None:
    reject(database, "bw/County0/USDA_1935/frames/georef/two's.tif", "too_large")

    text = page.get("/rejected", params={"reason": "too_large", "county": "County0", "q": "Two's"}).text
    (conf,) = re.findall(r"data-conf='([^']*)'", text)

    assert json.loads(html.unescape(conf)) == {
        "collections": ["everything"],
        "states": ["rejected"],
        "dry_run": False,
        "reasons": ["too_large"],
        "counties": ["County0"],
        "contains": "two's",
    }
    assert "Retry all 1 found" in text
    assert "Retry all" not in page.get("/rejected?q=no-such-upload").text


def test_the_map_is_asked_for_what_the_list_shows(page: TestClient) -> None:
    assert 'data-filter="?q=usda&amp;only=rejected"' in page.get("/?q=usda&only=rejected").text
    every, some = (page.get(f"/extents{query}").json()["collections"] for query in ("", "?q=usda&only=rejected"))
    assert len(some) < len(every)

    frames = page.get(f"/dags/collection__{LARGE_ID}/footprints?q=-1.tif&state=published").json()["frames"]
    assert {frame["stem"].endswith("-1") for frame in frames} == {True}


def test_a_collection_shows_its_scans_and_overviews(page: TestClient, database: dict[str, object]) -> None:
    with psycopg.connect(**database) as ledger:
        ledger.execute("UPDATE cogmill.collection SET overview_levels = '{3,4}', overview_revision = 0")

    text = page.get(f"/dags/collection__{LARGE_ID}").text

    assert re.search(r"116 raw scans, <a href=\"/findings\?kind=scan_missing\">4 frames without one</a>", text)
    assert "overviews: 2 levels, 0 cells, older than the frames: the next run renews them" in text
    assert text.count(">Scan</a>") > 40


def test_bands_of_a_frame_are_known_whatever_its_key_begins_with(page: TestClient, database: dict[str, object]) -> None:
    reject(database, "Travis/1951 USDA/Luftbilder/sw/georeferenziert/one.tif", "truncated")

    text = page.get(f"/dags/collection__{LARGE_ID}", params={"q": "luftbilder"}).text

    assert re.findall(r'data-label="bands">([^<]*)<', text) == ["bw"]


def test_place_names_come_from_a_file_of_the_installation_and_from_nowhere_else(
    page: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogmill.config.settings import load_settings

    assert "data-places" not in page.get("/").text
    assert page.get("/places").status_code == 404

    file = tmp_path / "counties.geojson"
    file.write_text('{"type": "FeatureCollection", "features": []}')
    monkeypatch.setenv("COGMILL_PLACES_FILE", str(file))
    load_settings.cache_clear()
    try:
        assert 'data-places="/places"' in page.get("/").text
        assert page.get("/places").json()["features"] == []
    finally:
        monkeypatch.undo()
        load_settings.cache_clear()
