"""What people do in the Airflow UI, walked in a browser on a stack of its own, from the empty archive to a rollback on the map."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack
from tests.system.airflow_api import AirflowApi
from tests.system.conftest import TEXAS
from tests.system.probes import ledger_rows, wait_until
from tests.system.small_survey import put, wait_for_states, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

COLLECTION, NAME = "hays_usda_1951_frames", "Hays_USDA_1951_frames"
FRAMES = "bw/Hays/USDA_1951/frames"
GOOD, BROKEN, LATER, DELETED = (f"{FRAMES}/georef/03-22-51_4-{number}.tif" for number in (1, 2, 3, 4))
MISPLACED = f"{FRAMES}/georeferenced/03-22-51_4-5.tif"
PATIENCE_S = 600
READING_MS = 15_000
"""A person takes longer than Airflow to note that a task waits; it takes an answer that is quicker for a lost task, and asks again."""


@pytest.fixture(scope="module")
def fresh() -> Iterator[Stack]:
    """A stack into which nobody has uploaded anything, and which asks before a backfill of two frames."""
    with ExitStack() as kept:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("COGMILL_AREA", TEXAS)
            environment.setenv("COGMILL_BACKFILL_APPROVAL_FRAMES", "1")
            running = kept.enter_context(temporary_stack(airflow=True))
        api = AirflowApi(running)
        wait_until(
            lambda: {"backfill", "rollback"} <= {dag["dag_id"] for dag in api.get("dags", limit=50)["dags"]}, 120
        )
        yield running


@pytest.fixture(scope="module")
def archive(fresh: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Two frames on the map, then a third; one without coordinates, one in a wrong folder, one whose upload was deleted."""
    folder, api = tmp_path_factory.mktemp("frames"), AirflowApi(fresh)
    put(fresh, MISPLACED, b"x")
    for number, key in enumerate((GOOD, DELETED, BROKEN)):
        crs = None if key == BROKEN else "EPSG:26914"
        put(fresh, key, write_frame(folder / f"{number}.tif", 256, number, crs=crs))
    wait_for_states(fresh, COLLECTION, ["published", "rejected", "published"], PATIENCE_S)
    api.wait_for_rest(f"collection__{COLLECTION}", PATIENCE_S)
    put(fresh, LATER, write_frame(folder / "later.tif", 256, 3))
    wait_for_states(fresh, COLLECTION, ["published", "rejected", "published", "published"], PATIENCE_S)
    api.wait_for_rest(f"collection__{COLLECTION}", PATIENCE_S)
    for dag in ("backfill", "rollback"):
        wait_until(lambda dag=dag: NAME in str(api.get(f"dags/{dag}/details")["params"]), PATIENCE_S)
    return fresh


def open_form(page: Page, stack: Stack, dag: str) -> Locator:
    """Open the form of a DAG as people do, by its button *Trigger*, and let it come to rest: what arrives late sets its fields again."""
    page.goto(f"{stack.settings.airflow_url}/dags/{dag}")
    page.get_by_role("button", name="Trigger").first.click()
    page.wait_for_load_state("networkidle")
    return page.get_by_role("dialog").filter(has_text="Trigger Dag")


def choose(form: Locator, field: str, value: str) -> None:
    """Choose a value of a field that takes several."""
    box = form.locator(f"#element_{field}")
    box.get_by_role("combobox").fill(value)
    form.page.get_by_role("option", name=value, exact=True).click()
    expect(form.locator(f"#element_{field}")).to_contain_text(value)


def turn(form: Locator, field: str) -> None:
    """Turn a switch, and see it turned."""
    switch = form.page.locator(f"[name=element_{field}]")
    before = switch.is_checked()
    form.locator("label").filter(has=switch).click()
    expect(switch).to_be_checked(checked=not before)


def start(page: Page, form: Locator, dag: str) -> str:
    """Start what the form says; return the id of the run, whose page opens."""
    form.get_by_role("button", name="Trigger", exact=True).click()
    page.wait_for_url(f"**/dags/{dag}/runs/**")
    return httpx.URL(page.url).path.split("/")[4]


def report(page: Page, stack: Stack, dag: str, run: str) -> FrameLocator:
    """Open the tab *Report* of a run."""
    page.goto(f"{stack.settings.airflow_url}/dags/{dag}/runs/{quote(run, safe='')}")
    page.locator("a[title=Report]").click()
    return page.frame_locator("iframe[title=Report]")


def drawn(stack: Stack) -> int:
    """Return how many pixels of a map of the first three frames show a photograph."""
    query = "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(footprint) AS e FROM cogmill.frame) AS x"
    (bounds,) = ledger_rows(stack, query)
    parameters = (
        "SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&STYLES=&SRS=EPSG:3857&FORMAT=image/png&TRANSPARENT=TRUE&WIDTH=400&HEIGHT=100"
        f"&LAYERS={NAME}&BBOX={','.join(map(str, bounds))}"
    )
    answer = httpx.get(stack.wms_url(COLLECTION) + "&" + parameters, timeout=60, trust_env=False)
    return int(np.count_nonzero(np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))[..., 3]))


