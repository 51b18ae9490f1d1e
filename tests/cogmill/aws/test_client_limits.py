"""S3 that goes silent, behind a proxy that takes requests and answers none."""

from __future__ import annotations

import time
from pathlib import Path

import boto3
import pytest
from cogmill.aws.client_limits import TRIES, client_config, log_failed_tries
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.domain.errors import ServiceUnavailableError

from tests.faults.s3_proxy import Answer, only, refused, s3_proxy, silent

BAR_S = 60
"""Within this time a silent S3 is named in the log."""


@pytest.fixture
def proxy(s3_server):
    with s3_proxy(s3_server) as running:
        yield running


def store_behind(proxy, bucket, silence_s=1.0):
    keys = {"aws_access_key_id": "only", "aws_secret_access_key": "tests"}
    client = boto3.client(
        "s3", endpoint_url=proxy.url, region_name="us-east-1", config=client_config(silence_s), **keys
    )
    log_failed_tries(client, "s3")
    return S3Store(client, bucket[1])


def test_each_silent_try_is_named_and_the_last_one_raises(proxy, bucket, caplog):
    store = store_behind(proxy, bucket)

    with proxy.suffering(silent), pytest.raises(ServiceUnavailableError, match="Read timeout"):
        list(store.pages())

    assert caplog.text.count("aws_try_failed operation=ListObjectsV2") == TRIES
    assert f"try={TRIES} of={TRIES} fault=Read timeout" in caplog.text
    assert next(iter(store.pages())).objects == []


@pytest.mark.timeout(180)
def test_silence_is_named_in_time_when_the_limits_are_the_defaults(proxy, bucket, caplog):
    store = store_behind(proxy, bucket, Settings(_env_file=None).silence_seconds)
    begun, seconds = time.monotonic(), []

    def silent_once(request, ask):
        if request.serial == 1:
            return None
        seconds.append(time.monotonic() - begun)
        return ask()

    with proxy.suffering(silent_once):
        assert [page.objects for page in store.pages()] == [[]]

    assert seconds[0] < BAR_S
    assert "aws_try_failed operation=ListObjectsV2 try=1" in caplog.text


def test_download_ends_when_its_body_stops_in_the_middle(proxy, bucket, tmp_path: Path):
    client, name = bucket
    etag = client.put_object(Bucket=name, Key="x", Body=b"x" * 100_000)["ETag"].strip('"')
    store = store_behind(proxy, bucket)

    def stop(request, ask):
        answer: Answer = ask()
        return Answer(answer.status, answer.headers, answer.body, pause_s=30)

    with proxy.suffering(only("^GET", stop)), pytest.raises(ServiceUnavailableError, match="Read timeout"):
        store.download("x", etag, tmp_path / "x")


def test_tries_that_a_service_refused_for_now_are_named(proxy, bucket, caplog):
    store = store_behind(proxy, bucket)

    with proxy.suffering(lambda request, ask: refused(503, "SlowDown")(request, ask) if request.serial < 3 else ask()):
        assert [page.objects for page in store.pages()] == [[]]

    assert caplog.text.count("fault=status 503") == 2
