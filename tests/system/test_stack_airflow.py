"""Airflow inside the stack: configured by environment alone, and gone without a trace."""

from __future__ import annotations

import time

import httpx
import psycopg
import pytest

from demo.stack import Stack, database
from demo.stack.temporary_stack import temporary_stack
from tests.system.probes import wait_until
from tests.system.test_stack_lifecycle import assert_no_secret_is_shown, assert_nothing_is_left, members

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


def ask_airflow(stack: Stack, path: str) -> dict[str, list[dict[str, object]]]:
    """Ask Airflow's API as its anonymous admin."""
    with httpx.Client(base_url=stack.settings.airflow_url, trust_env=False, timeout=30) as client:
        token = client.get("/auth/token").raise_for_status().json()["access_token"]
        answer = client.get(f"/api/v2/{path}", headers={"Authorization": f"Bearer {token}"})
        answers: dict[str, list[dict[str, object]]] = answer.raise_for_status().json()
        return answers


def rows(stack: Stack, query: str) -> list[tuple[object, ...]]:
    """Ask Airflow's database."""
    with database.connect(stack.paths, stack.settings, "airflow") as connection:
        return connection.execute(query.encode()).fetchall()


def test_dags_are_read_and_switched_on_when_the_stack_is_up(airflow_stack: Stack) -> None:
    wait_until(lambda: "watch_uploads" in str(ask_airflow(airflow_stack, "dags")), 180)

    assert ask_airflow(airflow_stack, "importErrors")["import_errors"] == []
    assert {dag["is_paused"] for dag in ask_airflow(airflow_stack, "dags?limit=100")["dags"]} == {False}


def test_pools_exist_when_the_stack_is_up(airflow_stack: Stack) -> None:
    pools = {str(pool["name"]): pool["slots"] for pool in ask_airflow(airflow_stack, "pools")["pools"]}

    assert pools["gdal"] == airflow_stack.settings.gdal_slots
    assert pools["publish"] == 2


def test_no_secret_is_shown_when_airflow_has_run_tasks(airflow_stack: Stack) -> None:
    bucket = airflow_stack.settings.bucket
    airflow_stack.s3_client().put_object(Bucket=bucket, Key="bw/Probe/USDA_1951/frames/georef/zero.tif", Body=b"x")
    finished = "SELECT 1 FROM task_instance WHERE state IN ('success', 'failed') AND task_id <> 'wait_for_uploads'"

    wait_until(lambda: bool(rows(airflow_stack, finished)), 240)

    assert_no_secret_is_shown(airflow_stack, members(airflow_stack))


def test_nothing_is_left_nor_remembered_when_stopped_in_the_middle_of_a_task() -> None:
    running = "SELECT 1 FROM task_instance WHERE state = 'running'"
    with temporary_stack(airflow=True) as stack:
        stack.s3_client().put_object(Bucket=stack.settings.bucket, Key="bw/A/USDA_1951/frames/georef/x.tif", Body=b"x")
        wait_until(lambda: bool(rows(stack, running)), 240)
        before = members(stack)

        begun = time.monotonic()
        stack.stop()

        assert time.monotonic() - begun < 60
        assert_nothing_is_left(stack, before)

        stack.start()

        assert rows(stack, "SELECT 1 FROM dag_run WHERE dag_id LIKE 'collection%'") == []
        with psycopg.connect(stack.dsn("writer")) as ledger:
            assert ledger.execute("SELECT 1 FROM cogmill.frame").fetchall() == []
