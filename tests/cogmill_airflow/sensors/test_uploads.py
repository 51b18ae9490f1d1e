from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.pipeline.ingest import ingest_uploads
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.observability.notifications import DIGEST
from cogmill_airflow.operators import uploads
from cogmill_airflow.sensors.uploads import TRIGGER, NewUploadsSensor
from cogmill_airflow.triggers import uploads as triggers
from cogmill_airflow.triggers.uploads import NewUploadsTrigger

from demo.stack.airflow_env import postgis_connection
from tests.faults.relay import relay

FRAME = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif"


async def fire(trigger: NewUploadsTrigger) -> list[TriggerEvent]:
    try:
        return [event async for event in trigger.run()]
    finally:
        await trigger.cleanup()


def test_trigger_fires_once_when_an_upload_is_there(connected: Any) -> None:
    connected.upload(FRAME)

    events = asyncio.run(fire(NewUploadsTrigger(wait_s=30)))

    assert [type(event) for event in events] == [TaskSuccessEvent]


def test_trigger_fires_when_an_upload_comes_later(connected: Any) -> None:
    async def scene() -> float:
        waiting = asyncio.create_task(fire(NewUploadsTrigger(wait_s=30)))
        await asyncio.sleep(1)
        assert not waiting.done()
        await asyncio.to_thread(connected.upload, FRAME)
        uploaded = time.monotonic()
        await waiting
        return time.monotonic() - uploaded

    assert asyncio.run(scene()) < 5


def test_trigger_stays_quiet_when_the_ledger_knows_every_key(connected: Any) -> None:
    connected.upload("bw/Travis/USDA_1951/frames/georef/nonsense.tif")
    with archive_from_connections() as archive:
        ingest_uploads(archive)

    started = time.monotonic()
    events = asyncio.run(fire(NewUploadsTrigger(wait_s=1.5)))

    assert time.monotonic() - started >= 1.5
    assert [type(event) for event in events] == [TaskSuccessEvent]  # the time was up: green, and a new run begins


def test_trigger_waits_on_when_the_ledger_is_away_for_a_while(
    connected: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connected.upload(FRAME)
    right = os.environ["AIRFLOW_CONN_COGMILL_POSTGIS"]
    monkeypatch.setenv("AIRFLOW_CONN_COGMILL_POSTGIS", "postgres://nobody:canary-pg-secret@127.0.0.1:1/none")

    async def scene() -> list[TriggerEvent]:
        waiting = asyncio.create_task(fire(NewUploadsTrigger(wait_s=30)))
        await asyncio.sleep(5)  # the first look comes late on a busy machine
        monkeypatch.setenv("AIRFLOW_CONN_COGMILL_POSTGIS", right)
        return await waiting

    events = asyncio.run(scene())

    assert [type(event) for event in events] == [TaskSuccessEvent]
    log = capsys.readouterr().out
    assert "uploads_not_visible" in log
    assert "canary" not in log


def test_trigger_is_rebuilt_without_secrets_when_serialised(connected: Any) -> None:
    path, kwargs = NewUploadsTrigger(wait_s=60).serialize()

    assert path == TRIGGER
    assert "canary" not in json.dumps(kwargs)
    assert NewUploadsTrigger(**kwargs).serialize() == (path, kwargs)


def test_sensor_starts_in_the_triggerer_when_scheduled() -> None:
    sensor = NewUploadsSensor(task_id="wait")

    assert sensor.start_from_trigger
    assert sensor.start_trigger_args.trigger_cls == TRIGGER
    NewUploadsTrigger(**sensor.start_trigger_args.trigger_kwargs)


def test_sensor_returns_at_once_when_an_upload_is_new(connected: Any) -> None:
    connected.upload(FRAME)

    assert NewUploadsSensor(task_id="wait").execute({}) is None


def test_sensor_leaves_the_worker_when_no_upload_is_new(connected: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        NewUploadsSensor(task_id="wait").execute({})

    assert isinstance(deferred.value.trigger, NewUploadsTrigger)
    assert deferred.value.timeout is None


class TaskInstance:
    """What Airflow hands to a task, as far as it is used here."""

    def __init__(self, *, visible_after: int = 0, queued: int = 0, same_id: int = 0) -> None:
        self.visible_after = visible_after
        self.paused = False
        self.counts = {"states": queued, "run_ids": same_id}
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_dag(self, dag_id: str) -> Any:
        from types import SimpleNamespace

        from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
        from airflow.sdk.execution_time.comms import ErrorResponse

        self.visible_after -= 1
        if self.visible_after >= 0:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404}))
        return SimpleNamespace(dag_id=dag_id, is_paused=self.paused)

    def get_dr_count(self, dag_id: str, **asked: Any) -> int:
        (what,) = asked
        return self.counts[what]


