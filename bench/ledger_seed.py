"""A ledger of the size the archive may reach, rows without pixels: `python -m bench.ledger_seed --frames 1000000`.

Fills the empty ledger that libpq's own variables (`PGHOST` ...) name, as its owner. Programs call `seed`.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

STATEMENTS = Path(__file__).with_suffix(".sql")

LARGE_ID, SMALL_ID = "county0_usda_1935_frames", "county0_txdot_1936_frames"
"""The collections with `Size.large` and `Size.small` frames, all of them published."""

TABLES = ["cogmill.frame", "cogmill.scan", "cogmill.tile_index"]
"""Tables that grow with frames: what hangs on them is made once at the end instead of row by row."""

FORMER_ROWS = "ALTER TABLE cogmill.tile_index {} TRIGGER USER"
"""Former rows would be written for each new one, as if all had been added by one change."""

FOREIGN_KEYS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY(%(tables)s::regclass[])
"""

INDEXES = """
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY(%(tables)s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


@dataclass(frozen=True)
class Size:
    """How much is to be made."""

    frames: int = 1_000_000
    collections: int = 3_000
    large: int = 10_000
    """Frames of the largest collection."""
    small: int = 100
    """Frames of the collection that the largest is compared with."""


def seed(size: Size = Size(), *, bucket: str = "cogmill", **libpq: Any) -> float:
    """Fill an empty ledger and return the seconds it took.

    Args:
        size: How much.
        bucket: What the locations of COGs name.
        libpq: Parameters of a connection as the owner of the schema.
    """
    began = time.monotonic()
    with psycopg.connect(**libpq, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'; SET work_mem = '256MB'")
        connection.execute(FORMER_ROWS.format("DISABLE").encode())
        hanging = [_take_off(connection, FOREIGN_KEYS), _take_off(connection, INDEXES)]
        connection.execute(STATEMENTS.read_bytes(), {**asdict(size), "bucket": bucket})
        for definition in [one for part in reversed(hanging) for one in part]:
            connection.execute(definition)
        connection.execute(FORMER_ROWS.format("ENABLE").encode())
    with psycopg.connect(**libpq, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return time.monotonic() - began


def _take_off(connection: psycopg.Connection[Any], query: str) -> list[bytes]:
    """Drop what a query names and return the statements that make it again."""
    found = connection.execute(query.replace("%s", "%%s").replace("%I", "%%I").encode(), {"tables": TABLES}).fetchall()
    for drop, _ in found:
        connection.execute(drop.encode())
    return [definition.encode() for _, definition in found]


def main() -> int:
    """Fill the ledger of the environment."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger_seed", description=__doc__)
    for name, default in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bucket", default="cogmill")
    chosen = vars(parser.parse_args())
    bucket = chosen.pop("bucket")
    print(
        f"{chosen['frames']} frames in {chosen['collections']} collections: {seed(Size(**chosen), bucket=bucket):.1f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
