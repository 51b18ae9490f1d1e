"""The STAC catalog at full size: `python -m bench.stac`; a million photographs in 3,000 collections, rows without pixels.

Measures what one changed photograph costs in a collection of 10,000, then writes all documents of the archive, counts their items and
validates a sample of them. Everything runs against a private PostGIS and S3 server. The exit code is 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pystac
import rustac
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.domain.public_keys import STAC
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive
from cogmill.pipeline.public_files import collection_facts, update_public_files
from cogmill.public.stac.stac_documents import collection_documents
from psycopg.conninfo import conninfo_to_dict
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from bench import listing
from bench.growth import timed
from bench.ledger_seed import LARGE_ID, Size, seed
from bench.measure import run
from bench.scale import Figure, libpq_environment, report
from bench.scale_steps import BUCKET
from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack
from tests.cogmill.public.stac.validating import stac_validator, validate

TURNS = 5
"""Photographs that change, one after the other."""

MB = 1 << 20

GRIDS = """
INSERT INTO cogmill.outlined_cog (key, transform)
SELECT cog_key, ARRAY[0.72, 0, ST_XMin(footprint), 0, -0.72, ST_YMax(footprint)] FROM cogmill.frame WHERE cog_key IS NOT NULL
ON CONFLICT DO NOTHING
"""
"""Where the pixels lie, which the seed does not tell."""

CHANGED = """
WITH one AS (SELECT t.oid, f.cog_key FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid
    WHERE t.collection_id = %s ORDER BY t.oid OFFSET %s LIMIT 1)
UPDATE cogmill.frame AS f SET cog_sha256 = md5(f.cog_sha256) || md5(f.cog_key) FROM one WHERE f.id = one.oid
"""
"""A photograph that was built anew."""


def main() -> int:
    """Measure, print, write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.stac", description=__doc__)
    parser.add_argument("--frames", type=int, default=Size.frames)
    parser.add_argument("--collections", type=int, default=Size.collections)
    parser.add_argument("--whole", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.whole:
        with closing(Ledger.connect()) as ledger:
            chosen.whole.write_text(json.dumps(_whole(ledger)), encoding="utf-8")
        return 0
    size = Size(chosen.frames, chosen.collections, large=min(Size.large, chosen.frames // 2))
    with temporary_stack(bucket=BUCKET) as stack:
        return report("stac", size, measure(stack, size))


def measure(stack: Stack, size: Size) -> Iterator[Figure]:
    """Seed the ledger of a stack and measure it."""
    libpq = conninfo_to_dict(stack.dsn("owner"))
    yield Figure("seeding the ledger", seed(size, bucket=BUCKET, **libpq), "s")
    with psycopg.connect(**libpq, autocommit=True) as connection:
        connection.execute(GRIDS)
        connection.execute("ANALYZE")
    ledger = Ledger.connect(**libpq)
    try:
        yield from _changes(Archive(S3Store(stack.s3_client(), BUCKET), ledger, _settings()), libpq)
    finally:
        ledger.close()
    with tempfile.NamedTemporaryFile(suffix=".json") as told:
        cost = run([sys.executable, "-m", "bench.stac", "--whole", told.name], libpq_environment(libpq))
        found = json.loads(Path(told.name).read_text(encoding="utf-8"))
    yield Figure("collections", found["collections"], "")
    yield Figure("photographs on the map", found["photographs"], "")
    yield Figure("items in the tables", found["rows"], "")
    yield Figure("items as JSON", found["json"], "")
    yield Figure("photographs without an item", abs(found["photographs"] - found["rows"]), "", 1)
    yield Figure("items validated", found["validated"], "")
    yield Figure("invalid items and collections", found["invalid"], "", 1)
    yield Figure("all documents, bytes", found["bytes"] / MB, "MB")
    yield Figure("all documents written in memory, wall", cost.wall_s, "s")
    yield Figure("all documents written in memory, CPU time", cost.cpu_s, "s")
    yield Figure("all documents written in memory, peak memory", cost.peak_rss / MB, "MB", 500)


def _settings() -> Settings:
    return Settings(_env_file=None, bucket=BUCKET)


def _changes(archive: Archive, libpq: dict[str, str]) -> Iterator[Figure]:
    """What one changed photograph costs in the largest collection: all static files, and the share of STAC."""
    yield Figure("first writing of a collection", timed(lambda: update_public_files(archive, LARGE_ID)), "s")
    seconds, written = [], set()
    for turn in range(TURNS):
        with psycopg.connect(**libpq, autocommit=True) as connection:
            connection.execute(CHANGED, (LARGE_ID, turn * 7))
        took, keys = _updated(archive)
        seconds.append(took)
        written |= keys
    facts, frames = collection_facts(archive, LARGE_ID)
    shares = [timed(lambda: list(collection_documents(facts, frames))) for _ in range(TURNS)]
    yield Figure(f"photographs of {LARGE_ID}", len(frames), "")
    yield Figure("one changed photograph, all static files", statistics.median(seconds), "s", 2)
    yield Figure("one changed photograph, share of STAC", statistics.median(shares), "s", 2)
    yield Figure("STAC files written after one change", len([key for key in written if key.startswith(STAC)]), "", 3)


def _updated(archive: Archive) -> tuple[float, set[str]]:
    """Update the static files of the largest collection; return the seconds and the keys that were written."""
    changes = []
    seconds = timed(lambda: changes.append(update_public_files(archive, LARGE_ID)))
    return seconds, set(changes[0].written)


def _whole(ledger: Ledger) -> dict[str, float]:
    """Make all documents of all collections, one collection at a time; count items and validate a sample."""
    archive = Archive(S3Store(listing.client("http://127.0.0.1:9"), BUCKET), ledger, _settings())  # nothing is stored
    validator = stac_validator()
    found = dict.fromkeys(("collections", "photographs", "rows", "json", "bytes", "validated", "invalid"), 0)
    for service in ledger.queries.public_services():
        facts, frames = collection_facts(archive, service.collection.id)
        found["collections"] += 1
        found["photographs"] += len(frames)
        for document in collection_documents(facts, frames):
            found["bytes"] += len(document.body)
            if document.key.endswith(".parquet"):
                found["rows"] += pq.ParquetFile(io.BytesIO(document.body)).metadata.num_rows
                _judge(found, validator, _sampled(document.body))
            elif "/items/" in document.key:
                found["json"] += 1
            elif document.key.endswith("/collection.json"):
                _judge(found, validator, [json.loads(document.body)])
    return found


def _sampled(body: bytes) -> list[dict[str, object]]:
    """Return the first item of a table, read by another program; of a table of thousands one of each thousand."""
    # by batches: the whole table at once takes more memory than the program that is measured here
    batches = pq.ParquetFile(io.BytesIO(body)).iter_batches(1_000)
    table = pa.Table.from_batches([batch.take(pa.array([0])) for batch in batches])
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        pq.write_table(table, file.name)
        return list(rustac.read_sync(file.name)["features"])


def _judge(found: dict[str, int], validator: JsonSchemaSTACValidator, documents: list[dict[str, object]]) -> None:
    """Validate documents and count how that went."""
    for document in documents:
        found["validated"] += document["type"] == "Feature"
        try:
            validate(validator, document)
        except pystac.STACValidationError as err:
            found["invalid"] += 1
            print(f"{document['id']}: {err}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