def test_uploads_are_entered_and_rejections_named_when_ingested(
    connected: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    connected.upload(FRAME)
    connected.upload("bw/Travis/USDA_1951/frames/georef/nonsense.tif")
    ti = TaskInstance()
    operator = uploads.IngestUploadsOperator(task_id="ingest_uploads")

    first, second = operator.execute({"ti": ti}), None
    labels = [entry["label"] for entry in ti.pushed[uploads.REJECTED]]
    digest, entered = ti.pushed.pop(DIGEST), ti.pushed[uploads.INGESTED]
    second = operator.execute({"ti": ti})

    assert DIGEST not in ti.pushed, "a rejection is reported once"
    assert first == ["travis_usda_1951_frames"]
    assert labels == ["nonsense.tif: bad_name"]
    assert entered["keys"] == {"travis_usda_1951_frames": [FRAME]}
    assert abs(dt.datetime.fromisoformat(entered["at"]) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
    assert f"upload_ingested key={FRAME} collection=travis_usda_1951_frames" in capsys.readouterr().out
    assert "nonsense.tif: bad_name (" in digest
    assert second == [uploads.NO_COLLECTION]
    assert [entry["label"] for entry in ti.pushed[uploads.REJECTED]] == ["none rejected"]


def test_empty_upload_is_named_when_ingested(connected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGMILL_SETTLE_SECONDS", "0")
    connected.upload(FRAME, b"")
    ti = TaskInstance()

    collections = uploads.IngestUploadsOperator(task_id="ingest_uploads").execute({"ti": ti})

    assert collections == [uploads.NO_COLLECTION]
    assert [entry["label"] for entry in ti.pushed[uploads.REJECTED]] == ["03-22-51_4-173.tif: empty"]


def trigger(collection_id: str = "travis_usda_1951_frames", **kwargs: Any) -> uploads.TriggerCollectionOperator:
    ingested = {"at": "2026-11-28T11:34:16+00:00", "keys": {collection_id: [FRAME]}}
    return uploads.TriggerCollectionOperator(
        task_id="trigger", collection_id=collection_id, ingested=ingested, **kwargs
    )


def test_run_is_asked_for_when_the_dag_appears_late(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import DagRunTriggerException

    monkeypatch.setattr(uploads, "POLL_S", 0.01)

    with pytest.raises(DagRunTriggerException) as asked:
        trigger().execute({"ti": TaskInstance(visible_after=5)})

    assert asked.value.trigger_dag_id == "collection__travis_usda_1951_frames"
    assert asked.value.skip_when_already_exists
    assert asked.value.dag_run_id == "uploads__2026-11-28T11:34:16+00:00"
    assert asked.value.conf == {"uploads": [FRAME]}


def test_trigger_gives_up_with_the_name_when_the_dag_never_appears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "POLL_S", 0.01)

    with pytest.raises(ServiceUnavailableError, match="collection__travis_usda_1951_frames has not appeared"):
        trigger(visible_within_s=0.1).execute({"ti": TaskInstance(visible_after=10_000)})


def test_a_paused_collection_is_told() -> None:
    ti = TaskInstance(same_id=1)
    ti.paused = True

    trigger().execute({"ti": ti})

    assert ti.pushed[DIGEST].startswith("travis_usda_1951_frames has new uploads, but its DAG is paused")


RUNS = "/dags/collection__travis_usda_1951_frames/runs"


@pytest.mark.parametrize(
    ("there", "address"),
    [({"queued": 1}, RUNS), ({"same_id": 1}, f"{RUNS}/uploads__2026-11-28T11%3A34%3A16%2B00%3A00")],
)
def test_no_run_is_added_when_one_waits_already_and_the_link_leads_somewhere(
    there: dict[str, int], address: str
) -> None:
    operator = trigger()

    assert operator.execute({"ti": TaskInstance(**there)}) is None
    assert [link.get_link(operator, ti_key=None) for link in operator.operator_extra_links] == [address]


def test_nothing_is_asked_when_no_collection_has_work() -> None:
    assert trigger(uploads.NO_COLLECTION).execute({"ti": None}) is None


def test_time_limit_of_airflow_is_longer_than_the_wait_when_the_scheduler_reads_the_dag() -> None:
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization
    from cogmill_airflow.dag_factories.retries import DEFAULTS

    with DAG("watch", schedule=None, default_args=DEFAULTS) as dag:
        NewUploadsSensor(task_id="wait", wait=timedelta(hours=6))

    read = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("wait")

    # of which the scheduler makes the trigger's limit
    assert read.start_from_trigger
    assert read.execution_timeout > timedelta(hours=6)


def test_trigger_ends_green_before_the_time_limit_when_the_triggerer_was_started_again() -> None:
    trigger = NewUploadsTrigger(wait_s=6 * 3600)
    trigger.timeout_after = datetime.now(UTC)  # as the triggerer sets it

    events = asyncio.run(fire(trigger))

    assert [type(event) for event in events] == [TaskSuccessEvent]


def test_trigger_ends_at_its_own_deadline_and_says_so_when_a_check_hangs(
    connected: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cogmill.pipeline import ingest

    monkeypatch.setattr(triggers, "SLOW_CHECK_S", 0.3)
    released, ended = threading.Event(), threading.Event()

    def hang(archive: Any) -> bool:
        released.wait(60)
        ended.set()
        return True

    monkeypatch.setattr(ingest, "has_new_uploads", hang)

    async def scene() -> list[TriggerEvent]:
        try:
            return await asyncio.wait_for(fire(NewUploadsTrigger(wait_s=2)), 30)
        finally:
            assert not ended.is_set(), "the deadline did not end the wait, the check did"
            released.set()

    events = asyncio.run(scene())

    assert [type(event) for event in events] == [TaskSuccessEvent]
    assert "uploads_check_slow" in capsys.readouterr().out


@pytest.mark.timeout(240)
def test_trigger_names_a_silent_database_and_sees_the_upload_when_it_answers_again(
    connected: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with relay(str(connected.libpq["host"]), int(connected.libpq["port"])) as way:
        monkeypatch.setenv("AIRFLOW_CONN_COGMILL_POSTGIS", postgis_connection(connected.libpq | {"port": way.port}))

        async def scene() -> list[TriggerEvent]:
            waiting = asyncio.create_task(fire(NewUploadsTrigger(wait_s=200)))
            await asyncio.sleep(5)  # it has a connection by then
            way.silent = True
            begun, log = time.monotonic(), ""
            while "uploads_not_visible" not in log and time.monotonic() - begun < 60:
                await asyncio.sleep(0.5)
                log += capsys.readouterr().out
            assert "uploads_not_visible" in log
            assert "the database has gone silent" in log
            connected.upload(FRAME)
            way.silent = False
            return await waiting

        events = asyncio.run(scene())

    assert [type(event) for event in events] == [TaskSuccessEvent]
