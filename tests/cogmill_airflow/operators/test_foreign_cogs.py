"""The DAG adopt: a plan first, a question where it is large, and then COGs of another system are frames."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskAwaitingInput
from cogmill.config.settings import load_settings
from cogmill.pipeline.ingest import ingest_uploads
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.operators import backfill, foreign_cogs

COGS = [f"bw/Travis/USDA_1951/frames/cog/03-22-51_4-{number}.tif" for number in (1, 2)]
FORM = {"dry_run": False, "adopted": "as_it_is", "prefix": None, "limit": None}
YES, NO = {"approved": True}, {"approved": False}


def context(**params: Any) -> Any:
    ti = SimpleNamespace(dag_id="adopt", run_id="manual__1", map_index=-1, id="x", xcom_push=lambda **_: None)
    return {
        "dag_run": SimpleNamespace(run_type="manual"),
        "params": FORM | params,
        "run_id": "manual__1",
        "ti": ti,
        "task_instance": ti,
    }


def adopt(planned: dict[str, Any], answer: Any, given: Any) -> dict[str, Any]:
    return foreign_cogs.AdoptCogsOperator(task_id="adopt", planned=planned, answer=answer).execute(given)


@pytest.fixture
def planned(connected) -> dict[str, Any]:
    for key in COGS:
        connected.upload(key)
    return foreign_cogs.PlanAdoptionOperator(task_id="plan").execute(context())


def headline() -> str:
    with archive_from_connections() as archive:
        saved = archive.ledger.pages.report("adopt", "manual__1")
    assert saved is not None
    return str(saved.report["headline"])


def test_the_plan_is_a_report_before_anything_happens(planned: dict[str, Any]) -> None:
    assert (planned["frames"], planned["ask"]) == (2, False)
    assert headline().startswith("Planned, nothing is adopted yet: 2 COGs of another system")


def test_runs_of_the_collections_are_asked_for_when_cogs_are_adopted(planned: dict[str, Any]) -> None:
    assert adopt(planned, YES, context()) == {"adopted": 2, "rejected": 0}

    assert headline().startswith("2 COGs adopted")
    with archive_from_connections() as archive:
        assert ingest_uploads(archive).collection_ids == ["travis_usda_1951_frames"]
    assert foreign_cogs.PlanAdoptionOperator(task_id="plan").execute(context())["frames"] == 0


@pytest.mark.parametrize(
    ("answer", "given", "why"), [(YES, {"dry_run": True}, "a dry run"), (NO, {}, "nobody approved it")]
)
def test_nothing_is_adopted_in_a_dry_run_or_without_approval(
    planned: dict[str, Any], answer: Any, given: dict[str, Any], why: str
) -> None:
    assert adopt(planned, answer, context(**given)) == {"adopted": 0, "why": why}

    assert headline().startswith(f"Nothing was adopted, {why}: 2 COGs")
    assert foreign_cogs.PlanAdoptionOperator(task_id="plan").execute(context())["frames"] == 2


def test_no_more_cogs_are_adopted_than_the_plan_showed(connected, planned: dict[str, Any]) -> None:
    connected.upload(COGS[0].replace("4-1", "4-3"))

    assert adopt(planned, YES, context())["adopted"] == 2


def test_a_person_is_asked_when_the_plan_is_large(connected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGMILL_BACKFILL_APPROVAL_FRAMES", "1")
    load_settings.cache_clear()
    for key in COGS:
        connected.upload(key)
    planned = foreign_cogs.PlanAdoptionOperator(task_id="plan").execute(context())
    ask = backfill.ApproveBackfillOperator(
        task_id="approve", planned=planned, wait=timedelta(days=1), question="Adopt these COGs?"
    )

    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **kwargs: asked.update(kwargs)
    )
    with pytest.raises(TaskAwaitingInput):
        ask.execute(context() | {"task": ask})

    assert asked["subject"] == "Adopt these COGs?"
    assert "travis_usda_1951_frames: 2" in asked["body"]
