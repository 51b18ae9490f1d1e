"""Unfinished uploads as Amazon lists them: percent-encoded on request, in pages. moto knows neither."""

from __future__ import annotations

import datetime as dt
import http.server
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from cogmill.aws.s3 import S3Store

KEYS = ["a%00b.tif", "c+d%2B%25.tif", "gone.tif", "young.tif"]
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><EncodingType>url</EncodingType>
{more}<Upload><Key>{key}</Key><UploadId>{number}</UploadId><Initiated>{year}-01-01T00:00:00.000Z</Initiated></Upload>
</ListMultipartUploadsResult>"""
MORE = "<IsTruncated>true</IsTruncated><NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{number}</NextUploadIdMarker>"
NO_UPLOAD = "<Error><Code>NoSuchUpload</Code><Message>It was finished.</Message></Error>"


class Amazon(http.server.BaseHTTPRequestHandler):
    """One upload a page; the next page begins after the markers."""

    asked: list[dict[str, list[str]]]
    aborted: list[str]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        self.asked.append(query)
        number = int(query.get("upload-id-marker", ["-1"])[0]) + 1
        more = MORE.format(key=KEYS[number], number=number) if number + 1 < len(KEYS) else ""
        year = 2030 if KEYS[number].startswith("young") else 2020
        self._answer(200, PAGE.format(more=more, key=KEYS[number], number=number, year=year))

    def do_DELETE(self) -> None:
        path = urlsplit(self.path).path.rpartition("/")[2]
        self.aborted.append(path)
        self._answer(*((404, NO_UPLOAD) if path == "gone.tif" else (204, "")))

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing on the test's terminal."""


@pytest.fixture
def amazon() -> Iterator[tuple[S3Store, type[Amazon]]]:
    class Handler(Amazon):
        asked: list[dict[str, list[str]]] = []  # noqa: RUF012 - one list for all requests of one test
        aborted: list[str] = []  # noqa: RUF012

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1",
            aws_access_key_id="a", aws_secret_access_key="b",
        )  # fmt: skip
        yield S3Store(client, "bucket"), Handler
        server.shutdown()


def test_aborts_every_old_upload_whatever_its_key(amazon, caplog):
    store, server = amazon

    aborted = store.abort_uploads(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

    assert aborted == ["a\0b.tif", "c d+%.tif"]
    assert server.aborted == ["a%00b.tif", "c%20d%2B%25.tif", "gone.tif"]
    assert "'gone.tif': NoSuchUpload" in caplog.text


def test_asks_for_encoded_keys_and_goes_on_where_a_page_ended(amazon):
    store, server = amazon

    store.abort_uploads(dt.datetime(2010, 1, 1, tzinfo=dt.UTC))

    assert [query["encoding-type"] for query in server.asked] == [["url"]] * len(KEYS)
    assert [query.get("key-marker") for query in server.asked] == [None, ["a\0b.tif"], ["c d+%.tif"], ["gone.tif"]]
