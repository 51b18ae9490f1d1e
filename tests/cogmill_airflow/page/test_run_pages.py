"""The page beside each run: what weighs most first, and every upload that a plan names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import psycopg
import pytest
from cogmill.ledger import Ledger
from starlette.testclient import TestClient

from bench.ledger_seed import Size, seed
from tests.airflow_home import ROOT

RUN = "manual__2026-11-29T01:02:03.000004+00:00"
PAGE = f"/dags/backfill/runs/{RUN.replace('+', '%2B')}"
REPORT = {
    "headline": "Done <b>",
    "numbers": [
        {"what": "frames built", "count": 7, "weight": "done"},
        {"what": "frames without a raw scan", "count": 3, "weight": "notice"},
        {"what": "frames that are held back", "count": 0, "weight": "notice"},
        {"what": "frames that failed", "count": 2, "weight": "fault"},
    ],
    "lines": ["Rejected bw/<script>.tif: no_crs"],
    "files": {"WMS capabilities": "http://127.0.0.1/wms?x=1&y=2"},
}


@pytest.fixture
def ledger(database: dict[str, object]) -> Iterator[Ledger]:
    seed(Size(frames=200, collections=4, large=60, small=20), **database)
    with psycopg.connect(**database, autocommit=True) as owner:
        yield Ledger(owner)


@pytest.fixture
def page(ledger_connection: dict[str, object], ledger: Ledger) -> Iterator[TestClient]:
    from cogmill_airflow.page import access
    from cogmill_airflow.page.app import app

    app.dependency_overrides = {access.Reader.dependency: lambda: None, access.may_retry: lambda: True}
    yield TestClient(app, headers={"accept": "text/html"})
    app.dependency_overrides = {}


def test_what_weighs_most_stands_first_and_zeros_are_one_line(page: TestClient, ledger: Ledger) -> None:
    ledger.history.save_report("backfill", RUN, REPORT)

    text = page.get(PAGE).text

    shown = re.findall(r"</span></td><td>([^<]+)</td>", text)
    assert shown == ["frames that failed", "frames without a raw scan", "frames built"]
    assert "None: frames that are held back." in text
    assert "Done &lt;b&gt;" in text
    assert "<script>.tif" not in text
    assert 'href="http://127.0.0.1/wms?x=1&amp;y=2"' in text


def test_a_run_without_a_report_says_so_and_foreign_dags_have_none(page: TestClient) -> None:
    assert "No report yet" in page.get(PAGE).text
    assert page.get("/dags/somebody_elses/runs/r").status_code == 404
    assert page.get("/dags/somebody_elses/runs/r/frames.csv").status_code == 404
    assert page.get("/dags/backfill/runs/a%20b").status_code == 422


@pytest.mark.parametrize("dag", sorted(file.stem for file in (ROOT / "dags").glob("*.py")))
def test_every_dag_has_a_page_and_each_of_its_runs_another(page: TestClient, dag: str) -> None:
    assert [page.get(f"/dags/{dag}{rest}").status_code for rest in ("", f"/runs/{RUN}")] == [200, 200]


def test_every_upload_of_a_plan_is_on_the_page_and_in_its_file(page: TestClient, ledger: Ledger) -> None:
    frames = [row[0] for row in ledger._connection.execute("SELECT id FROM cogmill.frame ORDER BY source_key LIMIT 60")]
    ledger.history.save_report("backfill", RUN, REPORT)
    ledger.history.save_planned_frames("backfill", RUN, [(frame, "by force") for frame in frames])

    first = page.get(PAGE).text
    second = page.get(f"{PAGE}?skip=50").text
    lines = list(csv.DictReader(page.get(f"{PAGE}/frames.csv").text.splitlines()))

    keys = re.findall(r'class="key">([^<]+)<', first) + re.findall(r'class="key">([^<]+)<', second)
    assert keys == [line["upload"] for line in lines] == sorted(keys)
    assert len(keys) == 60
    assert {(line["why"], line["outcome"]) for line in lines} == {("by force", "not built")}
    # planned again, as when the run is cleared: the new plan counts
    ledger.history.save_planned_frames("backfill", RUN, [(frames[0], "it failed and is tried again")])
    assert page.get(PAGE).text.count('class="key"') == 1


def test_the_page_of_backfill_lists_the_latest_reports(page: TestClient, ledger: Ledger) -> None:
    for number in range(3):
        ledger.history.save_report("backfill", f"manual__{number}", REPORT | {"headline": f"Report {number}"})

    text = page.get("/dags/backfill").text

    assert re.findall(r">(Report \d)<", text) == ["Report 2", "Report 1", "Report 0"]
    assert 'href="/dags/backfill/runs/manual__2"' in text
    assert "No run has reported yet" in page.get("/dags/retry").text


def test_reports_of_long_ago_are_forgotten_with_their_frames(ledger: Ledger) -> None:
    ledger.history.save_report("backfill", "old", REPORT)
    ledger.history.save_planned_frames("backfill", "old", [(1, "by force")])
    ledger._connection.execute("UPDATE cogmill.run_report SET at = now() - interval '91 days'")

    ledger.history.save_report("backfill", "new", REPORT)

    assert [one.run_id for one in ledger.pages.latest_reports("backfill", at_most=9)] == ["new"]
    assert ledger._connection.execute("SELECT count(*) FROM cogmill.planned_frame").fetchone() == (0,)
