"""A thousand hostile keys in the bucket and in the queue: not one stops the sweep, the notifications, maintenance or the compilation."""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import replace
from urllib.parse import quote_plus

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cogmill.domain import keys
from cogmill.domain.advice import advice, rejected_frame, right_key
from cogmill.domain.errors import ADVICE, InvalidFrameError
from cogmill.domain.screening import is_upload, key_fault
from cogmill.maintenance.checks import place_of
from cogmill.maintenance.cleanup import collect
from cogmill.maintenance.compare import SETTLED, compare
from cogmill.maintenance.repair import remove, repair
from cogmill.pipeline import ingest
from cogmill.pipeline.export import compile_indexes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile_keys import PREFIX, hostile_keys

ROUNDS, AT_ONCE = 10, 100
"""A thousand keys in all."""

thorough = settings(
    max_examples=ROUNDS, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
batches = st.lists(hostile_keys, min_size=AT_ONCE, max_size=AT_ONCE)


@pytest.fixture
def put(s3_server, archive):
    """Store an object under a key and tell whether the server has taken it."""
    client = boto3.client(
        "s3", endpoint_url=s3_server, region_name="us-east-1", aws_access_key_id="only", aws_secret_access_key="tests",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip

    def store(key: str) -> bool:
        try:
            client.put_object(Bucket=archive.store.bucket, Key=key, Body=b"x")
        except (ClientError, BotoCoreError, UnicodeError):
            return False
        return True

    yield store
    client.close()


def must_be_known(key: str) -> bool:
    """Tell, in other words than the program, whether a key in the bucket is a TIFF that has to be in the ledger."""
    derived = key.startswith(("mapfiles/", "quarantine/", "overviews/")) or "/cog/" in key
    possible = "\0" not in key and len(key.encode()) <= 1024  # the server takes longer ones
    return key.lower().endswith((".tif", ".tiff")) and not derived and possible


def ledger_keys(sample) -> set[str]:
    return {key for (key,) in sample.sql("SELECT source_key FROM cogmill.frame UNION SELECT key FROM cogmill.scan")}


def test_a_thousand_hostile_keys_stop_neither_sweep_nor_maintenance_nor_compilation(sample, put, monkeypatch):
    sample.published()
    monkeypatch.setattr("cogmill.maintenance.compare.SETTLED", -SETTLED)  # what lies there is old enough to be judged
    numbers, tried = itertools.count(100), []

    @thorough
    @given(batches)
    def rounds(batch):
        tried.extend(batch)
        good = f"{PREFIX}georef/03-22-51_9-{next(numbers)}.tif"
        for key in [*batch, good]:
            put(key)
        ingest.has_new_uploads(sample.archive)
        rejected = ingest.ingest_uploads(sample.archive).rejected
        assert good not in {frame.key for frame in rejected}
        assert all(len(frame.text.splitlines()) == 1 and frame.advice for frame in rejected)
        compare(sample.archive)
        sample.sql("UPDATE cogmill.finding SET first_seen = '2020-01-01'")
        repair(sample.archive)
        remove(sample.archive)
        collect(sample.archive)
        compile_indexes(sample.archive)

    rounds()

    assert len(tried) >= ROUNDS * AT_ONCE
    stored = [key for key in sample.listed() if must_be_known(key)]
    assert len(stored) > ROUNDS * AT_ONCE / 10
    assert set(stored) - ledger_keys(sample) == set()
    assert not ingest.has_new_uploads(sample.archive)


def test_a_thousand_hostile_keys_in_the_queue_stop_no_notification(announced, put, sqs, queues):
    numbers, tried = itertools.count(100), []
    unswept = replace(announced.archive, settings=announced.archive.settings)

    def announce(key: str) -> None:
        try:
            written = quote_plus(key)
        except UnicodeError:
            written = key
        stored = {"key": written, "sequencer": "0A"}
        record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": unswept.store.bucket}, "object": stored}}
        sqs.send_message(QueueUrl=queues[0], MessageBody=json.dumps({"Records": [record]}))

    @thorough
    @given(batches)
    def rounds(batch):
        tried.extend(batch)
        good = f"{PREFIX}georef/03-22-51_9-{next(numbers)}.tif"
        for key in [*batch, good]:
            if not put(key):  # else the server announces it
                announce(key)
        ingest.ingest_uploads(unswept)
        assert announced.sql("SELECT state FROM cogmill.frame WHERE source_key = %s", good) == [("arrived",)]
        assert not ingest.has_new_uploads(unswept)

    rounds()

    assert len(tried) >= ROUNDS * AT_ONCE
    stored = {key for key in announced.listed() if must_be_known(key)}
    assert stored - ledger_keys(announced) == set()


@settings(max_examples=1000, deadline=None)
@given(hostile_keys)
def test_every_key_is_judged(key):
    if is_upload(key):
        with contextlib.suppress(InvalidFrameError):
            keys.parse_upload(key)
    place_of(key)
    for reason in ADVICE:
        frame = rejected_frame(key, reason, "x")
        assert frame.advice == advice(reason, key)
        assert len(frame.text.splitlines()) == 1
    if right := right_key(key):
        assert key_fault(right) is None
        assert right_key(right) is None
        assert is_upload(right)
