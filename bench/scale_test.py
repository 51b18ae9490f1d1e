"""The ledger at full size: `COGMILL_SCALE=1000000 python -m pytest bench/scale_test.py -s`; without it 20,000 frames.

Frames are rows without pixels, spread over as many collections as an archive of that size has (one per 333 frames, one of them with
10,000 frames and one with 100). The bucket's listing is made in memory, so the sweep is measured without its LIST calls: one per
1,000 keys. Prints one line per figure, and fails where a limit of the design is missed.
"""

# A test in all but its folder:
# ruff: noqa: ANN001, ANN201, ARG002, D102, D103, PLR2004, SLF001
from __future__ import annotations

import datetime as dt
import os
import resource
import time
from collections.abc import Iterator

import psycopg
import pytest

from include.cogmill.ledger import Ledger
from include.cogmill.ledger.arrivals import Watermark
from include.cogmill.model import StoredObject
from include.cogmill.pipeline import Mill, arrivals, build, publish
from include.cogmill.pipeline import compile as compilation
from include.cogmill.settings import Settings
from include.cogmill.store import Listing
from tests.conftest import database, postgres, run_folder  # noqa: F401

FRAMES = int(os.environ.get("COGMILL_SCALE", "20000"))
LARGE, SMALL = min(10_000, FRAMES // 2), 100
COLLECTIONS = max(3, FRAMES // 333)
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)

SEED = """
INSERT INTO cogmill.collection (id, service_name, folder, agency, year, product, revision, mapfile_revision, mapfile_sha256)
SELECT lower(name), name, county, 'USDA', '1951', 'frames', 1, 1, repeat('a', 64)
FROM (SELECT 'County' || n AS county, 'County' || n || '_USDA_1951_frames' AS name
    FROM generate_series(0, %(collections)s - 1) AS n) AS c;

INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, date, roll, frame_num,
    acquired_from, acquired_to, scan_stem, source_sha256, recipe, cog_key, cog_size, cog_sha256, footprint, cpu_s, built_at)
SELECT 'county' || c || '_usda_1951_frames', 'bw/County' || c || '/USDA_1951/frames/georef/03-22-51_4-' || n || '.tif', 'bw',
    '03-22-51_4-' || n, 'etag', 52000000, '2026-01-01', 'published', '03-22-51', '4', n::text, '1951-03-22', '1951-03-22',
    '03-22-51_4-' || n, repeat('b', 64), 'r', 'bw/County' || c || '/USDA_1951/frames/cog/03-22-51_4-' || n || '.0123456789ab.tif',
    20000000, repeat('c', 64),
    ST_MakeEnvelope(x, y, x + 9000, y + 9000, 3857), 20, '2026-01-01'
FROM (
    SELECT n, CASE WHEN n < %(large)s THEN 0 WHEN n < %(large)s + %(small)s THEN 1 ELSE 2 + n %% (%(collections)s - 2) END AS c,
        -10900000 + (n %% 1000) * 800 AS x, 3000000 + (n / 1000) * 800 AS y
    FROM generate_series(0, %(frames)s - 1) AS n
) AS f;

INSERT INTO cogmill.tile_index (oid, location, src_srs, date, roll, frame_num, dl_georef, dl_index, geom, collection_id, acquired)
SELECT id, '/vsis3/bench/' || cog_key, 'EPSG:3857', date, roll, frame_num, 'http://bench/' || cog_key,
    'http://bench/' || collection_id || '_idx.zip', footprint, collection_id, acquired_from
FROM cogmill.frame;
TRUNCATE cogmill.former_row;
"""


class BenchStore:
    """A bucket whose listing is made as it is read, and which keeps nothing."""

    bucket = "bench"

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def pages(self, prefix: str = "") -> Iterator[Listing]:
        for start in range(0, len(self.keys), 1000):
            page = [StoredObject(key, "etag", 52_000_000, NOW) for key in self.keys[start : start + 1000]]
            yield Listing(page, dt.datetime.now(dt.UTC))

    def replace_file(self, *_: object) -> bool:
        return True


@pytest.fixture(scope="module")
def archive(postgres):  # noqa: F811
    name = "scale"
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    parameters = postgres.parameters(name)
    started = time.monotonic()
    values = {"collections": COLLECTIONS, "frames": FRAMES, "large": LARGE, "small": SMALL}
    with psycopg.connect(**parameters, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(SEED, values)
        connection.execute("VACUUM ANALYZE")
        keys = [key for (key,) in connection.execute("SELECT source_key FROM cogmill.frame ORDER BY 1")]
    say("seed", time.monotonic() - started, "s")
    ledger = Ledger.connect(**parameters)
    yield Mill(BenchStore(keys), ledger, Settings(_env_file=None, bucket="bench"))
    ledger.close()


def say(what: str, value: float, unit: str) -> None:
    print(f"scale frames={FRAMES} collections={COLLECTIONS} {what}: {value:.2f} {unit}")


def timed(act) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_plans_one_collection_in_100_ms(archive):
    archive.ledger.frames.due("county0_usda_1951_frames", 1)  # opens caches
    best = min(timed(lambda: build.plan(archive, "county0_usda_1951_frames")) for _ in range(5))

    say("plan of one collection", best * 1000, "ms")
    assert best < 0.1


def test_sweeps_an_unchanged_listing_in_120_s(archive):
    archive.ledger.arrivals.set_watermark(Watermark(None, None))
    seconds = timed(lambda: arrivals.has_news(archive))

    say("sweep of every key", seconds, "s")
    say("peak memory", peak_mb(), "MB")
    assert seconds < 120 * FRAMES / 1_000_000 + 5


def test_adds_a_frame_to_a_large_collection_for_the_price_of_a_small_one(archive):
    def add(collection: str) -> float:
        upsert = "UPDATE cogmill.frame SET state = 'built' WHERE id = (SELECT max(id) FROM cogmill.frame WHERE collection_id = %s)"
        archive.ledger._connection.execute(upsert, [collection])
        return timed(lambda: publish.update_tile_index(archive, collection))

    add("county0_usda_1951_frames")
    large = min(add("county0_usda_1951_frames") for _ in range(7))
    small = min(add("county1_usda_1951_frames") for _ in range(7))

    say(f"index change among {LARGE} frames", large * 1000, "ms")
    say(f"index change among {SMALL} frames", small * 1000, "ms")
    assert large < small * 1.3


def test_compiles_in_bounded_memory(archive):
    seconds = timed(lambda: compilation.compile_indexes(archive))

    say("compile", seconds, "s")
    say("peak memory", peak_mb(), "MB")
    assert seconds < 300 * FRAMES / 1_000_000 + 30
    assert peak_mb() < 500
