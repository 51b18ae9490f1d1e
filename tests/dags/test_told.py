"""Somebody is told when a run fails, takes too long, or waits for an answer; and what changed is known to other DAGs."""

from __future__ import annotations

import datetime as dt

import pytest
from airflow.sdk import DAG, TriggerRule
from cogmill_airflow.dag_factories.collection import collection_dag
from cogmill_airflow.observability import assets
from cogmill_airflow.observability.notifications import DigestNotifier

from tests.airflow_home import ROOT
from tests.dags.conftest import OPERATIONS, entry, operations_dag


def read(name: str) -> DAG:
    """Return a DAG of the program, or of a collection."""
    return collection_dag(entry("Hays")) if name == "collection" else operations_dag(name)


def tells_of_failures(dag: DAG, task_id: str) -> bool:
    """Tell whether a task sends a message when it fails, or one does that runs whatever became of it."""
    tasks = [dag.get_task(task_id), *dag.get_task(task_id).get_flat_relatives()]
    reports = [task for task in tasks if any(isinstance(c, DigestNotifier) for c in task.on_failure_callback)]
    return any(task.task_id == task_id or task.trigger_rule == TriggerRule.ALL_DONE for task in reports)


SHOWS = {"list_rejected", "rejected_uploads", "rejected_frames"}
"""Tasks that only show what others found."""


@pytest.mark.parametrize("name", [*OPERATIONS, "collection"])
def test_every_failure_is_told(name: str) -> None:
    dag = read(name)

    assert {task.task_id for task in dag.tasks if not tells_of_failures(dag, task.task_id)} <= SHOWS


@pytest.mark.parametrize("name", [*(set(OPERATIONS) - {"backfill", "retry"}), "collection"])
def test_runs_that_take_too_long_are_told(name: str) -> None:
    dag = read(name)

    (alert,) = dag.deadline if isinstance(dag.deadline, list) else [dag.deadline]
    assert alert.interval >= dt.timedelta(hours=1)


def test_intake_ends_when_it_fails_again_and_again() -> None:
    assert read("watch_uploads").max_consecutive_failed_dag_runs == 30


def test_a_question_without_an_answer_holds_up_no_other_backfill() -> None:
    assert read("backfill").max_active_runs > 1


PUBLISHERS = {
    "collection": {"publish_mapfile"},
    "backfill": {"build", "report"},
    "retry": {"build", "report"},
    "rollback": {"roll_back"},
    "render_mapfiles": {"render"},
    "maintenance": {"repair", "remove", "remove_approved"},
}
"""Tasks that change services."""


@pytest.mark.parametrize("name", PUBLISHERS)
def test_every_task_that_changes_a_service_says_so_to_other_dags(name: str) -> None:
    dag = read(name)

    assert {task.task_id for task in dag.tasks if assets.services() in task.outlets} == PUBLISHERS[name]


def test_the_index_of_the_archive_is_an_asset_of_the_task_that_compiles_it() -> None:
    assert read("compile_indexes").get_task("compile_indexes").outlets == [assets.indexes()]


def test_the_example_that_listens_is_a_dag() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    example = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}

    exec(compile(example, "docs/operations.md", "exec"), names)  # noqa: S102  # our own documentation

    (dag,) = (value for value in names.values() if isinstance(value, DAG) and value.dag_id)
    assert [task.task_id for task in dag.tasks] == ["tell"]
    assert dag.schedule == assets.services() or dag.schedule.name == assets.ALIAS
