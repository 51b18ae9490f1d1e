"""A bucket that can only be listed: `python -m bench.listing` speaks ListObjectsV2 about the uploads of a seeded ledger.

An S3 server in memory needs hours and many gigabytes to hold millions of objects. What a sweep sees of one is the pages of a
listing, and those are the same here: 1,000 keys each, as XML, over HTTP, with continuation tokens. `--whole` lists what would be in
the bucket besides: the COGs and the index files.
"""

from __future__ import annotations

import argparse
import mmap
import sys
import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import Popen
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import psycopg

PAGE = 1000
"""Keys per answer, as in S3."""

ENTRIES = """
SELECT format('<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag><Size>%s</Size></Contents>',
    key, to_char(uploaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), etag, size)
"""

UPLOADS = """
SELECT source_key AS key, etag, size, uploaded_at FROM cogmill.frame WHERE state <> 'withdrawn'
UNION ALL SELECT key, etag, size, uploaded_at FROM cogmill.scan
"""
"""Frames and scans. What was withdrawn is not in the bucket."""

DERIVED = """
UNION ALL SELECT cog_key, md5(cog_key), cog_size, built_at FROM cogmill.frame WHERE cog_key IS NOT NULL
UNION ALL SELECT folder || service_name || part, md5(folder), 1, published_at
FROM (
    SELECT DISTINCT regexp_replace(f.source_key, '[^/]+/[^/]+$', 'cog/tile_index/') AS folder, c.service_name, c.published_at
    FROM cogmill.frame AS f JOIN cogmill.collection AS c ON c.id = f.collection_id
) AS folders, unnest(ARRAY['.cpg', '.dbf', '.prj', '.shp', '.shx', '_idx.zip']) AS part
"""

HALF = ENTRIES + f"FROM ({UPLOADS}) AS uploads " + 'ORDER BY key COLLATE "C" LIMIT (SELECT count(*) FROM cogmill.frame)'  # noqa: S608  all parts are constants
"""As many uploads as there are frames."""

COUNT = f"SELECT count(*) FROM ({UPLOADS} {DERIVED}) AS objects"  # noqa: S608  all parts are constants

WHOLE = ENTRIES + f"FROM ({UPLOADS} {DERIVED}) AS objects " + 'ORDER BY key COLLATE "C"'

ANSWER = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>bench</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys><KeyCount>{count}</KeyCount>"
    "<IsTruncated>{more}</IsTruncated>{next}{contents}</ListBucketResult>"
)


class Entries:
    """Entries of a listing in a file, in the order of their keys; an index gives a key."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._ends = array("Q", [0])
        with tempfile.TemporaryFile(prefix="cogmill-bench-") as file:
            for entry in entries:
                self._ends.append(self._ends[-1] + file.write(entry.encode()))
            file.flush()
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> bytes:
        entry = self._bytes[self._ends[index] : self._ends[index + 1]]
        return entry[len(b"<Contents><Key>") : entry.index(b"</Key>")]

    def page(self, start: int) -> str:
        """Return the XML of a page that begins with an entry."""
        end = min(start + PAGE, len(self))
        return self._bytes[self._ends[start] : self._ends[end]].decode()


def handler(entries: Entries) -> type[BaseHTTPRequestHandler]:
    """Return what answers with these entries."""

    class Listing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if after := query.get("start-after"):
                start = bisect_right(entries, after[0].encode())
            else:
                start = int(query.get("continuation-token", ["0"])[0])
            end = min(start + PAGE, len(entries))
            token = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(entries) else ""
            more = "true" if token else "false"
            body = ANSWER.format(count=end - start, more=more, next=token, contents=entries.page(start)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    return Listing


@contextmanager
def serving(environment: dict[str, str], *, whole: bool = False) -> Iterator[Any]:
    """Serve the objects of the ledger that libpq's variables name; yields the address."""
    command = [sys.executable, "-m", "bench.listing", *(["--whole"] if whole else [])]
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
    parser = argparse.ArgumentParser(prog="python -m bench.listing", description=__doc__)
    parser.add_argument("--whole", action="store_true")
    chosen = parser.parse_args()
    with psycopg.connect() as connection, connection.cursor(name="entries") as cursor:
        cursor.itersize = 10_000
        cursor.execute((WHOLE if chosen.whole else HALF).encode())
        entries = Entries(entry for (entry,) in cursor)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(entries))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
