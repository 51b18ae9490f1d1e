"""Limits of memory as they are shipped add up, and no task outlives Celery's patience: computed from the files of each deployment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from cogmill.cog.sandbox.limits import GIB
from cogmill.cog.sandbox.memory import TASK_BYTES, frame_memory, task_memory
from cogmill.config.settings import BuildSettings

ROOT = Path(__file__).parents[1]
PROCESSES = BuildSettings.model_fields["build_processes"].default
ENOUGH, ENOUGH_ALONE = 3 * GIB // 4, 2 * GIB
"""What one of the frames side by side must have, several times a 9-inch frame; and one alone: 500 million pixels."""


def load(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text())


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Gi|G|Mi|M)", text).groups()  # systemd's G is a GiB as well
    return int(number) * (GIB if unit.startswith("G") else GIB // 1024)


def environment(values: dict) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in values["env"]}


def roles() -> tuple[int, int, int]:
    values, given = (
        load("ansible/roles/airflow_worker/defaults/main.yml"),
        load("ansible/roles/airflow_worker/vars/main.yml"),
    )
    tasks = given["__airflow_worker_environment"]["COGMILL_WORKER_TASKS"]
    assert "airflow_worker_concurrency" in tasks
    assert "airflow_worker_broker_url" in tasks
    processes = values["airflow_worker_settings"].get("COGMILL_BUILD_PROCESSES", PROCESSES)
    return size(values["airflow_worker_memory"]), values["airflow_worker_concurrency"], processes


def roles_without_broker() -> tuple[int, int, int]:
    values = load("ansible/roles/airflow_worker/defaults/main.yml")
    tasks = max(1, values["airflow_worker_gdal_slots"] // PROCESSES) + 1  # and one of the pool of backfills
    return size(values["airflow_worker_memory"]), tasks, PROCESSES


def celery_pods() -> tuple[int, int, int]:
    values = load("helm/values.yaml")
    given = environment(values)
    assert int(given["COGMILL_WORKER_TASKS"]) == values["config"]["celery"]["worker_concurrency"]
    limit = values["workers"]["celery"]["resources"]["limits"]["memory"]
    return size(limit), int(given["COGMILL_WORKER_TASKS"]), int(given["COGMILL_BUILD_PROCESSES"])


def task_pods() -> tuple[int, int, int]:
    values = load("helm/kubernetes-executor.yaml")
    given = environment(values)
    limit = values["workers"]["kubernetes"]["resources"]["limits"]["memory"]
    return size(limit), int(given["COGMILL_WORKER_TASKS"]), int(given["COGMILL_BUILD_PROCESSES"])


@pytest.mark.parametrize("deployment", [roles, roles_without_broker, celery_pods, task_pods])
def test_memory_of_all_frames_and_tasks_fits_into_the_limit(tmp_path, deployment):
    limit, tasks, processes = deployment()
    for path, text in {
        "proc/meminfo": "MemTotal: 268435456 kB\n",
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": str(limit),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    task_bytes = task_memory(tasks, tmp_path)

    assert tasks * (TASK_BYTES + processes * frame_memory(task_bytes, processes)) <= limit
    assert frame_memory(task_bytes, processes) >= ENOUGH
    if deployment is not roles_without_broker:
        assert frame_memory(task_bytes, 1) >= ENOUGH_ALONE


def test_containers_divide_memory_by_the_slots_of_their_worker():
    text = (ROOT / "docker-compose.yaml").read_text()
    (slots,) = re.findall(r"AIRFLOW__CELERY__WORKER_CONCURRENCY: \$\{AIRFLOW_WORKER_SLOTS:-(\d+)\}", text)

    assert f"COGMILL_WORKER_TASKS: ${{COGMILL_WORKER_TASKS:-{slots}}}" in text
