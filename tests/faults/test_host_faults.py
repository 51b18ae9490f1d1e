"""A disk that is full, and notifications that come twice or never."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid

import boto3
import psycopg
import pytest
from cogmill.aws.sqs import EventQueue
from cogmill.pipeline import Archive, ingest

from tests.faults.conftest import Disturbed


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
