"""The page beside each run: what it reported, and the frames that a backfill means to take or took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cogmill.ledger.page_lists import PageRequest
from fastapi import FastAPI, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from cogmill_airflow.bundle.form_renewal import FORMS
from cogmill_airflow.names import DAG_PREFIX
from cogmill_airflow.page.responses import Skip, csv_file, read_only_ledger, respond

if TYPE_CHECKING:
    from cogmill.ledger.page_lists import PlannedFrame

LINES = 50
"""Frames of a page."""

REPORTS = 40
"""Reports of a DAG that its page lists."""

REPORTING = (*FORMS, "adopt", "maintenance", "compile_indexes")
"""DAGs beside those of collections whose runs report."""

WEIGHTS = ("fault", "notice", "done")
"""In this order numbers are shown that are not zero."""

COLUMNS = ("upload", "collection", "bytes", "why", "outcome", "state", "reason", "detail")
"""First line of the CSV file."""

DagId = Annotated[str, Path(max_length=250, pattern=r"^[A-Za-z0-9_.-]+$")]
RunId = Annotated[str, Path(max_length=250, pattern=r"^[A-Za-z0-9_.~:+-]+$")]


def add_run_pages(app: FastAPI) -> None:
    """Add the routes."""

    @app.get("/dags/{dag_id}/runs/{run_id}", response_class=HTMLResponse)
    def report_of_run(request: Request, dag_id: DagId, run_id: RunId, skip: Skip = 0) -> str:
        _check(dag_id)
        with read_only_ledger() as ledger:
            saved = ledger.pages.report(dag_id, run_id)
            page = ledger.pages.planned_frames(dag_id, run_id, PageRequest(LINES, skip))
        numbers = split(saved.report["numbers"]) if saved else ([], [])
        return respond(request, "run.html.j2", dag=dag_id, run=run_id, saved=saved, page=page, numbers=numbers)

    @app.get("/dags/{dag_id}/runs/{run_id}/frames.csv")
    def frames_of_run(dag_id: DagId, run_id: RunId) -> StreamingResponse:
        _check(dag_id)
        return csv_file("frames.csv", COLUMNS, _rows(dag_id, run_id))


def reports_page(request: Request, dag_id: str) -> str:
    """Show the latest reports of a DAG."""
    with read_only_ledger() as ledger:
        reports = ledger.pages.latest_reports(dag_id, at_most=REPORTS)
    return respond(request, "reports.html.j2", dag=dag_id, reports=reports)


def split(numbers: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the numbers that are not zero, what weighs most first, and what those count that are zero."""
    shown = [number for number in numbers if number["count"]]
    shown.sort(key=lambda number: WEIGHTS.index(number["weight"]))
    return shown, [number["what"] for number in numbers if not number["count"]]


def _check(dag_id: str) -> None:
    if not (dag_id.startswith(DAG_PREFIX) or dag_id in (*REPORTING, "watch_uploads")):
        raise HTTPException(404, f"{dag_id} is not a DAG of Cogmill.")


def _rows(dag_id: str, run_id: str) -> Iterator[list[object]]:
    with read_only_ledger() as ledger:
        yield from map(_cells, ledger.pages.all_planned_frames(dag_id, run_id))


def _cells(frame: PlannedFrame) -> list[object]:
    outcome = frame.outcome or "not built"
    what = [frame.source_key, frame.collection_id, frame.size, frame.why, outcome]
    return [*what, frame.state, frame.reason, frame.detail]
