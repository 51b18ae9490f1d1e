"""What the routes of the page share: the ledger read-only, the parts of long lists, and answers in the page's frame."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from cogmill.config.settings import load_settings
from fastapi import HTTPException, Query, Request

from cogmill_airflow.page.view import Addresses, render

if TYPE_CHECKING:
    from cogmill.ledger import Ledger

Text = Annotated[str, Query(max_length=1024, pattern=r"^[^\x00]*$")]
"""What a person typed."""
Sort = Annotated[str, Query(max_length=20, pattern=r"^-?[a-z_]*$")]
"""What a list is sorted by; a minus sign reverses it."""
Skip = Annotated[int, Query(ge=0, le=10_000_000)]
"""Lines of a list before the page."""


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


def csv_lines(rows: Sequence[Sequence[object]]) -> str:
    """Return some lines of a CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows([plain(cell) for cell in row] for row in rows)
    return text.getvalue()
