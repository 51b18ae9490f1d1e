from __future__ import annotations

import datetime as dt
import os
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time.context import OutletEventAccessors
from cogmill.config.settings import load_settings
from cogmill.ledger.page_lists import PageRequest
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
    return {
        "outlet_events": OutletEventAccessors(),
        "dag_run": SimpleNamespace(run_type="manual"),
        "params": FORM | NAMED | params,
        "run_id": "manual__1",
        "ti": ti,
        "task_instance": ti,
    }


YES = {"approved": True}


def begin(planned: dict[str, Any], answer: Any, given: Any) -> list[dict[str, Any]]:
    return backfill.BeginBackfillOperator(task_id="begin", planned=planned, answer=answer).execute(given)


def report(planned: dict[str, Any], given: Any) -> dict[str, Any]:
    return backfill.ReportBackfillOperator(task_id="report", planned=planned).execute(given)


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


def test_a_plan_names_every_upload_before_anything_happens(planned: dict[str, Any]) -> None:
    with archive_from_connections() as archive:
        saved = archive.ledger.pages.report("backfill", "manual__1")
        (frame,) = archive.ledger.pages.planned_frames("backfill", "manual__1", PageRequest(10)).rows

    assert f"- {KEY}" in planned["text"]
    assert saved is not None
    assert saved.report["headline"].startswith("Planned, nothing is built yet: 1 frames")
    assert (frame.source_key, frame.why, frame.outcome) == (KEY, "it waits to be built", None)


def test_runs_from_plan_to_report(planned: dict[str, Any]) -> None:
    given = context()
    answer = backfill.ApproveBackfillOperator(task_id="approve", planned=planned, wait=DAY).execute(given)

    (batch,) = begin(planned, answer, given)
    text = backfill.BuildBackfillOperator(task_id="build", batch=batch).execute(given)
    numbers = report(planned, given)
    (again,) = backfill.ListRejectedAgainOperator(task_id="list_rejected").execute(given)

    assert text.startswith("1 of 1 frames (0 built, 0 unchanged, 1 rejected, 0 failed)")
    assert (numbers["done"], numbers["rejected"]) == (1, 1)
    with archive_from_connections() as archive:
        saved = archive.ledger.pages.report("backfill", "manual__1")
        (frame,) = archive.ledger.pages.planned_frames("backfill", "manual__1", PageRequest(10)).rows
    assert saved is not None
    assert {one["what"]: one["count"] for one in saved.report["numbers"]}["frames that were rejected again"] == 1
    assert (frame.outcome, frame.reason) == ("rejected", "not_a_geotiff")
    assert again["label"] == "03-22-51_4-173.tif: not_a_geotiff"
    assert KEY in again["advice"]


@pytest.mark.parametrize(("dry_run", "approved", "why"), [(True, True, "dry run"), (False, False, "approved")])
def test_a_run_that_builds_nothing_is_green_and_says_why(
    planned: dict[str, Any], *, dry_run: bool, approved: bool, why: str
) -> None:
    given = context(dry_run=dry_run)

    (batch,) = begin(planned, {"approved": approved}, given)
    built = backfill.BuildBackfillOperator(task_id="build", batch=batch).execute(given)
    told = report(planned, given)

    assert batch["frame_ids"] == []
    assert why in built
    assert (told["begun"], told["plan"]) == (False, planned["text"])
    assert why in told["why"]
    (shown,) = backfill.ListRejectedAgainOperator(task_id="list_rejected").execute(given)
    assert shown["label"] == "none rejected"
    with archive_from_connections() as archive:
        assert archive.ledger.backfills.collections("backfill/manual__1") == []


def test_never_takes_more_than_the_plan_showed(planned: dict[str, Any], connected) -> None:
    connected.upload(KEY.replace("173", "174"), b"no raster")
    with archive_from_connections() as archive:
        ingest_uploads(archive)

    (batch,) = begin(planned, YES, context())

    assert len(batch["frame_ids"]) == 1


def test_asks_a_person_when_the_plan_is_large(planned: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGMILL_BACKFILL_APPROVAL_FRAMES", "0")
    load_settings.cache_clear()
    large = backfill.PlanBackfillOperator(task_id="plan").execute(context())
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **kwargs: asked.update(kwargs)
    )

    asking = backfill.ApproveBackfillOperator(task_id="approve", planned=large, wait=DAY)
    with pytest.raises(TaskAwaitingInput):
        asking.execute(context() | {"task": asking})

    assert asked["body"] == planned["text"]


@pytest.mark.parametrize(("chosen", "approved"), [("Approve", True), ("Reject", False)])
def test_an_answer_is_a_result_and_skips_nothing(planned: dict[str, Any], chosen: str, *, approved: bool) -> None:
    asking = backfill.ApproveBackfillOperator(task_id="approve", planned=planned, wait=DAY)
    event = {"chosen_options": [chosen], "params_input": {}, "responded_by_user": None}

    answer = asking.execute_complete({}, event | {"responded_at": dt.datetime.now(dt.UTC)})  # no context: none to skip

    assert answer == {"approved": approved}


def test_asks_a_person_about_everything_however_little_it_is(planned: dict[str, Any]) -> None:
    plan = backfill.PlanBackfillOperator(task_id="plan")

    assert plan.execute(context(collections=["everything"]))["ask"]
    assert plan.execute(context(collections=["Everything"]))["ask"], "a name is taken in any case"
    assert not plan.execute(context(collections=["everything"], prefix="bw/Travis/"))["ask"]
    assert not plan.execute(context(collections=["everything"], states=["failed"]))["ask"], "there is nothing to build"


def test_report_is_red_when_nothing_was_begun_through_our_fault(planned: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="task begin_backfill failed"):
        report(planned, context(broken={"begin_backfill": "failed"}))


def test_report_is_red_when_every_batch_failed(planned: dict[str, Any]) -> None:
    given = context(broken={"build_0": "failed"})
    begin(planned, YES, given)

    with pytest.raises(AirflowFailException, match=r"1 are left.*task build_0 failed"):
        report(planned, given)


def test_a_backfill_that_published_something_says_so(planned: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from cogmill.pipeline import backfill as pipeline
    from cogmill.pipeline.archive import Archive, ServiceChange
    from cogmill_airflow.observability import assets

    def publish(archive: Archive, _: str) -> list[str]:
        archive.changes.append(ServiceChange("travis_usda_1951_frames", "published", 3, 1, "http://maps/?map=x&"))
        return ["travis_usda_1951_frames"]

    given = context()
    (batch,) = begin(planned, YES, given)
    monkeypatch.setattr(pipeline, "publish_finished", publish)

    backfill.BuildBackfillOperator(task_id="build", batch=batch).execute(given)
    reported = context()
    report(planned, reported)

    for task in (given, reported):
        (event,) = task["outlet_events"][assets.services()].asset_alias_events
        assert event.dest_asset_key.name == "travis_usda_1951_frames"
