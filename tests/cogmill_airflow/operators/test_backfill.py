from __future__ import annotations

import os
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from cogmill.config.settings import load_settings
from cogmill.pipeline.ingest import ingest_uploads
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.operators import backfill

DAY = timedelta(days=1)
KEY = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif"
FORM = {
    "collections": ["everything"], "limit": None, "prefix": None, "states": ["arrived"], "profile": None, "force": False,
    "order": "oldest first", "dry_run": False,
}  # fmt: skip


NAMED = {"collections": ["Travis_USDA_1951_frames"]}


def context(broken: dict[str, str] | None = None, **params: Any) -> Any:
    ti = SimpleNamespace(
        dag_id="backfill", run_id="manual__1", map_index=0, id="x", xcom_push=lambda **_: None,
        get_task_states=lambda **_: {"manual__1": broken or {}},
    )  # fmt: skip
    return {"params": FORM | NAMED | params, "run_id": "manual__1", "ti": ti, "task_instance": ti}


@pytest.fixture
def planned(connected, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(os, "nice", lambda _: 0)  # it would stay for the other tests
    connected.upload(KEY, b"no raster")
    with archive_from_connections() as archive:
        ingest_uploads(archive)
    return backfill.PlanBackfillOperator(task_id="plan").execute(context())


def test_shows_the_plan_before_anything_happens(planned: dict[str, Any]) -> None:
    assert planned["frames"] == 1
    assert not planned["ask"]
    assert "travis_usda_1951_frames: 1 frames, 0.0 MB: it waits to be built" in planned["text"]


def test_runs_from_plan_to_report(planned: dict[str, Any]) -> None:
    given = context()
    assert backfill.ApproveBackfillOperator(task_id="approve", planned=planned, wait=DAY).execute(given) is None

    (batch,) = backfill.BeginBackfillOperator(task_id="begin", planned=planned).execute(given)
    text = backfill.BuildBackfillOperator(task_id="build", batch=batch).execute(given)
    numbers = backfill.ReportBackfillOperator(task_id="report").execute(given)

    assert text.startswith("1 of 1 frames (0 built, 0 unchanged, 1 rejected, 0 failed)")
    assert (numbers["done"], numbers["rejected"]) == (1, 1)


def test_ends_after_the_plan_in_a_dry_run(planned: dict[str, Any]) -> None:
    with pytest.raises(AirflowSkipException):
        backfill.BeginBackfillOperator(task_id="begin", planned=planned).execute(context(dry_run=True))

    with archive_from_connections() as archive:
        assert archive.ledger.backfills.collections("backfill/manual__1") == []


def test_never_takes_more_than_the_plan_showed(planned: dict[str, Any], connected) -> None:
    connected.upload(KEY.replace("173", "174"), b"no raster")
    with archive_from_connections() as archive:
        ingest_uploads(archive)

    (batch,) = backfill.BeginBackfillOperator(task_id="begin", planned=planned).execute(context())

    assert len(batch["frame_ids"]) == 1


def test_asks_a_person_when_the_plan_is_large(planned: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGMILL_BACKFILL_APPROVAL_FRAMES", "0")
    load_settings.cache_clear()
    large = backfill.PlanBackfillOperator(task_id="plan").execute(context())
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **kwargs: asked.update(kwargs)
    )

    with pytest.raises(TaskAwaitingInput):
        backfill.ApproveBackfillOperator(task_id="approve", planned=large, wait=DAY).execute(context())

    assert asked["body"] == planned["text"]


def test_asks_a_person_about_everything_however_little_it_is(planned: dict[str, Any]) -> None:
    plan = backfill.PlanBackfillOperator(task_id="plan")

    assert plan.execute(context(collections=["everything"]))["ask"]
    assert not plan.execute(context(collections=["everything"], prefix="bw/Travis/"))["ask"]
    assert not plan.execute(context(collections=["everything"], states=["failed"]))["ask"], "there is nothing to build"


def test_report_is_skipped_when_nothing_was_begun_and_red_when_that_was_our_fault(planned: dict[str, Any]) -> None:
    report = backfill.ReportBackfillOperator(task_id="report")

    with pytest.raises(AirflowSkipException, match="nothing was begun"):
        report.execute(context())
    with pytest.raises(AirflowFailException, match="task begin_backfill failed"):
        report.execute(context(broken={"begin_backfill": "failed"}))


def test_report_is_red_when_every_batch_failed(planned: dict[str, Any]) -> None:
    given = context(broken={"build_0": "failed"})
    backfill.BeginBackfillOperator(task_id="begin", planned=planned).execute(given)

    with pytest.raises(AirflowFailException, match=r"1 are left.*task build_0 failed"):
        backfill.ReportBackfillOperator(task_id="report").execute(given)
