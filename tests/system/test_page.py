"""The page Collections as people meet it: inside Airflow's own UI, in a real browser, with Airflow's own users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import BrowserContext

from demo.stack import Stack, airflow_env
from demo.stack.temporary_stack import free_ports
from tests.system.airflow_api import AirflowApi
from tests.system.probes import wait_until
from tests.system.small_survey import put, wait_for_states, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

COLLECTION = "page_usda_1951_frames"
FOLDER = "bw/Page/USDA_1951/frames/georef"
HOSTILE = "03-22-51_4-3<img src=x onerror=alert(1)>.tif"
USERS = {"vera": "viewer", "ulla": "user"}
TRIGGER = "/api/v2/dags/retry/dagRuns"


@pytest.fixture(scope="module")
def archive(airflow_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """One frame on the map, one rejected for its content, one for its name."""
    folder = tmp_path_factory.mktemp("frames")
    put(airflow_stack, f"{FOLDER}/03-22-51_4-1.tif", write_frame(folder / "1.tif", 256, 1))
    put(airflow_stack, f"{FOLDER}/03-22-51_4-2.tif", write_frame(folder / "2.tif", 256, 2, crs=None))
    put(airflow_stack, f"{FOLDER}/{HOSTILE}", b"x")
    wait_for_states(airflow_stack, COLLECTION, ["published", "rejected"], 600)
    api = AirflowApi(airflow_stack)
    # Files are read by the alphabet, and on a busy machine the last of them after the first frame is on the map.
    wait_until(lambda: "retry" in {dag["dag_id"] for dag in api.get("dags", limit=50)["dags"]}, 120)
    return airflow_stack


@dataclass(frozen=True)
class Door:
    """An API server that lets nobody in without a password."""

    url: str
    passwords: dict[str, str]

    def client(self, user: str | None) -> httpx.Client:
        """Return a client with the cookie that a browser has after signing in; None: not signed in."""
        cookies = {}
        if user:
            account = {"username": user, "password": self.passwords[user]}
            answer = httpx.post(f"{self.url}/auth/token", json=account, trust_env=False, timeout=60)
            cookies["_token"] = answer.raise_for_status().json()["access_token"]
        return httpx.Client(base_url=self.url, cookies=cookies, trust_env=False, timeout=60)


@pytest.fixture(scope="module")
def door(archive: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A second API server of the same Airflow, below a path of its own, with two users."""
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("door")
    url = f"http://127.0.0.1:{port}/air"
    passwords = folder / "passwords.json"
    changes = {
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "API__PORT": str(port),
        "API__BASE_URL": url,
    }
    environment = airflow_env.environment(archive.paths, archive.settings)
    environment |= {f"AIRFLOW__{name}": value for name, value in changes.items()}
    with running([sys.executable, "-m", "airflow", "api-server"], environment, folder):
        wait_until(lambda: answers(f"{url}/api/v2/version"), 240)
        yield Door(url, json.loads(passwords.read_bytes()))


@contextmanager
def running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=10).is_success
    except httpx.TransportError:
        return False


def test_rejected_frame_is_looked_at_again_when_retry_is_clicked(archive: Stack, browser: BrowserContext) -> None:
    page = browser.new_page()
    alerts, errors = [], []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(f"{archive.settings.airflow_url}/")
    page.get_by_role("link", name="Collections").click()
    inside = page.frame_locator("iframe[title=Collections]")
    inside.get_by_text("Page_USDA_1951_frames").click()
    inside.locator(".map .place").first.wait_for()
    inside.get_by_text("no crs").wait_for()
    inside.get_by_role("button", name="Retry", exact=True).click()
    asked = inside.get_by_role("link", name="Started: see the run")
    asked.wait_for()
    asked.click()
    page.wait_for_url("**/dags/retry/runs/**")

    api = AirflowApi(archive)
    (run,) = api.wait_for_rest("retry", 300)
    assert run["state"] == "success"
    assert run["conf"]["prefix"] == f"{FOLDER}/03-22-51_4-2.tif"
    (box,) = [box for box in api.boxes("retry", run["dag_run_id"]) if box.task == "build"]
    assert box.label == f"{COLLECTION}: 03-22-51_4-2"
    assert (alerts, errors) == ([], [])


def test_hostile_names_are_only_text_when_rejections_are_listed(archive: Stack, browser: BrowserContext) -> None:
    page = browser.new_page()
    alerts = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))

    page.goto(f"{archive.settings.airflow_url}/cogmill/rejected")
    page.get_by_text(HOSTILE).first.wait_for()

    assert page.locator("td img").count() == 0
    assert alerts == []


