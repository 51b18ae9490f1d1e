"""The list of rejected uploads: filtered, sorted, as a page and as CSV, and what *Retry all* asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cogmill.domain.errors import Reason
from cogmill.ledger.page_lists import REJECTION_SORTS, PageRequest, RejectionFilter
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from cogmill_airflow.bundle.params import EVERYTHING
from cogmill_airflow.page.access import MayRetry
from cogmill_airflow.page.responses import Skip, Sort, Text, check_sort, csv_file, read_only_ledger, respond, searched
from cogmill_airflow.page.view import advice

if TYPE_CHECKING:
    from cogmill.ledger.page_lists import FrameSummary

LINES = 50
"""Uploads of a page."""

MAX_EXPORTED = 100_000
"""Lines of the CSV file; with more, its last line says so."""

COLUMNS = ("upload", "collection", "reason", "detail", "advice", "bytes", "uploaded", "rejected", "upload_deleted")
"""First line of the CSV file."""


def chosen(reason: Text = "", county: Text = "", collection: Text = "", q: Text = "") -> RejectionFilter:
    """Return the filter that an address describes."""
    if reason and reason not in [*Reason]:
        raise HTTPException(422, f"There is no reason {reason}.")
    return RejectionFilter(reason=reason, county=county, collection=collection, part=searched(q))


Shown = Annotated[RejectionFilter, Depends(chosen)]


def add_rejected_list(app: FastAPI) -> None:
    """Add the routes."""

    @app.get("/rejected", response_class=HTMLResponse)
    def rejected(
        request: Request,
        shown: Shown,
        *,
        may_retry: MayRetry,
        q: Text = "",
        sort: Sort = "-changed",
        skip: Skip = 0,
    ) -> str:
        check_sort(sort, REJECTION_SORTS)
        with read_only_ledger() as ledger:
            page = ledger.pages.rejections(shown, PageRequest(LINES, skip, sort))
            counts = ledger.pages.rejection_counts(shown)
            reasons, counties = ledger.pages.rejection_reasons(), ledger.pages.rejection_counties()
        query = {"reason": shown.reason, "county": shown.county, "collection": shown.collection, "q": q}
        return respond(
            request,
            "rejected.html.j2",
            page=page,
            counts=counts,
            reasons=reasons,
            counties=counties,
            query=query,
            may_retry=may_retry,
            retry_all=retry_conf(shown),
        )

    @app.get("/rejected.csv")
    def rejected_csv(shown: Shown) -> StreamingResponse:
        return csv_file("rejected_uploads.csv", COLUMNS, _rows(shown))


def retry_conf(shown: RejectionFilter) -> dict[str, Any]:
    """Return the configuration of a run of `retry` that builds again what a filter shows."""
    conf: dict[str, Any] = {"collections": [shown.collection or EVERYTHING], "states": ["rejected"], "dry_run": False}
    if shown.reason:
        conf["reasons"] = [shown.reason]
    if shown.county:
        conf["counties"] = [shown.county]
    return conf | ({"contains": shown.part} if shown.part else {})


def _rows(shown: RejectionFilter) -> Iterator[list[object]]:
    with read_only_ledger() as ledger:
        yield from map(_cells, ledger.pages.all_rejections(shown, MAX_EXPORTED))
        if ledger.pages.rejection_counts(shown).all > MAX_EXPORTED:
            yield [f"There are more than {MAX_EXPORTED}: filter by reason, county or collection."]


def _cells(frame: FrameSummary) -> list[object]:
    times = [moment and moment.isoformat() for moment in (frame.uploaded_at, frame.changed_at, frame.deleted_at)]
    return [
        frame.source_key,
        frame.collection_id,
        frame.reason,
        frame.detail,
        advice(frame),
        frame.size,
        *times,
    ]
