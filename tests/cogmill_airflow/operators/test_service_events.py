"""Each operator that changes a service tells other DAGs so."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors
from cogmill.pipeline.archive import Archive, ServiceChange
from cogmill.pipeline.by_hand.rollback import Rollback
from cogmill.pipeline.publish import Published
from cogmill_airflow.observability import assets
from cogmill_airflow.operators import collection, maintenance, mapfiles

COLLECTION = "travis_usda_1951_frames"
URL = "http://maps/?map=x&"
REPAIR, REMOVE = "cogmill.maintenance.repair.repair", "cogmill.maintenance.repair.remove"

STEPS: dict[str, tuple[type, dict[str, Any], str, Any]] = {
    "publish_mapfile": (
        collection.PublishMapfileOperator,
        {"collection_id": COLLECTION},
        "cogmill.pipeline.publish.publish_mapfile",
        Published(changed=True, frames=1, service_url=URL, extent=None),
    ),
    "render": (
        mapfiles.RenderMapfilesOperator,
        {"batch": {"label": "", "ids": [COLLECTION]}},
        "cogmill.pipeline.by_hand.rerender.render_mapfiles",
        [],
    ),
    "roll_back": (
        mapfiles.RollbackOperator,
        {},
        "cogmill.pipeline.by_hand.rollback.rollback",
        Rollback(COLLECTION, 3, dt.datetime.now(dt.UTC)),
    ),
    "repair": (maintenance.RepairOperator, {}, REPAIR, []),
    "remove": (maintenance.RemoveOperator, {}, REMOVE, []),
    "remove_approved": (
        maintenance.RemoveApprovedOperator,
        {"approved": {"plan": {}}, "answer": {"approved": True}},
        REMOVE,
        [],
    ),
}
"""Operator by task, its arguments, the function of the program that it calls, and what that returns."""


@pytest.mark.parametrize("task", STEPS)
def test_a_service_that_a_task_changed_is_an_event(connected: Any, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    operator, arguments, function, result = STEPS[task]
    with psycopg.connect(**connected.libpq) as connection:  # what follows a change looks the collection up
        connection.execute(
            "INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product)"
            " VALUES (%s, 'Travis_USDA_1951_frames', 'Travis', 'USDA', '1951', 'frames')",
            [COLLECTION],
        )

    def change(archive: Archive, *_: Any, **__: Any) -> Any:
        archive.changes.append(ServiceChange(COLLECTION, "published", 3, 1, URL))
        return result

    monkeypatch.setattr(function, change)
    events = OutletEventAccessors()
    run = SimpleNamespace(run_type="manual", run_id="r", start_date=dt.datetime.now(dt.UTC))
    params = {"collections": ["everything"], "collection": COLLECTION, "dry_run": False}

    ti = SimpleNamespace(dag_id=task, run_id="r")

    operator(task_id=task, **arguments).execute({"params": params, "dag_run": run, "outlet_events": events, "ti": ti})

    (event,) = events[assets.services()].asset_alias_events
    assert (event.dest_asset_key.name, event.extra["revision"]) == (COLLECTION, 3)