def test_a_fresh_archive_says_that_there_is_no_collection_yet(fresh: Stack, browser: BrowserContext) -> None:
    page = browser.new_page()

    page.goto(f"{fresh.settings.airflow_url}/plugin/collections")
    empty = page.frame_locator("iframe[title=Collections]").get_by_text("No collection yet.")
    empty.wait_for()
    for dag in ("backfill", "rollback"):
        form = open_form(page, fresh, dag)
        form.get_by_text("No collection is known here yet").wait_for()
        expect(form.get_by_role("button", name="Trigger", exact=True)).to_be_disabled()


def test_a_backfill_waits_for_an_answer_and_its_report_names_its_frames(
    archive: Stack, browser: BrowserContext
) -> None:
    page = browser.new_page()
    form = open_form(page, archive, "backfill")
    choose(form, "collections", NAME)
    choose(form, "states", "published")
    form.locator("[name=element_contains]").fill("03-22-51_4-")
    turn(form, "dry_run")
    form.get_by_role("button", name="How they are built").click()
    turn(form, "force")
    run = start(page, form, "backfill")

    api = AirflowApi(archive)
    api.wait_for_question("backfill", run, "approve_backfill", PATIENCE_S)
    planned = report(page, archive, "backfill", run)
    planned.get_by_role("heading", name="Planned, nothing is built yet").wait_for()
    planned.locator("td .key", has_text=GOOD).wait_for()
    page.wait_for_timeout(READING_MS)
    page.goto(
        f"{archive.settings.airflow_url}/dags/backfill/runs/{quote(run, safe='')}/tasks/approve_backfill/required_actions"
    )
    page.get_by_role("button", name="Approve").click()

    assert api.end_of("backfill", run, PATIENCE_S) == "success"
    inside = report(page, archive, "backfill", run)
    inside.get_by_text("frames whose COG stayed as it was").wait_for()


def test_a_rollback_is_seen_on_the_map_and_in_its_report(archive: Stack, browser: BrowserContext) -> None:
    page, api, before = browser.new_page(), AirflowApi(archive), drawn(archive)
    for dry_run in (True, False):
        form = open_form(page, archive, "rollback")
        form.locator("[name=element_collection]").fill(NAME)
        if not dry_run:
            turn(form, "dry_run")
        run = start(page, form, "rollback")
        assert api.end_of("rollback", run, PATIENCE_S) == "success"
        inside = report(page, archive, "rollback", run)
        inside.get_by_role("heading", name="would go back to revision" if dry_run else "is back at revision").wait_for()
        inside.get_by_text(f"leaves the map: {LATER}").wait_for()
        assert (drawn(archive) == before) is dry_run
    assert before * 0.5 < drawn(archive) < before * 0.8, "two of three frames are left"
    page.goto(f"{archive.settings.airflow_url}/dags/rollback/plugin/cogmill")
    page.frame_locator("iframe[title=Cogmill]").get_by_role("link", name="is back at revision").wait_for()


@pytest.mark.parametrize(
    ("dag", "form", "said"),
    [
        ("maintenance", {"dry_run": True}, "All layers agree"),
        ("compile_indexes", {}, "All services are in the index."),
        ("render_mapfiles", {"collections": [NAME], "dry_run": True}, "Dry run: 0 of 1 mapfiles would change."),
    ],
)
def test_a_report_is_a_tab_of_its_run(
    archive: Stack, browser: BrowserContext, dag: str, form: dict[str, object], said: str
) -> None:
    api = AirflowApi(archive)
    run = api.trigger(dag, **form)
    assert api.end_of(dag, run, PATIENCE_S) == "success"

    inside = report(browser.new_page(), archive, dag, run)

    inside.get_by_role("heading", name=said).wait_for()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (GOOD, "Nothing: it is on the map."),
        (BROKEN, "Nothing happens to it until then."),
        (MISPLACED, "wrong folder"),
        (DELETED, "Its upload was deleted."),
    ],
)
def test_a_person_asks_where_an_upload_is(archive: Stack, browser: BrowserContext, key: str, said: str) -> None:
    if key == DELETED:
        archive.s3_client().delete_object(Bucket=archive.settings.bucket, Key=key)
        assert AirflowApi(archive).run("maintenance", PATIENCE_S, dry_run=True) == "success"
    page = browser.new_page()
    page.goto(f"{archive.settings.airflow_url}/plugin/collections")
    inside = page.frame_locator("iframe[title=Collections]")

    inside.get_by_label("Search uploads").fill(key.rpartition("/")[2])
    inside.get_by_label("Search uploads").press("Enter")

    line = inside.get_by_role("row").filter(has_text=key)
    line.get_by_text(said).wait_for()
