"""Run the statements of `include/cogmill/ledger/sql/` on a connection, and say ServiceUnavailableError when the database is away."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from cogmill.domain.errors import ServiceUnavailableError

SQL = Path(__file__).resolve().parent / "sql"
"""Folder of the statements."""

FETCH = 2000
"""Rows a server-side cursor brings at a time."""

Row = dict[str, Any]


class Part:
    """A group of the ledger's questions and acts on one connection in autocommit mode; one statement is one transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def _rows(self, statement: str, **values: Any) -> list[Row]:
        with available(), self._connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(_text(statement), values)
            return cursor.fetchall() if cursor.description else []

    def _stream(self, statement: str, **values: Any) -> Iterator[Row]:
        """Rows in bounded memory, through a server-side cursor."""
        with (
            available(),
            self._connection.transaction(),
            self._connection.cursor(name=statement, row_factory=dict_row) as cursor,
        ):
            cursor.itersize = FETCH
            cursor.execute(_text(statement), values)
            yield from cursor

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with available(), self._connection.transaction():
            yield


@contextmanager
def available() -> Iterator[None]:
    """Translate a database that cannot answer now; faults of ours in SQL pass through."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as err:
        raise ServiceUnavailableError(f"the ledger does not answer: {err}") from err


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Encode rows for `jsonb_to_recordset`; dates become ISO text."""
    return json.dumps(list(rows), default=str)


@cache
def _text(statement: str) -> bytes:
    return (SQL / f"{statement}.sql").read_bytes()
