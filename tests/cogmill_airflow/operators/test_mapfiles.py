from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from cogmill.domain.errors import ConfigurationError
from cogmill_airflow.bundle import params
from cogmill_airflow.bundle.shards import write_shards
from cogmill_airflow.operators import mapfiles


def context(broken: dict[str, str] | None = None, **params: object) -> dict[str, object]:
    ti = SimpleNamespace(dag_id="render_mapfiles", run_id="r", get_task_states=lambda **_: {"r": broken or {}})
    form = {"collections": ["everything"], "dry_run": False}
    return {"params": form | params, "ti": ti, "dag_run": SimpleNamespace(run_type="manual")}


def test_plans_one_empty_batch_when_nothing_is_public(connected) -> None:
    (batch,) = mapfiles.PlanRenderingOperator(task_id="plan").execute(context())

    assert batch == {"label": "no service", "ids": []}
    assert mapfiles.RenderMapfilesOperator(task_id="render", batch=batch).execute(context()) == []


def test_lists_what_changed_and_turns_red_when_one_was_not_drawn() -> None:
    good = {"collection_id": "a", "changed": True, "diff": "", "fault": ""}
    bad = {"collection_id": "b", "changed": False, "diff": "", "fault": "the map is empty"}

    listed = mapfiles.ListRenderedOperator(task_id="list", renderings=[[good], []]).execute(context())
    assert listed == {"changed": ["a"]}

    with pytest.raises(AirflowFailException, match="b: the map is empty"):
        mapfiles.ListRenderedOperator(task_id="list", renderings=[[good, bad]]).execute(context())
    with pytest.raises(AirflowFailException, match="task render_1 failed"):
        mapfiles.ListRenderedOperator(task_id="list", renderings=[[good]]).execute(context({"render_1": "failed"}))


def test_says_so_when_a_collection_cannot_be_rolled_back(connected) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        mapfiles.RollbackOperator(task_id="roll_back").execute(context(collection="nowhere"))


def test_offers_the_collections_of_the_bundle_in_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.dag_processing.bundles.base.get_bundle_storage_root_path", lambda: tmp_path)
    assert params.known_collections() == []
    (tmp_path / "collections").mkdir()
    write_shards(tmp_path / "collections", [{"id": "b_usda_1951_frames"}, {"id": "a_usda_1951_frames"}])
    (tmp_path / "collections" / "collections_99.json").write_text("damaged")

    assert [entry["id"] for entry in params.known_collections()] == ["a_usda_1951_frames", "b_usda_1951_frames"]


def test_a_worker_judges_no_choice_by_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.dag_processing.bundles.base.get_bundle_storage_root_path", lambda: tmp_path)
    (tmp_path / "collections").mkdir()
    write_shards(tmp_path / "collections", [{"id": "a_usda_1951_frames"}])
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "backfill")

    assert params.known_collections() == []
    assert params.choose_collections("x").resolve(["newer_usda_1951_frames"]) == ["newer_usda_1951_frames"]
