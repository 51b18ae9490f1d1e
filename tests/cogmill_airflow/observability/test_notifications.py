"""Messages through Airflow's own notifiers: SNS as moto plays it, read back from a subscribed queue."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow.sdk import BaseNotifier
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.pipeline.ingest import ingest_uploads
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.observability import notifications

COLLECTION = "travis_usda_1951_frames"
KEY = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif"
HEARD: list[tuple[str, str]] = []


class Listener(BaseNotifier):
    """Any other notifier, as a setting may name it."""

    template_fields = ("text", "title")

    def __init__(self, *, text: str, title: str = "") -> None:
        super().__init__()
        self.text = text
        self.title = title

    def notify(self, context: Any) -> None:
        HEARD.append((self.title, self.text))


@pytest.fixture
def inbox(connected, s3_server, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, str]]]:
    """Subscribe a queue to the configured topic; returns what has arrived since."""
    keys = {"region_name": "us-east-1", "aws_access_key_id": "only", "aws_secret_access_key": "tests"}
    sns, sqs = (boto3.client(service, endpoint_url=s3_server, **keys) for service in ("sns", "sqs"))
    topic = sns.create_topic(Name=connected.bucket)["TopicArn"]
    url = sqs.create_queue(QueueName=connected.bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    monkeypatch.setenv("COGMILL_NOTIFY_TOPIC", topic)
    return lambda: [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url).get("Messages", [])]


def context(dag_id: str = f"collection__{COLLECTION}", digest: str | None = None, map_index: int = -1) -> Any:
    ti = SimpleNamespace(
        dag_id=dag_id, task_id="report", log_url="http://airflow/run", map_index=map_index,
        xcom_pull=lambda task_ids, key, map_indexes: {map_index: digest}[map_indexes],
    )  # fmt: skip
    run = SimpleNamespace(start_date=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5))
    return {"ti": ti, "dag_run": run}


def test_sends_one_digest_with_reasons_advice_and_links(connected, inbox) -> None:
    connected.upload(KEY)
    with archive_from_connections() as archive:
        ingest_uploads(archive)
        (due,) = archive.ledger.frames.due(COLLECTION, 10)
        (job,) = archive.ledger.frames.claim([due.id], "tests", 60)
        archive.ledger.frames.mark_rejected(job, "tests", InvalidFrameError(Reason.NO_CRS, "no {{ 7 * 7 }}"))

    notifications.DigestNotifier()(context())

    (message,) = inbox()
    assert message["Subject"] == f"Cogmill: collection__{COLLECTION} done"
    assert f"Rejected {KEY}: no_crs (no {{{{ 7 * 7 }}}})" in message["Message"]  # nothing in it is taken for a template
    assert "Export the raster again with its coordinate system" in message["Message"]
    assert f"/mapfiles/{COLLECTION}.map&" in message["Message"]
    assert "Run: http://airflow/run" in message["Message"]


def test_sends_nothing_when_a_run_did_nothing(connected, inbox) -> None:
    notifications.DigestNotifier()(context())
    notifications.DigestNotifier()(context("maintenance"))

    assert inbox() == []


def test_tells_of_a_failed_frame_once_and_not_after_every_try(connected, inbox) -> None:
    from cogmill_airflow.operators.reports import StillFailingError

    connected.upload(KEY)
    with archive_from_connections() as archive:
        ingest_uploads(archive)
        (due,) = archive.ledger.frames.due(COLLECTION, 10)
        (job,) = archive.ledger.frames.claim([due.id], "tests", 60)
        archive.ledger.frames.mark_failed(job, "tests", "ObjectRefusedError: S3 keeps it")
    notifications.DigestNotifier()(context() | {"exception": ValueError("1 failures")})
    (message,) = inbox()
    assert f"Failed {KEY}: ObjectRefusedError: S3 keeps it (next try 20" in message["Message"]

    with archive_from_connections() as archive:
        archive.ledger._connection.execute("UPDATE cogmill.frame SET failing_since = now() - interval '1 day'")
    for _ in range(3):
        notifications.DigestNotifier()(context() | {"exception": StillFailingError("1 failures")})

    assert inbox() == []


@pytest.mark.parametrize("map_index", [-1, 3], ids=["task", "mapped task"])
def test_sends_what_a_task_left_and_why_it_failed_by_any_other_notifier(
    monkeypatch: pytest.MonkeyPatch, map_index: int
) -> None:
    HEARD.clear()
    kwargs = {"text": "{{ digest_text }}", "title": "{{ digest_subject }}"}
    monkeypatch.setenv("COGMILL_NOTIFIERS", json.dumps([{"class": f"{__name__}.Listener", "kwargs": kwargs}]))

    ended = context("maintenance", "3 COGs that are gone", map_index)
    notifications.DigestNotifier()(ended | {"exception": ValueError("red")})

    assert HEARD == [("Cogmill: maintenance failed", "red\n3 COGs that are gone\n\nRun: http://airflow/run")]


def test_says_so_when_a_run_is_late(connected, inbox) -> None:
    alert = notifications.deadline("compile_indexes", 60)

    asyncio.run(notifications.run_is_late(**alert.callback.kwargs, context={"dag_run": {"run_id": "scheduled__1"}}))

    (message,) = inbox()
    assert message["Message"] == "compile_indexes has not ended within 60 minutes. Run: scheduled__1"
    assert alert.interval == dt.timedelta(hours=1)


def test_runs_have_the_deadline_that_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from cogmill.config.settings import load_settings

    alert = notifications.run_deadline("watch_uploads", dt.timedelta(hours=6))
    assert alert is not None
    assert alert.interval == dt.timedelta(hours=30)
    monkeypatch.setenv("COGMILL_RUN_DEADLINE_MINUTES", "0")
    load_settings.cache_clear()
    assert notifications.run_deadline("maintenance") is None


def test_dags_can_be_tested_by_command_although_airflow_cannot_do_it_with_deadlines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["airflow", "dags", "test", "compile_indexes"])

    assert notifications.deadline("compile_indexes", 60) is None


def test_says_that_a_run_failed_although_the_ledger_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    HEARD.clear()
    kwargs = {"text": "{{ digest_text }}", "title": "{{ digest_subject }}"}
    monkeypatch.setenv("COGMILL_NOTIFIERS", json.dumps([{"class": f"{__name__}.Listener", "kwargs": kwargs}]))
    away = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "x", "password": "x", "schema": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_COGMILL_POSTGIS", json.dumps(away))

    notifications.DigestNotifier()(context() | {"exception": ValueError("red")})

    ((title, text),) = HEARD
    assert title.endswith("failed")
    assert text.startswith("red")


def test_asks_the_other_notifiers_when_one_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    HEARD.clear()
    good = {"class": f"{__name__}.Listener", "kwargs": {"text": "{{ digest_text }}"}}
    monkeypatch.setenv("COGMILL_NOTIFIERS", json.dumps([{"class": "nowhere.Notifier", "kwargs": {}}, good]))

    assert notifications.send("subject", "text") == 1
    assert HEARD == [("", "text")]
