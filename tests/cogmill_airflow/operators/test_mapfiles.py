from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from cogmill.domain.errors import ConfigurationError
from cogmill.pipeline.ingest import ingest_uploads
from cogmill_airflow.bundle import params
from cogmill_airflow.bundle.shards import write_shards
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.operators import mapfiles

from tests.small_archive import TRAVIS


def context(broken: dict[str, str] | None = None, **params: object) -> dict[str, object]:
    ti = SimpleNamespace(dag_id="render_mapfiles", run_id="r", get_task_states=lambda **_: {"r": broken or {}})
    form = {"collections": ["everything"], "dry_run": False}
    return {
        "params": form | params,
        "ti": ti,
        "dag_run": SimpleNamespace(run_type="manual"),
        "outlet_events": OutletEventAccessors(),
    }


def test_plans_one_empty_batch_when_nothing_is_public(connected) -> None:
    (batch,) = mapfiles.PlanRenderingOperator(task_id="plan").execute(context())

    assert batch == {"label": "no service", "ids": []}
    assert mapfiles.RenderMapfilesOperator(task_id="render", batch=batch).execute(context()) == {
        "rendered": 0,
        "noted": [],
    }


def saved_report(dag_id: str) -> dict[str, object]:
    with archive_from_connections() as archive:
        saved = archive.ledger.pages.report(dag_id, "r")
    assert saved is not None
    return dict(saved.report)


def test_lists_what_changed_and_turns_red_when_one_was_not_drawn(connected) -> None:
    good = {"collection_id": "a", "changed": True, "diff": "- UNITS DD\n+ UNITS METERS", "fault": ""}
    bad = {"collection_id": "b", "changed": False, "diff": "", "fault": "the map is empty"}
    batch, worse = {"rendered": 7, "noted": [good]}, {"rendered": 2, "noted": [good, bad]}

    listed = mapfiles.ListRenderedOperator(task_id="list", renderings=[batch, None]).execute(context())
    assert listed == {"changed": ["a"]}
    assert saved_report("render_mapfiles")["headline"] == "1 of 7 mapfiles changed."

    with pytest.raises(AirflowFailException, match="b: the map is empty"):
        mapfiles.ListRenderedOperator(task_id="list", renderings=[worse]).execute(context())
    assert saved_report("render_mapfiles")["lines"] == [
        "keeps its old mapfile: b: the map is empty",
        "changed: a\n- UNITS DD\n+ UNITS METERS",
    ]
    with pytest.raises(AirflowFailException, match="task render_1 failed"):
        mapfiles.ListRenderedOperator(task_id="list", renderings=[batch]).execute(context({"render_1": "failed"}))
    assert saved_report("render_mapfiles")["lines"][0] == "task render_1 failed"


def test_a_dry_run_says_what_would_change(connected) -> None:
    batch = {"rendered": 1, "noted": []}

    listed = mapfiles.ListRenderedOperator(task_id="list", renderings=[batch]).execute(context(dry_run=True))

    assert listed == {"would_change": []}
    assert saved_report("render_mapfiles")["headline"] == "Dry run: 0 of 1 mapfiles would change."


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_rollback_without_an_earlier_revision_is_green_and_says_so(connected, *, dry_run: bool) -> None:
    connected.upload("bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif")
    with archive_from_connections() as archive:
        ingest_uploads(archive)

    done = mapfiles.RollbackOperator(task_id="roll_back").execute(context(collection=TRAVIS.id, dry_run=dry_run))

    assert done["what"].startswith(f"Nothing to go back to: {TRAVIS.id} has no earlier published revision")
    assert (done["revision"], done["restored"], done["taken_back"]) == (None, 0, 0)
    assert saved_report("render_mapfiles")["headline"] == done["what"]


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
