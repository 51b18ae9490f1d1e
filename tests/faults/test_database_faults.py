"""A PostgreSQL that is killed, silent or gone for a while, a disk that is full, and workers that die."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import uuid

import boto3
import psycopg
import pytest
from cogmill.aws.sqs import EventQueue
from cogmill.pipeline import Archive, build_cogs, ingest, publish

from tests.conftest import wait_until
from tests.faults.conftest import LIMITS, Disturbed, chosen


def slowed(monkeypatch, module, name: str, begun: threading.Event, go_on: threading.Event) -> None:
    """Let a function of the pipeline wait in its middle until the fault is there."""
    original = getattr(module, name)

    def waits(*args, **kwargs):
        begun.set()
        go_on.wait(30)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, waits)


MOMENTS = {
    "a frame is built": (build_cogs, "_build_one"),
    "index rows were read": (publish, "index_row"),
    "a mapfile is drawn": (publish, "verify_draft"),
}


def crash(disturbed: Disturbed) -> None:
    """Kill one process of the server by SIGKILL: the server ends all connections, and recovers from its log."""
    with psycopg.connect(**disturbed.libpq, autocommit=True) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def wait_for_server(disturbed: Disturbed) -> None:
    wait_until(lambda: accepts(disturbed.libpq), "PostgreSQL")


def accepts(libpq: dict[str, object]) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(**libpq).close()
        return True
    return False


CASES = [(moment, fault) for moment in MOMENTS for fault in ("crash", "silence", "lost connections")]

QUICK = [("a frame is built", "crash"), ("index rows were read", "silence")]


@pytest.mark.parametrize(("moment", "fault"), chosen(CASES, QUICK))
def test_nothing_is_lost_or_wrong_when_the_database_fails_in_the_middle_of_a_run(
    disturbed, named, monkeypatch, moment, fault
):
    disturbed.upload(2, seed=2)
    disturbed.upload(3)
    reached, go_on = threading.Event(), threading.Event()
    worker = threading.Thread(target=disturbed.run)
    with monkeypatch.context() as patch:
        slowed(patch, *MOMENTS[moment], reached, go_on)
        worker.start()
        assert reached.wait(60)
        begun = time.time()
        if fault == "crash":
            crash(disturbed)
            wait_for_server(disturbed)
        elif fault == "silence":
            disturbed.way.silent = True
        else:
            disturbed.way.lose_connections()
        go_on.set()
        worker.join(120)
    assert not worker.is_alive()
    seconds = named(begun)
    assert disturbed.lies() == []

    disturbed.way.silent = False
    assert disturbed.settle() == []
    print(f"PostgreSQL: {fault} while {moment}: named after {seconds:.1f} s with limits of {LIMITS.silence_s:.0f} s")


def test_nothing_is_lost_when_no_disk_has_room(disturbed, named, monkeypatch, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounts a small file system, which needs root")
    disturbed.upload(2, seed=2)
    disturbed.upload(3)
    scratch = tmp_path / "small"
    scratch.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", scratch], check=True)
    begun = time.time()
    try:
        with monkeypatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(scratch))
            try:
                disturbed.run()
            except OSError as err:  # a fault of this host, which the task shows as it is
                disturbed.errors.append(str(err))
    finally:
        subprocess.run(["umount", "--lazy", scratch], check=True)
    print(f"disk full: named after {named(begun):.1f} s: {disturbed.errors[:1]}")
    assert any("No space left" in error for error in [*disturbed.errors, *_details(disturbed)])
    assert disturbed.lies() == []

    assert disturbed.settle() == []


def _details(disturbed: Disturbed) -> list[str]:
    with psycopg.connect(**disturbed.libpq) as connection:
        return [str(detail) for (detail,) in connection.execute("SELECT detail FROM cogmill.frame")]


def test_nothing_is_lost_when_notifications_come_twice_or_never(disturbed, sqs_queue):
    """Every notification twice for one upload, none at all for the other: the sweep makes up for it."""
    sqs, url, body_of = sqs_queue
    twice = disturbed.upload(2, seed=2)
    disturbed.upload(3)
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody=body_of(disturbed.bucket, twice, disturbed.uploads[twice]))

    def work(sample) -> None:
        settings = sample.archive.settings.model_copy(update={"events": "sqs", "events_queue_url": url})
        archive = Archive(sample.archive.store, sample.archive.ledger, settings, EventQueue(sqs, url))
        ingest.ingest_uploads(archive)

    assert disturbed.attempt(work), disturbed.errors
    sent = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    assert sent["ApproximateNumberOfMessages"] == "0"
    assert disturbed.settle() == []
    with psycopg.connect(**disturbed.libpq) as connection:
        (frames,) = connection.execute("SELECT count(*) FROM cogmill.frame").fetchone() or (0,)
    assert frames == len(disturbed.uploads)


@pytest.fixture
def sqs_queue(s3_server):
    client = boto3.client(
        "sqs", endpoint_url=s3_server, region_name="us-east-1", aws_access_key_id="only", aws_secret_access_key="tests"
    )
    url = client.create_queue(QueueName=f"faults-{uuid.uuid4().hex[:8]}")["QueueUrl"]

    def body_of(bucket: str, key: str, body: bytes) -> str:
        entry = {"key": key, "size": len(body), "sequencer": "01"}
        record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": entry}}
        return json.dumps({"Records": [record]})

    yield client, url, body_of
    client.close()
