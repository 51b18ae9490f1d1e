from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading

import boto3
import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import EndpointConnectionError
from botocore.utils import parse_timestamp
from cogmill.aws import create_once
from cogmill.aws.s3 import PutOptions, S3Store
from cogmill.domain.errors import (
    ConflictingObjectError,
    ObjectRefusedError,
    ServiceUnavailableError,
    SourceChangedError,
)

TIFF = PutOptions("image/tiff")


@pytest.fixture
def store(bucket):
    return S3Store(*bucket)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.tif"
    path.write_bytes(b"pixels")
    return path


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def only_object(store):
    (page,) = list(store.pages())
    (stored,) = page.objects
    return stored


def test_downloads_exactly_the_listed_version(store, tmp_path):
    store.replace("a b+c%ä.tif", b"first", TIFF)
    first = only_object(store)

    assert store.download(first.key, first.etag, tmp_path / "t") == digest(b"first")
    assert (tmp_path / "t").read_bytes() == b"first"

    store.replace(first.key, b"second", TIFF)
    with pytest.raises(SourceChangedError):
        store.download(first.key, first.etag, tmp_path / "t")
    store.delete(first.key)
    with pytest.raises(SourceChangedError):
        store.download(first.key, first.etag, tmp_path / "t")


def test_creates_an_immutable_key_only_once(store, file):
    assert store.create("cog/x.tif", file, digest(b"pixels"), TIFF)
    before = only_object(store).last_modified

    assert not store.create("cog/x.tif", file, digest(b"pixels"), TIFF)

    assert only_object(store).last_modified == before
    assert store.sha256("cog/x.tif") == digest(b"pixels")


def test_refuses_to_overwrite_other_bytes(store, file):
    store.replace("cog/x.tif", b"stranger", TIFF)

    with pytest.raises(ConflictingObjectError, match="other bytes"):
        store.create("cog/x.tif", file, digest(b"pixels"), TIFF)

    assert store.read("cog/x.tif") == b"stranger"


def test_an_interrupted_upload_is_an_interruption_though_its_parts_cannot_be_given_up(store, file, monkeypatch, caplog):
    def fails_with(error):
        def fail(**_):
            raise error

        return fail

    monkeypatch.setattr(create_once, "MULTIPART_FROM", 1)
    events = store._client.meta.events
    events.register("before-call.s3.UploadPart", fails_with(KeyboardInterrupt()))
    events.register("before-call.s3.AbortMultipartUpload", fails_with(EndpointConnectionError(endpoint_url="s3")))

    with pytest.raises(KeyboardInterrupt):
        store.create("cog/x.tif", file, digest(b"pixels"), TIFF)

    assert "upload_not_aborted" in caplog.text


def test_answers_none_for_what_is_not_there(store):
    assert store.read("nothing") is None
    assert store.sha256("nothing") is None
    store.delete("nothing")


def test_says_unavailable_when_nobody_answers(file):
    client = boto3.client(
        "s3", endpoint_url="http://127.0.0.1:1", region_name="us-east-1", aws_access_key_id="a",
        aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}, connect_timeout=1),
    )  # fmt: skip
    store = S3Store(client, "cogmill")

    with pytest.raises(ServiceUnavailableError, match="cannot list s3://cogmill/"):
        list(store.pages())
    with pytest.raises(ServiceUnavailableError, match=r"cannot put s3://cogmill/x\.tif"):
        store.create("x.tif", file, digest(b"pixels"), TIFF)


@pytest.mark.parametrize(
    "written",
    ["2026-11-21T15:32:36.000Z", "2026-11-21T15:32:36Z", "2026-11-21T15:32:36+02:00", "Sat, 21 Nov 2026 15:32:36 GMT",
     "20261121", "1795275156", 1795275156, 1795275156.5],
)  # fmt: skip
def test_reads_times_as_botocore_does(store, written):
    factory = store._client._endpoint._response_parser_factory

    assert factory.create_parser("rest-xml")._timestamp_parser(written) == parse_timestamp(written)


@contextlib.contextmanager
def sick_store(status):
    """A store that answers everything with one status and no body."""

    class Sick(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            """Say nothing on the test's terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sick) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1",
            aws_access_key_id="a", aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        yield S3Store(client, "cogmill")
        server.shutdown()


@pytest.mark.parametrize("status", [500, 503])
def test_says_unavailable_when_s3_is_sick(file, status):
    with sick_store(status) as store:
        acts = [
            lambda: list(store.pages()),
            lambda: store.download("x.tif", "0", file),
            lambda: store.replace("x.map", b"MAP END", PutOptions("text/plain")),
            lambda: store.sha256("x.tif"),
            lambda: store.find("x.tif"),
        ]
        for act in acts:
            with pytest.raises(ServiceUnavailableError, match=str(status)):
                act()


@pytest.mark.parametrize("status", [400, 403])
def test_one_key_that_s3_does_not_tell_about_is_no_outage(status):
    """400 is the answer to a HEAD of an object encrypted with a key of its uploader's own, and of a key that S3 does not take."""
    with sick_store(status) as store, pytest.raises(ObjectRefusedError, match=str(status)):
        store.find("x.tif")


def test_tells_gdal_where_the_bucket_is(store, s3_server):
    environment = store.gdal_environment()

    assert environment["AWS_S3_ENDPOINT"] == s3_server.removeprefix("http://")
    assert (environment["AWS_HTTPS"], environment["AWS_VIRTUAL_HOSTING"]) == ("NO", "FALSE")
    assert environment["AWS_SECRET_ACCESS_KEY"] == "for-tests"


def test_hands_gdal_temporary_credentials_as_they_are_now(s3_server):
    moments = iter([("first", "2026-01-01T00:00:00Z"), ("second", "2099-01-01T00:00:00Z")])

    def refresh():
        secret, until = next(moments)
        return {"access_key": "only", "secret_key": secret, "token": "for-tests", "expiry_time": until}

    session = botocore.session.get_session()
    session._credentials = RefreshableCredentials.create_from_metadata(refresh(), refresh, "test")
    client = session.create_client("s3", endpoint_url=s3_server, region_name="us-east-1")
    client.create_bucket(Bucket="temporary-credentials")

    environment = S3Store(client, "temporary-credentials").gdal_environment()

    assert environment["AWS_SECRET_ACCESS_KEY"] == "second"
    assert environment["AWS_SESSION_TOKEN"] == "for-tests"


def test_hands_gdal_no_credentials_when_the_client_signs_nothing(s3_server, bucket, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    unsigned = boto3.client(
        "s3", endpoint_url=s3_server, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )

    environment = S3Store(unsigned, bucket[1]).gdal_environment()

    assert "AWS_ACCESS_KEY_ID" not in environment
