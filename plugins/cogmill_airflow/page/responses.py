"""What the routes of the page share: the ledger read-only, the parts of long lists, and answers in the page's frame."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

from cogmill.config.settings import load_settings
from fastapi import HTTPException, Query, Request
from fastapi.responses import StreamingResponse

from cogmill_airflow.page.view import Addresses, render

if TYPE_CHECKING:
    from cogmill.ledger import Ledger

Text = Annotated[str, Query(max_length=1024, pattern=r"^[^\x00]*$")]
"""What a person typed."""
Sort = Annotated[str, Query(max_length=20, pattern=r"^-?[a-z_]*$")]
"""What a list is sorted by; a minus sign reverses it."""
Skip = Annotated[int, Query(ge=0, le=10_000_000)]
"""Lines of a list before the page."""

PART = 500
"""Lines of a CSV file that are sent at a time."""


@contextmanager
def read_only_ledger() -> Iterator[Ledger]:
    """Open the ledger through Airflow's connection, read-only, with a time limit for each query."""
    from cogmill_airflow.connections import ledger_from_connection

    with ledger_from_connection(options="-c default_transaction_read_only=on -c statement_timeout=5s") as ledger:
        yield ledger


def check_sort(sort: str, allowed: Sequence[str]) -> None:
    """Refuse an order that a list does not have.

    Raises:
        HTTPException: 422, with those that it has.
    """
    if sort and sort.removeprefix("-") not in allowed:
        raise HTTPException(422, f"The list can be sorted by {', '.join(allowed)}.")


def searched(text: str) -> str:
    """Return what a person typed as keys and names are compared: composed, in small letters, without spaces around it.

    >>> searched(" Su\u0308d.TIF ") == "s\u00fcd.tif"
    True
    """
    return unicodedata.normalize("NFC", text.strip()).lower()


def respond(request: Request, template: str, **values: Any) -> str:
    """Render a template with the values that all of them need."""
    addresses = Addresses(request.scope["root_path"].rstrip("/"), load_settings())
    return render(template, addresses=addresses, here=request.url.path.rpartition("/")[2], **values)


def plain(value: object) -> str:
    r"""Return a value as a cell of CSV that no spreadsheet takes for a formula.

    >>> [plain(value) for value in ("bw/x.tif", '=cmd|"/c calc"!A1', -3, None)]
    ['bw/x.tif', '\'=cmd|"/c calc"!A1', '-3', '']
    """
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and re.match(r"[=+\-@\t\r]", text) else text


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingResponse:
    """Return a CSV file for download, whose rows are read while it is sent.

    Args:
        name: Of the file.
        columns: Its first line.
        rows: All others.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_parts(columns, rows), media_type="text/csv; charset=utf-8", headers=headers)


def _parts(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield _lines([columns])
    rest = iter(rows)
    while part := list(islice(rest, PART)):
        yield _lines(part)


def _lines(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([plain(cell) for cell in row] for row in rows)
    return text.getvalue()
