"""A bucket that can only be listed: `python -m bench.listing PORT` speaks ListObjectsV2 about the uploads of a seeded ledger.

An S3 server in memory needs hours and many gigabytes to hold a million objects. What a sweep sees of one is the pages of a
listing, and those are the same here: 1,000 keys each, as XML, over HTTP, with continuation tokens.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import Popen
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import psycopg

PAGE = 1000
"""Keys per answer, as in S3."""

UPLOADS = """
SELECT format('<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag><Size>%s</Size></Contents>',
    key, to_char(uploaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), etag, size)
FROM (
    SELECT source_key AS key, etag, size, uploaded_at FROM cogmill.frame WHERE state <> 'withdrawn'
    UNION ALL SELECT key, etag, size, uploaded_at FROM cogmill.scan
) AS uploads
ORDER BY key COLLATE "C" LIMIT (SELECT count(*) FROM cogmill.frame)
"""
"""Frames and scans, as many keys as there are frames. What was withdrawn is not in the bucket."""

ANSWER = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>bench</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys><KeyCount>{count}</KeyCount>"
    "<IsTruncated>{more}</IsTruncated>{next}{contents}</ListBucketResult>"
)


def handler(entries: list[str]) -> type[BaseHTTPRequestHandler]:
    """Return what answers with these entries, in the order of their keys."""

    class Listing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            start = int(query.get("continuation-token", ["0"])[0])
            page, end = entries[start : start + PAGE], start + PAGE
            token = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(entries) else ""
            more = "true" if token else "false"
            body = ANSWER.format(count=len(page), more=more, next=token, contents="".join(page)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Listing


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[Any]:
    """Serve the uploads of the ledger that libpq's variables name; yields the address."""
    command = [sys.executable, "-m", "bench.listing"]
    with Popen(command, env=environment, stdout=-1, text=True) as server:
        try:
            yield (server.stdout.readline() if server.stdout else "").strip()
        finally:
            server.terminate()


def client(address: str) -> Any:
    """Return a boto3 client of it."""
    keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=address, **keys)


def main() -> None:
    """Serve until ended; the first line of the output is the address."""
    with psycopg.connect() as connection:
        entries = [entry for (entry,) in connection.execute(UPLOADS.encode())]
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(entries))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
