"""The DAGs that look after the archive parse without network and say when they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.airflow_home import ROOT

PARSE = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("network at parse")
socket.socket.connect = refuse
import sys
from tests import airflow_home
sys.path.insert(0, "plugins")
import importlib.util
spec = importlib.util.spec_from_file_location("dag_file", f"dags/{sys.argv[1]}.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from airflow.sdk import DAG
(dag,) = [value for value in vars(module).values() if isinstance(value, DAG)] or [module.dag]
heavy = {"rasterio", "osgeo", "numpy", "psycopg", "boto3", "pyarrow"} & set(sys.modules)
assert dag.dag_id == sys.argv[1], dag.dag_id
assert dag.max_active_runs == {"retry": 4, "backfill": 4}.get(dag.dag_id, 1)
assert not dag.catchup
assert dag.doc_md
assert all(task.doc_md for task in dag.tasks), [task.task_id for task in dag.tasks if not task.doc_md]
assert not heavy - {"boto3", "numpy"}, heavy
import json
print(json.dumps([str(dag.schedule), sorted(task.task_id for task in dag.leaves)]))
"""


def run(dag: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Parse a DAG file in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PARSE, dag],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def parse(dag: str, **environment: str) -> tuple[str, list[str]]:
    """Return the schedule of a DAG, and the tasks that nothing follows: a run is as red as these."""
    done = run(dag, **environment)
    assert done.returncode == 0, done.stderr
    schedule, last = json.loads(done.stdout.strip().splitlines()[-1])
    return schedule, last


@pytest.mark.parametrize(
    ("dag", "schedule", "last"),
    [
        ("compile_indexes", "30 3 * * *", ["check_compiled"]),
        ("maintenance", "30 1 * * *", ["draw_scans", "remove_approved", "report"]),
        ("render_mapfiles", "None", ["list_rendered"]),
        ("rollback", "None", ["roll_back"]),
        ("backfill", "None", ["rejected_frames", "report"]),
        ("retry", "None", ["rejected_frames", "report"]),
        ("adopt", "None", ["adopt_cogs"]),
    ],
)
def test_parses_without_network_documents_every_task_and_ends_with_what_turns_red(
    dag: str, schedule: str, last: list[str]
) -> None:
    assert parse(dag) == (schedule, last)


def test_takes_its_schedule_from_the_environment() -> None:
    assert parse("compile_indexes", COGMILL_COMPILE_SCHEDULE="@hourly")[0] == "@hourly"
    assert parse("maintenance", COGMILL_MAINTENANCE_SCHEDULE="none")[0] == "None"


def test_does_not_parse_and_names_the_variable_when_the_schedule_is_wrong() -> None:
    done = run("maintenance", COGMILL_MAINTENANCE_SCHEDULE="at night")

    assert done.returncode == 1
    assert "COGMILL_MAINTENANCE_SCHEDULE='at night': must be a cron expression" in done.stderr


def test_offers_exactly_the_profiles_and_states_that_exist() -> None:
    from cogmill.cog.profiles import PROFILES
    from cogmill.pipeline.backfill import ORDERS, STATES
    from cogmill_airflow.dag_factories.backfill import form

    assert form()["profile"].schema["enum"] == [None, *PROFILES]
    assert form()["order"].schema["enum"] == list(ORDERS)
    assert set(form()["states"].schema["items"]["enum"]) == {*map(str, STATES), "everything"}
