"""A page of another site, open in the browser of somebody who is signed in, can start nothing here."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from tests.airflow_home import ROOT

RUNS = "/api/v2/dags/retry/dagRuns"
WISH = json.dumps({"logical_date": None, "conf": {"collections": ["x"], "states": ["rejected"], "dry_run": False}})

FOREIGN = {
    "a form": {"content-type": "application/x-www-form-urlencoded"},
    "a form with files": {"content-type": "multipart/form-data; boundary=x"},
    "a form as text": {"content-type": "text/plain"},
    "a script without a type": {},
}
"""All that a browser sends to another site without asking it first. JSON is not among it, and Airflow allows no other site to send that."""


@pytest.fixture(scope="module")
def airflow_runs() -> TestClient:
    """Airflow's own route that starts runs, for somebody who may do everything."""
    from airflow.api_fastapi.core_api.routes.public.dag_run import dag_run_router
    from fastapi import FastAPI

    app = FastAPI()
    app.include_router(dag_run_router, prefix="/api/v2")
    (route,) = [route for route in app.routes if route.path.endswith("/dagRuns") and "POST" in route.methods]
    found, left = set(), list(route.dependant.dependencies)
    while left:
        found.add(left[-1].call)
        left += left.pop().dependencies
    app.dependency_overrides = dict.fromkeys(found, lambda: None)
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_another_site_can_send_starts_no_run(airflow_runs: TestClient, headers: dict[str, str]) -> None:
    assert airflow_runs.post(RUNS, content=WISH, headers=headers).status_code == 422


def test_what_the_button_sends_is_understood(airflow_runs: TestClient) -> None:
    button = (ROOT / "plugins/cogmill_airflow/page/static/retry.js").read_text()

    assert '"Content-Type": "application/json"' in button
    assert airflow_runs.post(RUNS, content=WISH, headers={"content-type": "application/json"}).status_code != 422


def test_the_page_itself_changes_nothing_and_is_shown_in_no_other_site() -> None:
    from cogmill.config.settings import load_settings
    from cogmill_airflow.page.app import app
    from cogmill_airflow.page.view import content_policy

    methods = {method for route in app.routes for method in getattr(route, "methods", None) or {"GET"}}

    assert methods <= {"GET", "HEAD"}
    assert "frame-ancestors 'self'" in content_policy(load_settings())
    assert "form-action 'self'" in content_policy(load_settings())
