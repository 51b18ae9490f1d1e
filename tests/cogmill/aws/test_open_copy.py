"""Copies of uploads for the public, by a real server: whole or in parts, of one version and no other."""

from __future__ import annotations

import pytest
from boto3.s3.transfer import TransferConfig
from cogmill.aws import open_copy
from cogmill.aws.s3 import PutOptions, S3Store
from cogmill.domain.errors import SourceChangedError
from cogmill.domain.keys import OPEN_COPY

KEY = "bw/Travis/USDA_1951/frames/scanned/03-22-51_4-1.tif"
MIB = 1 << 20


@pytest.fixture
def store(bucket):
    client, name = bucket
    client.create_bucket(Bucket=f"{name}-open")
    return S3Store(client, name, "aerials/", f"{name}-open")


def upload(store, body):
    """Store a scan as people do; return its ETag."""
    return store._client.put_object(**store.place.at(KEY), Body=body, ContentType="text/html")["ETag"].strip('"')


def copy(store, etag):
    store.open_copy(KEY, etag, PutOptions("image/tiff", cache_control="public, no-cache"))
    return store._client.head_object(**store.place.at(OPEN_COPY + KEY))


@pytest.mark.parametrize(("size", "parts"), [(4 * MIB, ""), (11 * MIB, "-3")])
def test_a_scan_is_copied_whole_or_in_parts_with_what_we_say_about_it(store, monkeypatch, size, parts):
    monkeypatch.setattr(open_copy, "IN_PARTS", TransferConfig(6 * MIB, multipart_chunksize=5 * MIB, use_threads=False))
    body = bytes(range(256)) * (size // 256)

    head = copy(store, upload(store, body))

    assert store.read(OPEN_COPY + KEY) == body
    assert head["ETag"].strip('"')[32:] == parts
    assert (head["ContentType"], head["CacheControl"]) == ("image/tiff", "public, no-cache")


def test_another_version_than_was_asked_for_is_not_copied(store):
    etag = upload(store, b"first")
    upload(store, b"second")

    with pytest.raises(SourceChangedError):
        copy(store, etag)

    assert store.read(OPEN_COPY + KEY) is None


def test_a_version_that_is_there_is_not_copied_again_and_the_next_one_is(store):
    first, etag = copy(store, upload(store, b"first")), upload(store, b"first")
    assert copy(store, etag)["LastModified"] == first["LastModified"]

    copy(store, upload(store, b"second"))

    assert store.read(OPEN_COPY + KEY) == b"second"
    assert store.read(KEY) == b"second"
