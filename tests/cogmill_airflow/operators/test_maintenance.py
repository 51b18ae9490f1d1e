from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from cogmill_airflow.operators import maintenance

PLAN = {"frames": 200, "services": 0, "cogs": 0, "concerns": ["200 frames"], "text": "200 frames leave the map"}


HEARD: list[tuple[str, str]] = []


class Listener(BaseNotifier):
    """Remembers subject and first line of each message, and looks for the way to the answer."""

    template_fields = ("text", "title")

    def __init__(self, *, text: str, title: str) -> None:
        super().__init__()
        self.text = text
        self.title = title

    def notify(self, context: Any) -> None:
        assert "https://airflow.example.org/dags/maintenance/runs/r/tasks/approve/required_actions" in self.text
        assert PLAN["text"] in self.text
        HEARD.append((self.title, self.text.partition("\n")[0]))


def context(*, dry_run: bool = False) -> Any:
    pushed: dict[str, Any] = {}
    return {
        "params": {"dry_run": dry_run},
        "dag_run": SimpleNamespace(run_type="manual", run_after=dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
        "ti": SimpleNamespace(
            dag_id="maintenance", run_id="r", xcom_push=lambda key, value: pushed.update({key: value}), pushed=pushed
        ),
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
        "closed_addresses": maintenance.ProbeAddressesOperator(task_id="addresses").execute(given),
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

    assert operator.execute(context(dry_run=dry_run)) == {"approved": False}


@pytest.mark.parametrize("answer", [{"approved": False}, None])
def test_removes_nothing_in_green_without_a_yes(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance.RemoveOperator, "execute", lambda *_: pytest.fail("nobody said yes"))

    removed = maintenance.RemoveApprovedOperator(task_id="remove", approved={"plan": PLAN}, answer=answer)

    assert removed.execute(context()) == []


def test_shows_the_plan_when_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **kwargs: asked.update(kwargs)
    )
    heard = [
        {"class": f"{__name__}.Listener", "kwargs": {"text": "{{ digest_text }}", "title": "{{ digest_subject }}"}}
    ]
    monkeypatch.setenv("COGMILL_NOTIFIERS", json.dumps(heard))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org")
    operator = maintenance.ApproveRemovalsOperator(task_id="approve", compared={"plan": PLAN})
    ti = SimpleNamespace(id="x", dag_id="maintenance", run_id="r", task_id="approve", map_index=-1)
    given = context() | {"task_instance": ti, "ti": ti, "task": operator}

    with pytest.raises(TaskAwaitingInput):
        operator.execute(given)

    assert asked["body"] == "200 frames leave the map"
    assert [("Cogmill: maintenance waits for an answer", asked["subject"])] == HEARD
    assert asked["defaults"] == ["Reject"]