def test_a_person_finds_rejected_uploads_from_the_numbers_at_the_top(archive: Stack, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto(f"{archive.settings.airflow_url}/cogmill/")

    page.get_by_role("link", name="rejected", exact=False).and_(page.locator("#totals a")).click()
    page.get_by_label("Reason").select_option("no_crs")
    page.get_by_label("Collection", exact=True).fill(COLLECTION)
    page.get_by_role("button", name="Search").click()

    page.get_by_text("1 found", exact=True).wait_for()
    assert page.locator("td.name").count() == 1
    page.get_by_role("button", name="Retry all 1 found").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "03-22-51_4-2.tif" in Path(download.value.path()).read_text("utf-8")


def test_a_person_asks_where_an_upload_is(archive: Stack, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto(f"{archive.settings.airflow_url}/cogmill/")

    page.get_by_label("Search uploads").fill("Page/USDA_1951/frames/georef/03-22-51_4-2.TIF")
    page.get_by_label("Search uploads").press("Enter")

    page.get_by_text("no crs").wait_for()
    page.get_by_text("Nothing happens to it until then.").wait_for()


def test_a_plan_is_a_page_beside_its_run_and_names_its_uploads(archive: Stack, browser: BrowserContext) -> None:
    api = AirflowApi(archive)
    run = api.trigger("retry", collections=[COLLECTION], states=["rejected"], dry_run=True)
    assert api.end_of("retry", run, 300) == "success"
    page = browser.new_page()

    page.goto(f"{archive.settings.airflow_url}/dags/retry/runs/{quote(run, safe='')}/plugin/report")

    inside = page.frame_locator("iframe[title=Report]")
    inside.get_by_role("heading", name="Nothing was built, a dry run").wait_for()
    inside.locator("td .key", has_text="03-22-51_4-2.tif").wait_for()
    with page.expect_download() as download:
        inside.get_by_role("link", name="CSV").click()
    assert "03-22-51_4-2.tif" in Path(download.value.path()).read_text("utf-8")


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_cut_off_on_narrow_screens(archive: Stack, browser: BrowserContext, width: int) -> None:
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": 800})

    for path in ("/", "/rejected", "/uploads?q=page", "/findings", f"/dags/collection__{COLLECTION}"):
        page.goto(f"{archive.settings.airflow_url}/cogmill{path}")
        page.wait_for_load_state("networkidle")
        for box in ("html", ".scroll"):
            too_wide = page.locator(box).evaluate_all("boxes => boxes.map(box => box.scrollWidth - box.clientWidth)")
            assert all(pixels <= 1 for pixels in too_wide), (path, box, too_wide)


def test_the_form_refuses_a_collection_that_is_none(archive: Stack, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto(f"{archive.settings.airflow_url}/dags/rollback")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog").filter(has_text="Trigger Dag")
    name, start = form.locator("[name=element_collection]"), form.get_by_role("button", name="Trigger", exact=True)

    form.get_by_text("This field is required").wait_for()
    assert start.is_disabled()
    assert form.locator("[name=element_dry_run]").is_checked()
    offered = page.locator("#list_collection option").evaluate_all("found => found.map(option => option.value)")
    assert "Page_USDA_1951_frames" in offered
    name.fill("nowhere_usda_1951_frames")
    start.click()
    form.get_by_text("'the name of a collection as the page Collections shows it' was expected").wait_for()
    name.fill("Page_USDA_1951_frames")
    start.click()
    page.wait_for_url("**/dags/rollback/runs/**")


def test_theme_follows_airflow_when_it_is_dark(archive: Stack, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.add_init_script("localStorage.setItem('theme', 'dark')")

    page.goto(f"{archive.settings.airflow_url}/plugin/collections")

    page.frame_locator("iframe[title=Collections]").locator("html[data-theme=dark]").wait_for()


@pytest.mark.parametrize(
    "path", ["/", "/rejected", "/states", "/extents", "/static/page.css", f"/dags/collection__{COLLECTION}"]
)
def test_nobody_gets_in_when_not_signed_in(door: Door, path: str) -> None:
    with door.client(None) as stranger, door.client("vera") as reader:
        assert stranger.get(f"/cogmill{path}").status_code == 401
        assert stranger.get(f"/cogmill{path}", headers={"Authorization": "Bearer made.up.token"}).status_code == 403
        assert reader.get(f"/cogmill{path}").status_code == 200


def test_only_those_who_may_start_dags_can_retry(door: Door) -> None:
    wish = {"logical_date": None, "conf": {"collections": [COLLECTION], "states": ["rejected"], "dry_run": True}}
    path = f"/cogmill/dags/collection__{COLLECTION}"
    with door.client(None) as stranger, door.client("vera") as reader, door.client("ulla") as worker:
        assert 'class="retry"' not in reader.get(path).text
        assert 'class="retry"' in worker.get(path).text
        assert 'data-airflow="/air"' in worker.get(path).text
        assert stranger.post(TRIGGER, json=wish).status_code == 401
        assert reader.post(TRIGGER, json=wish).status_code == 403
        # what a form of another site could send at most: no JSON, and browsers keep the cookie back (SameSite)
        assert worker.post(TRIGGER, data=wish).status_code == 422
        assert worker.post(TRIGGER, json=wish).status_code == 200
