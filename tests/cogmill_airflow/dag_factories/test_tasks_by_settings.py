"""Owner, queue, retries and the like: for all tasks by settings, for one collection by its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from cogmill.config.collection_files import CollectionConfig, load_collection_config
from cogmill.config.settings import load_settings
from cogmill.domain.errors import ConfigurationError
from cogmill_airflow.bundle.bundle import CollectionsBundle
from cogmill_airflow.bundle.shards import shard_of
from cogmill_airflow.dag_factories.collection import collection_dag
from cogmill_airflow.observability import notifications

from tests.cogmill_airflow.bundle.test_bundle import add_collections
from tests.dags.conftest import entry, operations_dag

BUILDING = ("build_cogs", "build_overviews", "update_overviews")
TRAVIS = "travis_usda_1951_frames"
LARGE = {"pod_template_file": "/opt/large.yaml"}


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"COGMILL_{name}", value)
    load_settings.cache_clear()


def arguments(dag: DAG, task_id: str) -> dict[str, Any]:
    task = dag.get_task(task_id)
    names = ("owner", "queue", "retries", "pool", "priority_weight", "executor_config")
    return {name: getattr(task, name) for name in names}


def test_all_tasks_follow_the_settings_and_those_that_build_have_a_queue_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"OWNER": "gis", "RETRIES": "7", "QUEUE": "small", "BUILD_QUEUE": "large"}
    settings(monkeypatch, **values, BUILD_EXECUTOR_CONFIG=json.dumps(LARGE))
    dag = collection_dag(entry("Travis"))

    for task in dag.tasks:
        assert (task.owner, task.retries) == ("gis", 7)
        builds = task.task_id in BUILDING
        assert task.queue == ("large" if builds else "small")
        assert task.executor_config == (LARGE if builds else {})
    backfill = operations_dag("backfill")
    assert {task.task_id: task.queue for task in backfill.tasks if task.queue != "small"} == {"build": "large"}
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("build_cogs").queue == "large"


def test_nothing_is_said_where_no_setting_is() -> None:
    found = arguments(collection_dag(entry("Travis")), "build_cogs")

    assert (found["owner"], found["queue"], found["retries"], found["pool"]) == ("cogmill", "default", 4, "gdal")


def test_a_collection_file_changes_its_own_dag_alone(
    tmp_path: Path, ledger_connection: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{TRAVIS}.yaml").write_text(
        "tasks: {owner: maps, queue: quick, build_queue: huge, build_pool: film, priority: 9, retries: 1,"
        " schedule: '0 5 * * *', notify_topic: 'arn:aws:sns:us-east-1:1:travis', build_executor_config: {a: b}}"
    )
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    settings(monkeypatch, COLLECTIONS_DIR=str(tmp_path))
    add_collections(ledger_connection, "Travis", "Hays")
    bundle = CollectionsBundle(name="collections")
    bundle.initialize()

    def dag(collection_id: str) -> DAG:
        entries = json.loads((bundle.path / f"{shard_of(collection_id)}.json").read_text())
        return collection_dag(next(one for one in entries if one["id"] == collection_id))

    travis, hays = dag(TRAVIS), dag("hays_usda_1951_frames")
    plan = {"owner": "maps", "queue": "quick", "retries": 1, "pool": "default_pool", "priority_weight": 9}
    assert arguments(travis, "plan_frames") == plan | {"executor_config": {}}
    assert arguments(travis, "build_cogs") == plan | {"queue": "huge", "pool": "film", "executor_config": {"a": "b"}}
    assert (travis.schedule, hays.schedule) == ("0 5 * * *", None)
    assert arguments(hays, "build_cogs")["owner"] == "cogmill"
    report = travis.get_task("report")
    assert report.on_success_callback[0].topic == "arn:aws:sns:us-east-1:1:travis"

    # a changed file is noticed without any change of the ledger
    (tmp_path / f"{TRAVIS}.yaml").write_text("tasks: {owner: others}")
    bundle.refresh()
    assert dag(TRAVIS).owner == "others"
    # and a wrong one harms no DAG
    (tmp_path / f"{TRAVIS}.yaml").write_text("tasks: {ownre: others}")
    bundle.refresh()
    assert dag(TRAVIS).owner == "cogmill"


def test_a_wrong_key_says_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / f"{TRAVIS}.yaml"
    for text, said in (
        ("tasks: {ownre: x}", r"tasks\.ownre: unknown key, allowed are build_executor_config, build_pool"),
        ("tasks: {schedule: at night}", r"tasks\.schedule: 'at night' is wrong"),
        ("tasks: {notify_topic: nobody}", r"tasks\.notify_topic"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=said):
            load_collection_config(tmp_path, TRAVIS)
    assert CollectionConfig().tasks is None


def test_the_topic_of_a_collection_gets_its_messages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    settings(monkeypatch, NOTIFY_TOPIC="arn:aws:sns:us-east-1:1:all")
    sent: list[str] = []

    class Sns:
        def __init__(self, *, target_arn: str, **_: Any) -> None:
            self.topic = target_arn

        def __call__(self, _context: Any) -> None:
            sent.append(self.topic)

    monkeypatch.setattr(notifications, "resolve_name", lambda _name: Sns)

    assert notifications.send("s", "t", "arn:aws:sns:us-east-1:1:travis") == 2
    assert [topic.rpartition(":")[2] for topic in sent] == ["all", "travis"]


@pytest.mark.parametrize("name", ["watch_uploads", "maintenance", "compile_indexes"])
def test_installing_starts_nothing_unless_airflow_is_told_to(name: str) -> None:
    # None: `dags_are_paused_at_creation` of Airflow decides, which is true until somebody says otherwise
    assert operations_dag(name).is_paused_upon_creation is None
