"""What the system tests ask Airflow: over its REST API as a person would, and in the files of its task logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from demo.stack import Stack
from tests.system.probes import wait_until

UNFINISHED = ("queued", "running")
"""States of a run that will change by themselves."""

OVER = ("success", "failed", "skipped", "upstream_failed")
"""States of a task that will not change."""

WATCH = "watch_uploads"

PAGE = 100


@dataclass(frozen=True, slots=True)
class Box:
    """One task instance as the Grid view shows it."""

    run_id: str
    task: str
    state: str
    label: str
    """Name of a mapped instance; empty for a plain task."""


@dataclass(frozen=True, slots=True)
class AirflowApi:
    """Airflow of one stack, asked as its anonymous admin."""

    stack: Stack

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask one question."""
        return self._send("GET", path, params=parameters)

    def post(self, path: str, **content: Any) -> dict[str, Any]:
        """Make something."""
        return self._send("POST", path, json=content)

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Ask for a run, as the form does; returns its id."""
        asked = {"logical_date": None, "conf": conf}
        run_id: str = self.post(f"dags/{dag_id}/dagRuns", **asked)["dag_run_id"]
        return run_id

    def run(self, dag_id: str, limit_s: float, **conf: Any) -> str:
        """Ask for a run and wait for its end; returns its state."""
        return self.end_of(dag_id, self.trigger(dag_id, **conf), limit_s)

    def end_of(self, dag_id: str, run_id: str, limit_s: float) -> str:
        """Wait for the end of a run and return its state."""
        wait_until(lambda: self.state_of(dag_id, run_id) not in UNFINISHED, limit_s)
        return self.state_of(dag_id, run_id)

    def state_of(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.get(f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Turn a DAG's switch."""
        self._send("PATCH", f"dags/{dag_id}", json={"is_paused": paused})

    def wait_for_question(self, dag_id: str, run_id: str, task: str, limit_s: float) -> str:
        """Wait until a task asks for a person, and return what it says."""

        def asks() -> bool:
            states = {box.task: box.state for box in self.boxes(dag_id, run_id)}
            if states.get(task) in OVER:
                pytest.fail(f"no question was asked: {self.get(run)['conf']} {states}")
            return states.get(task) == "awaiting_input"

        run = f"dags/{dag_id}/dagRuns/{run_id}"
        wait_until(asks, limit_s, lambda: (self.get(run)["conf"], self.boxes(dag_id, run_id)))
        return str(self.get(_question(dag_id, run_id, task))["body"])

    def answer(self, dag_id: str, run_id: str, task: str, choice: str) -> None:
        """Answer such a question as Required Actions does."""
        self._send("PATCH", _question(dag_id, run_id, task), json={"chosen_options": [choice], "params_input": {}})

    def instances(self, dag_id: str, run_id: str = "~") -> list[dict[str, Any]]:
        """Return all that Airflow knows about the task instances of a run, or of all runs of a DAG."""
        return list(self._pages(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return all runs of a DAG, the oldest first; none when there is no such DAG."""
        try:
            return list(self._pages(f"dags/{dag_id}/dagRuns", "dag_runs", order_by="run_after"))
        except httpx.HTTPStatusError as err:
            if err.response.status_code == httpx.codes.NOT_FOUND:
                return []
            raise

    def boxes(self, dag_id: str, run_id: str = "~") -> list[Box]:
        """Return the task instances of a run, or of all runs of a DAG."""
        return [
            Box(one["dag_run_id"], one["task_id"], str(one["state"]), one["rendered_map_index"] or "")
            for one in self.instances(dag_id, run_id)
        ]

    def wait_for_rest(self, dag_id: str, limit_s: float) -> list[dict[str, Any]]:
        """Wait until a DAG has runs and all of them are over; returns them."""

        def at_rest() -> bool:
            runs = self.runs(dag_id)
            return bool(runs) and all(run["state"] not in UNFINISHED for run in runs)

        wait_until(at_rest, limit_s)
        return self.runs(dag_id)

    def is_quiet(self) -> bool:
        """Whether no run goes on but the watch's newest, and that waits for uploads."""
        for dag in self._pages("dags", "dags"):
            runs = [run for run in self.runs(dag["dag_id"]) if run["state"] in UNFINISHED]
            if dag["dag_id"] != WATCH and runs:
                return False
        (newest,) = self.runs(WATCH)[-1:] or [None]
        boxes = self.boxes(WATCH, newest["dag_run_id"]) if newest else []
        return [box.state for box in boxes if box.task == "wait_for_uploads"] == ["deferred"]

    def log(self, dag_id: str, task: str = "*", run_id: str = "*") -> str:
        """Return what all tries of a task wrote into their log files."""
        folder = self.stack.paths.airflow / "logs" / f"dag_id={dag_id}"
        files = folder.glob(f"run_id={run_id}/task_id={task}/**/*.log")
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in sorted(files))

    def _pages(self, path: str, name: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self.get(path, limit=PAGE, offset=offset, **parameters)
            yield from page[name]
            offset += len(page[name])
            if not page[name] or offset >= page["total_entries"]:
                return

    def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with httpx.Client(base_url=self.stack.settings.airflow_url, trust_env=False, timeout=60) as client:
            token = client.get("/auth/token").raise_for_status().json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.request(method, f"/api/v2/{path}", headers=headers, **options)
            found: dict[str, Any] = answer.raise_for_status().json()
            return found


def _question(dag_id: str, run_id: str, task: str) -> str:
    return f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails"
