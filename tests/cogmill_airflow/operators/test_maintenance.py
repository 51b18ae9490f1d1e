from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from cogmill_airflow.operators import maintenance

PLAN = {"frames": 200, "services": 0, "cogs": 0, "concerns": ["200 frames"], "text": "200 frames leave the map"}


def context(*, dry_run: bool = False) -> Any:
    pushed: dict[str, Any] = {}
    return {
        "params": {"dry_run": dry_run},
        "dag_run": SimpleNamespace(run_after=dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
        "ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}), pushed=pushed),
    }


def run_all(given: Any) -> dict[str, Any]:
    """All tasks of one run in a row, results handed on as Airflow would."""
    compared = maintenance.CompareLayersOperator(task_id="compare").execute(given)
    return {
        "compared": compared,
        "repairs": maintenance.RepairOperator(task_id="repair").execute(given),
        "removals": maintenance.RemoveOperator(task_id="remove").execute(given),
        "garbage": maintenance.CollectGarbageOperator(task_id="collect").execute(given),
        "audit": maintenance.AuditCogsOperator(task_id="audit").execute(given),
        "dead_services": maintenance.ProbeServicesOperator(task_id="probe").execute(given),
    }


def test_is_green_when_all_layers_agree(connected) -> None:
    given = context()

    numbers = maintenance.MaintenanceReportOperator(task_id="report", parts=run_all(given)).execute(given)

    assert numbers == {"green": True}
    assert connected.client.get_object(Bucket=connected.bucket, Key="reports/maintenance/latest.json")


def test_mends_a_stray_object_without_turning_red(connected) -> None:
    connected.upload("mapfiles/stray.txt")
    given = context()

    numbers = maintenance.MaintenanceReportOperator(task_id="report", parts=run_all(given)).execute(given)

    assert numbers == {"green": False, "mapfile_stray": 1}


def test_turns_red_when_a_person_is_needed(connected) -> None:
    connected.upload("mapfiles/by_hand.map")
    given = context()
    parts = run_all(given)

    with pytest.raises(AirflowFailException, match="mapfiles of collections the ledger does not know"):
        maintenance.MaintenanceReportOperator(task_id="report", parts=parts).execute(given)


def test_turns_red_when_a_step_did_not_end(connected) -> None:
    given = context()
    parts = run_all(given) | {"audit": None}

    with pytest.raises(AirflowFailException, match="no result from audit"):
        maintenance.MaintenanceReportOperator(task_id="report", parts=parts).execute(given)


@pytest.mark.parametrize(
    ("compared", "dry_run"), [({"plan": PLAN | {"concerns": []}}, False), ({"plan": PLAN}, True), (None, False)]
)
def test_asks_nobody_when_there_is_nothing_to_ask(compared: Any, dry_run: bool) -> None:  # noqa: FBT001
    operator = maintenance.ApproveRemovalsOperator(task_id="approve", compared=compared)

    with pytest.raises(AirflowSkipException):
        operator.execute(context(dry_run=dry_run))


def test_shows_the_plan_when_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **kwargs: asked.update(kwargs)
    )
    given = context() | {"task_instance": SimpleNamespace(id="x")}

    with pytest.raises(TaskAwaitingInput):
        maintenance.ApproveRemovalsOperator(task_id="approve", compared={"plan": PLAN}).execute(given)

    assert asked["body"] == "200 frames leave the map"
    assert asked["defaults"] == ["Reject"]
