"""An error of S3 that lasts and concerns one frame is that frame's own; an outage is nobody's."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cogmill.aws import create_once
from cogmill.aws.s3 import PutOptions
from cogmill.domain import keys
from cogmill.domain.errors import ConflictingObjectError, ServiceUnavailableError
from cogmill.pipeline import build_cogs, ingest, publish, run_digest
from cogmill.pipeline.batches import plan_batches

from tests.small_archive import TRAVIS

ID = TRAVIS.id


def refusal(status, code):
    error = {"Error": {"Code": code, "Message": "in a test"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(error, "GetObject")


class Proxy:
    """A client one of whose calls goes wrong."""

    def __init__(self, client, call, answer):
        self._client, self._call, self._answer = client, call, answer

    def __getattr__(self, name):
        real = getattr(self._client, name)
        if name != self._call:
            return real

        def asked(**arguments):
            fault = self._answer(arguments)
            if fault is not None:
                raise fault
            return real(**arguments)

        return asked


@pytest.fixture
def three(sample):
    """Three real uploads; the key of the first."""
    first, *_ = [sample.upload_real(number) for number in (1, 2, 3)]
    ingest.ingest_uploads(sample.archive)
    return first


def run(archive, owner="run/1"):
    results = [build_cogs.build_batch(archive, batch["frame_ids"], owner) for batch in plan_batches(archive, ID)]
    publish.update_tile_index(archive, ID)
    publish.export_index(archive, ID)
    publish.publish_mapfile(archive, ID)
    return results[0]


def broken(archive, call, answer):
    store = replace_client(archive.store, lambda client: Proxy(client, call, answer))
    return replace(archive, store=store)


def replace_client(store, wrap):
    other = type(store)(store._client, store.bucket)
    other._client = wrap(store._client)
    return other


def of(key, fault):
    return lambda arguments: fault if arguments["Key"] == key else None


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("get_object", refusal(400, "InvalidRequest")),  # encrypted with its uploader's own key
        ("get_object", refusal(418, "NobodyKnowsThisCode")),
        ("put_object", refusal(400, "EntityTooLarge")),
        ("put_object", refusal(403, "AccessDenied")),
    ],
)
def test_one_frame_that_s3_refuses_fails_with_a_wait_and_its_neighbors_are_on_the_map(sample, three, call, fault):
    start = dt.datetime.now(dt.UTC)
    stem = three.rpartition("/")[2].removesuffix(".tif")

    def answer(arguments):
        return fault if stem in arguments["Key"] and "tile_index" not in arguments["Key"] else None

    sick = broken(sample.archive, call, answer)
    result = run(sick)

    assert (result.built, len(result.failed)) == (2, 1)
    assert sample.states() == ["failed", "published", "published"]
    assert sample.archive.ledger.frames.due(ID, 10) == []
    assert not ingest.has_new_uploads(sample.archive), "nothing is due before the next try"
    digest = run_digest.digest(sample.archive, ID, start)
    assert three in digest.failed[0]
    assert "next try 20" in digest.text
    assert (len(digest.failed_first), digest.failed_again) == (1, False)


def test_the_wait_doubles_with_each_failure_and_only_the_first_is_news(sample, three):
    sick = broken(sample.archive, "get_object", of(three, refusal(400, "InvalidRequest")))
    waits = []
    for number in range(10):
        before = dt.datetime.now(dt.UTC)
        run(sick, f"run/{number}")
        ((wait,),) = sample.sql(
            "SELECT round(extract(epoch FROM next_try_at - changed_at) / 60) FROM cogmill.frame WHERE state = 'failed'"
        )
        waits.append(int(wait))
        digest = run_digest.digest(sample.archive, ID, before)
        assert (len(digest.failed), len(digest.failed_first), digest.failed_again) == (1, number == 0, number > 0)
        assert run(sick, f"again/{number}").failed == [], "no run tries it before its time"
        sample.sql("UPDATE cogmill.frame SET next_try_at = now() WHERE state = 'failed'")

    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    run(sample.archive, "well/again")
    assert sample.states() == ["published"] * 3
    assert sample.sql("SELECT DISTINCT failures, failing_since FROM cogmill.frame") == [(0, None)]


def test_a_task_that_is_retried_does_not_try_a_frame_before_its_time(sample, three):
    sick = broken(sample.archive, "get_object", of(three, refusal(400, "InvalidRequest")))
    (batch,) = plan_batches(sample.archive, ID)
    build_cogs.build_batch(sick, batch["frame_ids"], "run/1")

    assert build_cogs.build_batch(sick, batch["frame_ids"], "run/1").failed == []


@pytest.mark.parametrize(
    "fault",
    [
        refusal(500, "InternalError"),
        refusal(503, "SlowDown"),
        refusal(429, "TooManyRequests"),
        refusal(400, "RequestTimeout"),
        refusal(400, "ExpiredToken"),
        refusal(403, "SignatureDoesNotMatch"),
        EndpointConnectionError(endpoint_url="http://nowhere"),
    ],
)
def test_an_outage_fails_no_frame_however_long_it_lasts(sample, three, fault):
    asked = []

    class Away(Proxy):
        def __getattr__(self, name):
            asked.append(name)
            return self.refuse if name in ("get_object", "head_bucket") else super().__getattr__(name)

        def refuse(self, **_):
            raise fault

    store = replace_client(sample.archive.store, lambda client: Away(client, None, None))
    for number in range(5):
        (batch,) = plan_batches(sample.archive, ID)
        with pytest.raises(ServiceUnavailableError):
            build_cogs.build_batch(replace(sample.archive, store=store), batch["frame_ids"], f"run/{number}")
        assert sample.states() == ["arrived"] * 3
        assert ("head_bucket" in asked) is (number + 1 >= build_cogs.PATIENT_TRIES), (
            "who waits for no answer need not ask"
        )

    assert run(sample.archive).built == 3


def test_storage_that_is_sick_for_one_object_alone_fails_that_frame_at_last(sample, three):
    sick = broken(sample.archive, "get_object", of(three, refusal(500, "InternalError")))
    (batch,) = plan_batches(sample.archive, ID)
    for _ in range(build_cogs.PATIENT_TRIES - 1):
        with pytest.raises(ServiceUnavailableError):
            build_cogs.build_batch(sick, batch["frame_ids"], "run/1")

    result = build_cogs.build_batch(sick, batch["frame_ids"], "run/1")

    assert len(result.failed) == 1
    assert sample.states() == ["failed", "built", "built"]


def cogs(sample):
    return [key for key in sample.listed() if "/cog/03-" in key]


def test_a_cog_whose_key_is_taken_by_other_bytes_gets_a_key_of_its_own(sample):
    upload = sample.upload_real(1)
    sample.run(overviews=False)
    (taken,) = cogs(sample)
    right = sample.archive.store.read(taken)
    sample.sql("TRUNCATE cogmill.collection, cogmill.former_row, cogmill.former_cog RESTART IDENTITY CASCADE")
    sample.put(taken, b"of a stranger")

    sample.run(overviews=False)

    assert sample.states() == ["published"]
    assert sample.archive.store.read(taken) == b"of a stranger", "nobody's object was touched"
    (own,) = set(cogs(sample)) - {taken}
    assert sample.archive.store.read(own) == right
    sha256 = hashlib.sha256(right).hexdigest()
    assert sample.sql("SELECT cog_key, cog_sha256 FROM cogmill.frame") == [(own, sha256)]
    assert keys.parse_upload(upload).stem in own

    # the same upload and the same bytes find the same key again
    sample.sql("TRUNCATE cogmill.collection, cogmill.former_row, cogmill.former_cog RESTART IDENTITY CASCADE")
    sample.run(overviews=False)
    assert sample.sql("SELECT cog_key FROM cogmill.frame") == [(own,)]
    assert sorted(cogs(sample)) == sorted([own, taken])


def test_a_cog_that_was_copied_without_its_metadata_is_read_and_recognized(sample):
    sample.upload_real(1)
    sample.run(overviews=False)
    (key,) = cogs(sample)
    sample.put(key, sample.archive.store.read(key))  # as `aws s3 cp` from a backup does
    sample.sql("TRUNCATE cogmill.collection, cogmill.former_row, cogmill.former_cog RESTART IDENTITY CASCADE")

    sample.run(overviews=False)

    assert sample.states() == ["published"]
    assert cogs(sample) == [key]


def test_a_large_cog_goes_in_parts_and_still_replaces_nothing(sample, monkeypatch, tmp_path):
    monkeypatch.setattr(create_once, "MULTIPART_FROM", 1)
    monkeypatch.setattr(create_once, "PART_BYTES", 5 << 20)
    file, store = tmp_path / "cog.tif", sample.archive.store
    file.write_bytes(b"0123456789" * (1 << 20) + b"x")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    options = PutOptions("image/tiff")

    assert store.create("cog/large.tif", file, sha256, options)
    assert not store.create("cog/large.tif", file, sha256, options)

    assert store.digest("cog/large.tif") == (sha256, file.stat().st_size)
    assert store.sha256("cog/large.tif") == sha256
    head = store._client.head_object(Bucket=store.bucket, Key="cog/large.tif")
    assert head["ETag"].endswith('-3"')
    assert head["ContentType"] == "image/tiff"
    sample.put("cog/taken.tif", b"other")
    with pytest.raises(ConflictingObjectError):
        store.create("cog/taken.tif", file, sha256, options)
    assert store.read("cog/taken.tif") == b"other"


def test_parts_are_given_up_when_a_large_cog_cannot_be_stored(sample, monkeypatch, tmp_path):
    monkeypatch.setattr(create_once, "MULTIPART_FROM", 1)
    file = tmp_path / "cog.tif"
    file.write_bytes(b"pixels")
    sick = broken(sample.archive, "complete_multipart_upload", lambda _: refusal(500, "InternalError"))

    with pytest.raises(ServiceUnavailableError):
        sick.store.create("cog/large.tif", file, hashlib.sha256(b"pixels").hexdigest(), PutOptions("x"))

    begun = sample.client.list_multipart_uploads(Bucket=sample.archive.store.bucket)
    assert begun.get("Uploads", []) == []
