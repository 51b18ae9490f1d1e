"""What a person waits for in Airflow's UI with thousands of collections and a million uploads; `bench.scale_airflow` asks it.

Chromium, without a window, in front of a stack that runs: forms, the search of the list of DAGs, and the searches of the page
Collections. A time runs from the click, or the last key, until what was asked for can be seen.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
from playwright.sync_api import Locator, Page, expect

from bench.scale import Figure
from demo.stack import Stack
from tests.chromium import running_chromium

FORMS = {"backfill": "collections", "retry": "collections", "render_mapfiles": "collections", "rollback": "collection"}
"""DAGs whose forms offer all collections, and the field that does."""

COUNTIES = (7, 404, 555, 808, 999)
"""Counties that are searched for, by the number in their names."""

BOXES = {
    "shows a county": ("Search collections", "County{}_"),
    "finds uploads": ("Search uploads", "County{}/USDA"),
}
"""Boxes of the page Collections, and what is typed into them."""

FORM_S, SEARCH_S = 2.0, 1.0
"""What a form, and any search, may take."""

PATIENCE_MS = 60_000

UPLOADS = """
INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, arrived_at, state, reason, detail)
SELECT c.id, format('bw/%%s/%%s_%%s/frames/georef/%%s.tif', c.folder, c.agency, c.year, stem), 'bw', stem, md5(stem), 45000000, now(),
    now(), 'rejected', 'no_crs', 'made for measuring'
FROM cogmill.collection AS c, generate_series(1, %(each)s) AS n, format('03-22-51_4-%%s', n) AS stem
WHERE c.folder LIKE 'County%%'
"""
"""Rejected ones: they are all that a search reads, and no run takes them."""


def add_uploads(stack: Stack, uploads: int) -> None:
    """Let the ledger know about so many uploads, spread over all collections."""
    with psycopg.connect(stack.dsn("owner"), autocommit=True) as connection:
        ((collections,),) = connection.execute("SELECT count(*) FROM cogmill.collection WHERE folder LIKE 'County%'")
        connection.execute(UPLOADS.encode(), {"each": uploads // collections})
        connection.execute("VACUUM ANALYZE cogmill.frame")


def look(stack: Stack, uploads: int) -> Iterator[Figure]:
    """Fill a stack whose collections Airflow knows, and measure what a person waits for."""
    add_uploads(stack, uploads)
    yield Figure("load of the machine, before the browser looks", os.getloadavg()[0], "")
    with running_chromium() as browser:
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        page, airflow = context.new_page(), stack.settings.airflow_url
        for dag in FORMS:
            yield from told(f"form of {dag} opens", [form_opens(page, airflow, dag) for _ in COUNTIES], FORM_S)
        yield from told("form offers a county's collections", offers(page, airflow), SEARCH_S)
        yield from told("list of DAGs shows a county", dags_of(page, airflow), SEARCH_S)
        for what, (box, typed) in BOXES.items():
            yield from told(f"page Collections {what}", searched(page, airflow, box, typed), SEARCH_S)


def told(what: str, seconds: list[float], bar: float) -> Iterator[Figure]:
    """Tell the median, which has the bar, and the worst: that of the first time too, when nothing is in a cache."""
    yield Figure(f"{what}, median", statistics.median(seconds), "s", bar)
    yield Figure(f"{what}, worst of {len(seconds)}", max(seconds), "s")


def seconds_until(act: Callable[[], object], shown: Locator) -> float:
    """Act, and return the seconds until something is shown."""
    begun = time.monotonic()
    act()
    shown.wait_for()
    return time.monotonic() - begun


def form_opens(page: Page, airflow: str, dag: str) -> float:
    """Open the form of a DAG, and return the seconds from the click on *Trigger* to the field with collections."""
    page.goto(f"{airflow}/dags/{dag}")
    button = page.get_by_role("button", name="Trigger").first
    button.wait_for()
    page.wait_for_load_state("networkidle")
    return seconds_until(button.click, page.locator(f"#element_{FORMS[dag]}, [name=element_{FORMS[dag]}]").first)


def offers(page: Page, airflow: str) -> list[float]:
    """Type counties into the field *Collections* of `backfill`."""
    form_opens(page, airflow, "backfill")
    field = page.locator("#element_collections").get_by_role("combobox")
    found = []
    for county in COUNTIES:
        option = page.get_by_role("option", name=f"County{county}_USDA").first
        found.append(seconds_until(partial(field.fill, f"County{county}_"), option))
        field.fill("")
    return found


def dags_of(page: Page, airflow: str) -> list[float]:
    """Type counties into the search of the list of DAGs."""
    page.goto(f"{airflow}/dags")
    page.get_by_role("link", name="adopt").wait_for()
    box, found = page.get_by_placeholder("Search Dags"), []
    for county in COUNTIES:
        shown = page.get_by_role("link", name=f"County{county} USDA").first
        found.append(seconds_until(partial(box.fill, f"County{county} "), shown))
        expect(page.get_by_role("link", name="adopt")).to_have_count(0)
    return found


def searched(page: Page, airflow: str, box: str, typed: str) -> list[float]:
    """Search counties in a box of the page Collections, inside of Airflow's UI, until a line with what was typed is there."""
    page.goto(f"{airflow}/plugin/collections")
    inside, found = page.frame_locator("iframe[title=Collections]"), []
    for county in COUNTIES:
        asked = typed.format(county)
        field, line = inside.get_by_label(box), inside.get_by_role("row").filter(has_text=asked).first
        field.fill(asked)
        found.append(seconds_until(partial(field.press, "Enter"), line))
    return found
