"""Nothing runs without a time limit: every task of every DAG, and every run that another one waits for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cogmill_airflow.bundle.shards import write_shards

from tests.airflow_home import ENVIRONMENT, ROOT
from tests.dags.conftest import OPERATIONS, entry

READ = """
import json, sys
import airflow.settings
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

def seconds(limit):
    return limit and limit.total_seconds()

found = {}
for folder in sys.argv[1:]:
    bag = DagBag(folder)
    assert not bag.import_errors, bag.import_errors
    for dag in bag.dags.values():
        # as the scheduler reads it
        read = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        found[dag.dag_id] = {
            "tasks": {task.task_id: [type(task).__name__, seconds(task.execution_timeout)] for task in read.tasks},
            "run": seconds(read.dagrun_timeout),
            "scheduled": read.timetable.can_be_scheduled,
        }
print("\\n" + json.dumps(found))
"""

ENTRY = entry("Travis")


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every DAG there is, the one of a collection included, with its time limits in seconds."""
    folder: Path = tmp_path_factory.mktemp("bundle")
    write_shards(folder, [ENTRY])
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}"}
    done = subprocess.run(
        [sys.executable, "-c", READ, str(ROOT / "dags"), str(folder)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def test_every_dag_was_read(dags: dict[str, Any]) -> None:
    assert dags.keys() == {*OPERATIONS, f"collection__{ENTRY['id']}"}


def test_every_task_of_every_dag_has_a_time_limit(dags: dict[str, Any]) -> None:
    tasks = {(dag_id, task): limit for dag_id, dag in dags.items() for task, (_, limit) in dag["tasks"].items()}

    assert len(tasks) > 40
    assert {task: limit for task, limit in tasks.items() if not limit} == {}


def test_every_run_that_the_next_one_waits_for_has_a_time_limit(dags: dict[str, Any]) -> None:
    limits = {dag_id: dag["run"] for dag_id, dag in dags.items() if dag["scheduled"]}

    assert limits.keys() == {"watch_uploads", "compile_indexes", "maintenance"}
    for dag_id, limit in limits.items():
        assert limit > max(seconds for _, seconds in dags[dag_id]["tasks"].values()), dag_id


def visibility_timeouts() -> dict[str, int]:
    """How long Celery waits in each deployment until a task that was not confirmed is given to another worker, in seconds."""
    compose = (ROOT / "docker-compose.yaml").read_text()
    roles = yaml.safe_load((ROOT / "ansible/roles/airflow_worker/vars/main.yml").read_text())["__airflow_worker_celery"]
    chart = yaml.safe_load((ROOT / "helm/values.yaml").read_text())["config"]["celery_broker_transport_options"]
    variable = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"
    (given,) = re.findall(rf'^    {variable}: "(\d+)"', compose, re.MULTILINE)
    return {"compose": int(given), "ansible": int(roles[variable]), "helm": int(chart["visibility_timeout"])}


def test_celery_gives_no_task_to_a_second_worker_while_the_first_may_still_run_it(dags: dict[str, Any]) -> None:
    longest = max(limit for dag in dags.values() for _, limit in dag["tasks"].values())

    assert {where: seconds for where, seconds in visibility_timeouts().items() if seconds <= longest} == {}
