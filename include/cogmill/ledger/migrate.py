"""Bring a database to the present schema: `python -m cogmill.ledger.migrate`.

Connects as the owner by libpq's own environment (`PGHOST`, `PGUSER`, `PGSERVICE`, `PGPASSFILE` ...), so no secret is an argument.
Files of `include/cogmill/ledger/sql/migrations/` are applied in order, each once, all in one transaction; running it again changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import psycopg

from cogmill.ledger.connection import SQL
from cogmill.ledger.connection.silence import TimeLimits, watch

MIGRATIONS = SQL / "migrations"

_PREPARE = """
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE SCHEMA IF NOT EXISTS cogmill;
CREATE TABLE IF NOT EXISTS cogmill.migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
"""

_ROLES = ("cogmill_writer", "cogmill_reader")


def migrate(connection: psycopg.Connection[Any]) -> list[str]:
    """Apply what is missing and return the names of the files applied.

    Roles are made without a password and without login when they do not exist; give them theirs outside of this.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('cogmill migrate', 0))")
        for role in _ROLES:
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(_PREPARE.encode())
        applied = {name for (name,) in connection.execute("SELECT name FROM cogmill.migration")}
        missing = [file for file in sorted(MIGRATIONS.glob("*.sql")) if file.stem not in applied]
        for file in missing:
            _apply(connection, file)
    return [file.stem for file in missing]


def _apply(connection: psycopg.Connection[Any], file: Path) -> None:
    connection.execute(file.read_bytes())
    connection.execute("INSERT INTO cogmill.migration (name) VALUES (%s)", [file.stem])


def main() -> int:
    """Migrate the database that libpq's environment names."""
    try:
        # a migration may take as long as it needs; only its lock must not wait for ever, for all others would wait behind it
        limits = TimeLimits(statement_s=0)
        with psycopg.connect(**limits.parameters()) as connection:
            watch(connection, limits.silence_s)
            applied = migrate(connection)
    except psycopg.OperationalError as err:
        sys.stderr.write(f"cannot reach the database named by the PG* variables: {err}\n")
        return 1
    sys.stdout.write(f"applied: {', '.join(applied)}\n" if applied else "the schema is up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
