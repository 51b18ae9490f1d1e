from __future__ import annotations

import json

import pytest
from airflow.sdk import DAG, TriggerRule
from airflow.serialization.serialized_objects import DagSerialization
from cogmill_airflow.dag_factories.collection import collection_dag

from tests.dags.conftest import entry

ENTRY = entry("Travis")


@pytest.fixture
def dag() -> DAG:
    return collection_dag(ENTRY)


def test_tasks_follow_one_another_as_documented_when_built(dag: DAG) -> None:
    downstream = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}

    assert downstream == {
        "plan_frames": ["build_cogs", "update_tile_index"],
        "build_cogs": ["update_tile_index"],
        "update_tile_index": ["export_index"],
        "export_index": ["publish_mapfile"],
        "publish_mapfile": ["plan_overviews", "report"],
        "plan_overviews": ["build_overviews"],
        "build_overviews": ["update_overviews"],
        "update_overviews": ["update_public_files"],
        "update_public_files": ["list_rejected", "report"],
        "report": [],
        "list_rejected": ["rejected_frames"],
        "rejected_frames": [],
    }


def test_dag_has_its_names_and_limits_when_built(dag: DAG) -> None:
    assert dag.dag_id == "collection__travis_usda_1951_frames"
    assert dag.max_active_runs == 1
    assert dag.is_paused_upon_creation is False
    assert dag.dag_display_name == "Travis USDA 1951 frames"
    assert dag.tags == {"cogmill", "Travis", "USDA", "1951", "frames"}


def test_every_task_is_documented_when_built(dag: DAG) -> None:
    assert dag.doc_md
    assert all(task.doc_md for task in dag.tasks)


def test_a_batch_takes_its_share_of_the_pool_when_built(dag: DAG) -> None:
    cogs = dag.get_task("build_cogs").partial_kwargs

    assert (cogs["pool"], cogs["pool_slots"]) == ("gdal", 2)
    assert dag.get_task("publish_mapfile").pool == "publish"


def test_good_frames_are_published_when_a_batch_fails(dag: DAG) -> None:
    assert dag.get_task("update_tile_index").trigger_rule == TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
    assert dag.get_task("report").trigger_rule == TriggerRule.ALL_DONE


def test_dag_id_fits_airflow_when_names_are_as_long_as_the_grammar_allows() -> None:
    longest = f"{'s' * 40}_{'c' * 40}_{'a' * 20}_{'y' * 20}_frames"

    assert len(collection_dag({**ENTRY, "id": longest}).dag_id) <= 250


def test_nothing_secret_is_serialised_when_connections_have_secrets(dag: DAG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_COGMILL_S3", "aws://key:canary-secret@")

    assert "canary" not in json.dumps(DagSerialization.to_dict(dag))


def test_the_text_of_a_dag_leads_to_its_pages(dag: DAG) -> None:
    text = str(dag.doc_md)

    # relative to the `<base>` of Airflow's UI, so that they hold below any path
    assert "](dags/collection__travis_usda_1951_frames/plugin/cogmill)" in text
    assert "/mapfiles/travis_usda_1951_frames.map&SERVICE=WMS" in text
    assert "](plugin/collections)" in text
