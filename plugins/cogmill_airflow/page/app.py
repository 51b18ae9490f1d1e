"""Routes of the page. They read the ledger and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cogmill.config.settings import load_settings
from cogmill.domain.key_reading import read_key
from cogmill.domain.layout import formats_in_use, layout_in_use
from cogmill.ledger.page_lists import COLLECTION_FILTERS, COLLECTION_SORTS, FRAME_SORTS, Box, FrameFilter, PageRequest
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from cogmill_airflow.bundle.form_renewal import FORMS
from cogmill_airflow.names import DAG_PREFIX
from cogmill_airflow.page.access import MayRetry, Reader
from cogmill_airflow.page.error_pages import add_error_pages
from cogmill_airflow.page.finding_lines import files, finding_lines
from cogmill_airflow.page.rejected_list import add_rejected_list
from cogmill_airflow.page.responses import Skip, Sort, Text, check_sort, read_only_ledger, respond, searched
from cogmill_airflow.page.run_pages import add_run_pages, reports_page
from cogmill_airflow.page.static_files import add_static_files

if TYPE_CHECKING:
    from cogmill.ledger.page_lists import FrameSummary, ScanSummary

COLLECTIONS_PER_PAGE = 40
FRAMES_PER_PAGE = 50
UPLOADS_FOUND = 100
"""Frames and scans that a search shows; with more, it asks for more of the key."""
MAX_EXTENTS = 4000
"""Collections drawn at a time; with more, the map says so and shows the others when zoomed in."""
MAX_FOOTPRINTS = 2000
"""Footprints drawn at a time."""
WORLD = 20_037_508.342789244
"""Half the width of the map in EPSG:3857 meters."""

Only = Annotated[Literal["", "rejected", "failed", "waiting", "not public"], Query()]
State = Annotated[Literal["", "published", "built", "building", "arrived", "rejected", "failed", "withdrawn"], Query()]
Edge = Annotated[float, Query(ge=-WORLD, le=WORLD)]
DagId = Annotated[str, Path(pattern=rf"^{DAG_PREFIX}[a-z0-9_]{{3,150}}$")]

app = FastAPI(title="Cogmill", openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Reader])
add_error_pages(app)
add_static_files(app)
add_rejected_list(app)
add_run_pages(app)


@app.get("/", response_class=HTMLResponse)
def collections(request: Request, q: Text = "", only: Only = "", sort: Sort = "name", skip: Skip = 0) -> str:
    """Show a page of all collections."""
    check_sort(sort, [*COLLECTION_SORTS])
    with read_only_ledger() as ledger:
        page = ledger.pages.collections(PageRequest(COLLECTIONS_PER_PAGE, skip, sort), search=searched(q), only=only)
    query = {"q": q, "only": only}
    return respond(request, "collections.html.j2", page=page, query=query, filters=COLLECTION_FILTERS)


@app.get("/states")
def states() -> dict[str, int]:
    """Return how many frames of the archive are in each state."""
    with read_only_ledger() as ledger:
        return ledger.queries.states()


@app.get("/uploads", response_class=HTMLResponse)
def uploads(request: Request, may_retry: MayRetry, q: Text = "") -> str:
    """Show what became of every upload whose key contains a text, what happens next to each, and what a whole key would become."""
    wanted = searched(q)
    frames: list[FrameSummary] = []
    scans: list[ScanSummary] = []
    if wanted:
        with read_only_ledger() as ledger:
            frames, scans = ledger.pages.uploads(wanted, at_most=UPLOADS_FOUND + 1)
    return respond(
        request,
        "uploads.html.j2",
        frames=frames,
        scans=scans,
        at_most=UPLOADS_FOUND,
        asked=q.strip(),
        reading=read_key(q.strip()) if "/" in q.strip(" /") else None,
        layout=layout_in_use().shown,
        formats=formats_in_use(),
        may_retry=may_retry,
    )


@app.get("/findings", response_class=HTMLResponse)
def findings(request: Request, kind: Text = "", skip: Skip = 0) -> str:
    """Show how much the nightly comparison found of each kind, and the findings of one."""
    with read_only_ledger() as ledger:
        counts = ledger.pages.finding_counts()
        page = ledger.pages.findings(kind, PageRequest(FRAMES_PER_PAGE, skip)) if kind else None
    lines = finding_lines(counts)
    return respond(
        request, "findings.html.j2", lines=lines, page=page, query={"kind": kind}, files=files(load_settings())
    )


@app.get("/dags/{dag_id}", response_class=HTMLResponse)
def page_of_dag(
    request: Request,
    dag_id: Annotated[str, Path(max_length=250, pattern=r"^[A-Za-z0-9_.-]+$")],
    *,
    may_retry: MayRetry,
    q: Text = "",
    state: State = "",
    sort: Sort = "name",
    skip: Skip = 0,
) -> str:
    """Show what belongs to a DAG: a collection, the findings, the uploads, or the latest reports."""
    if dag_id.startswith(DAG_PREFIX):
        return collection(request, dag_id, may_retry=may_retry, q=q, state=state, sort=sort, skip=skip)
    if dag_id in ("maintenance", "compile_indexes"):
        return findings(request)
    if dag_id == "watch_uploads":
        return uploads(request, may_retry)
    if dag_id in (*FORMS, "adopt"):
        return reports_page(request, dag_id)
    raise HTTPException(404, f"{dag_id} is not a DAG of Cogmill.")


def collection(
    request: Request, dag_id: str, *, may_retry: bool, q: str = "", state: str = "", sort: str = "name", skip: int = 0
) -> str:
    """Show one collection and a page of its frames."""
    check_sort(sort, FRAME_SORTS)
    collection_id = dag_id.removeprefix(DAG_PREFIX)
    with read_only_ledger() as ledger:
        try:
            summary = ledger.pages.collection(collection_id)
        except KeyError as err:
            raise HTTPException(404, f"There is no collection {collection_id}.") from err
        page = ledger.pages.frames(
            collection_id, PageRequest(FRAMES_PER_PAGE, skip, sort), FrameFilter(searched(q), state)
        )
    query = {"q": q, "state": state}
    return respond(request, "collection.html.j2", collection=summary, page=page, query=query, may_retry=may_retry)


def window(west: Edge = -WORLD, south: Edge = -WORLD, east: Edge = WORLD, north: Edge = WORLD) -> Box:
    """Return the part of the map that a browser asks for, in EPSG:3857 meters."""
    return west, south, east, north


Window = Annotated[Box, Depends(window)]


@app.get("/extents")
def extents(box: Window, q: Text = "", only: Only = "") -> Response:
    """Return the listed collections that intersect a window: id, extent in EPSG:3857 meters and whether a frame failed or was rejected."""
    with read_only_ledger() as ledger:
        found = ledger.pages.collections_in(box, search=searched(q), only=only, at_most=MAX_EXTENTS)
    rows = [[one.id, *map(round, one.extent), int(one.has_faults)] for one in found]
    return JSONResponse({"collections": rows, "capped": len(rows) == MAX_EXTENTS})


@app.get("/dags/{dag_id}/footprints")
def footprints(dag_id: DagId, box: Window, q: Text = "", state: State = "") -> Response:
    """Return the footprints of a collection's listed frames that intersect a window, all in EPSG:3857 meters."""
    west, _, east, _ = box
    with read_only_ledger() as ledger:
        found = ledger.pages.frames_in(
            dag_id.removeprefix(DAG_PREFIX),
            box,
            FrameFilter(searched(q), state),
            tolerance=max(east - west, 0) / 4000,
            at_most=MAX_FOOTPRINTS,
        )
    frames = [{"stem": one.stem, "outline": one.outline} for one in found]
    return JSONResponse({"frames": frames, "capped": len(frames) == MAX_FOOTPRINTS})
