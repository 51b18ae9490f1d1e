"""Run the named queries of `sql/` on a connection, and raise ServiceUnavailableError when the database is away or silent.

aiosql reads the files, translates `:name` and checks the declared parameters. Its psycopg adapter is not used to run them: its
SELECT is a generator, so that an `UPDATE ... RETURNING` which nobody iterates over never happens, and it has no server-side cursors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import aiosql
import psycopg
from aiosql.queries import Queries
from psycopg.rows import dict_row

from cogmill.domain.errors import ServiceUnavailableError

SQL = Path(__file__).resolve().parents[1] / "sql"
"""Folder of the named queries, one file per module, and of the migrations."""

FETCH = 2000
"""Rows a server-side cursor brings at a time."""

ROWS_AT_ONCE = 5000
"""Rows added by one statement, where they may be hundreds of thousands."""

Row = dict[str, Any]


class Part:
    """Methods of the ledger on one connection in autocommit mode; a query outside of `_transaction` is one transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def _rows(self, query: str, **values: Any) -> list[Row]:
        """Run a named query; return its rows as dictionaries, or nothing when it has none to return."""
        with available(), self._connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(statement(query), values)
            return cursor.fetchall() if cursor.description else []

    def _add(self, query: str, *, rows: Sequence[Row], **values: Any) -> None:
        """Run a named query that adds `rows`, as often as it takes to add all of them."""
        for start in range(0, len(rows), ROWS_AT_ONCE):
            self._rows(query, rows=as_json(rows[start : start + ROWS_AT_ONCE]), **values)

    def _stream(self, query: str, **values: Any) -> Iterator[Row]:
        """Yield the rows of a named query in bounded memory, through a server-side cursor."""
        with (
            available(),
            self._connection.transaction(),
            self._connection.cursor(name=query, row_factory=dict_row) as cursor,
        ):
            cursor.itersize = FETCH
            cursor.execute(statement(query), values)
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
def named_queries() -> Queries:
    """Return the queries of all files. The library refuses a name that stands twice and a parameter that is not declared."""
    files = sorted(SQL.glob("*.sql"))
    queries: Queries = aiosql.from_str("\n".join(file.read_text("utf-8") for file in files), "psycopg")
    return queries


@cache
def statement(query: str) -> bytes:
    """Return the text of a named query with psycopg's placeholders.

    Raises:
        AttributeError: There is no query of that name.
    """
    text: str = getattr(named_queries(), query).sql
    return text.encode()
