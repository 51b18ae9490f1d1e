"""Routes of the page. They read the ledger and change nothing."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cogmill.config.settings import load_settings
from cogmill.ledger.page_queries import COLLECTION_FILTERS, FIRST_REJECTION, PageCursor
from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from cogmill_airflow.bundle.form_renewal import FORMS
from cogmill_airflow.names import DAG_PREFIX
from cogmill_airflow.page.access import MayRetry, Reader
from cogmill_airflow.page.error_pages import add_error_pages
from cogmill_airflow.page.finding_lines import files, finding_lines
from cogmill_airflow.page.static_files import add_static_files
from cogmill_airflow.page.view import Addresses, render

if TYPE_CHECKING:
    from cogmill.ledger import Ledger
    from cogmill.ledger.page_queries import FrameSummary, Page, ScanSummary

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

Text = Annotated[str, Query(max_length=1024, pattern=r"^[^\x00]*$")]
Only = Annotated[Literal["", "rejected", "failed", "waiting", "not public"], Query()]
State = Annotated[Literal["", "published", "built", "building", "arrived", "rejected", "failed", "withdrawn"], Query()]
Edge = Annotated[float, Query(ge=-WORLD, le=WORLD)]
DagId = Annotated[str, Path(pattern=rf"^{DAG_PREFIX}[a-z0-9_]{{3,150}}$")]

app = FastAPI(title="Cogmill", openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Reader])
add_error_pages(app)
add_static_files(app)


@app.get("/", response_class=HTMLResponse)
def collections(request: Request, q: Text = "", only: Only = "", after: Text = "", before: Text = "") -> str:
    """Show a page of all collections."""
    with read_only_ledger() as ledger:
        page = ledger.pages.collections(
            PageCursor(after, before or None), search=q.lower(), only=only, size=COLLECTIONS_PER_PAGE
        )
    links = page_links(page, [collection.id for collection in page.rows])
    return respond(request, "collections.html.j2", page=page, q=q, only=only, filters=COLLECTION_FILTERS, links=links)


@app.get("/states")
def states() -> dict[str, int]:
    """Return how many frames of the archive are in each state."""
    with read_only_ledger() as ledger:
        return ledger.queries.states()


@app.get("/rejected", response_class=HTMLResponse)
def rejected(request: Request, may_retry: MayRetry, at: dt.datetime | None = None, frame: int = 0) -> str:
    """Show a page of rejected uploads of the whole archive, newest first."""
    with read_only_ledger() as ledger:
        page = ledger.pages.rejected((at, frame) if at else FIRST_REJECTION, size=FRAMES_PER_PAGE)
    last = page.rows[-1] if page.rows else None
    links = {"next": {"at": last.changed_at.isoformat(), "frame": last.id}} if last and page.has_next else {}
    return respond(request, "rejected.html.j2", page=page, links=links, may_retry=may_retry)


@app.get("/uploads", response_class=HTMLResponse)
def uploads(request: Request, may_retry: MayRetry, q: Text = "") -> str:
    """Show what became of every upload whose key contains a text, and what happens next to each."""
    wanted = unicodedata.normalize("NFC", q.strip()).lower()
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
        may_retry=may_retry,
    )


@app.get("/findings", response_class=HTMLResponse)
def findings(request: Request, kind: Text = "", after: Text = "") -> str:
    """Show how much the nightly comparison found of each kind, and the findings of one."""
    with read_only_ledger() as ledger:
        counts = ledger.pages.finding_counts()
        page = ledger.pages.findings(kind, after, size=FRAMES_PER_PAGE) if kind else None
    links = {"next": {"after": page.rows[-1]["subject"]}} if page and page.has_next else {}
    lines = finding_lines(counts)
    return respond(
        request, "findings.html.j2", lines=lines, page=page, kind=kind, links=links, files=files(load_settings())
    )


@app.get("/dags/{dag_id}", response_class=HTMLResponse)
def page_of_dag(
    request: Request,
    dag_id: Annotated[str, Path(max_length=250, pattern=r"^[A-Za-z0-9_.-]+$")],
    *,
    may_retry: MayRetry,
    q: Text = "",
    state: State = "",
    after: Text = "",
    before: Text = "",
) -> str:
    """Show what belongs to a DAG: a collection, the findings, the uploads, or all collections."""
    if dag_id.startswith(DAG_PREFIX):
        return collection(request, dag_id, may_retry=may_retry, q=q, state=state, after=after, before=before)
    if dag_id in ("maintenance", "compile_indexes"):
        return findings(request)
    if dag_id == "watch_uploads":
        return uploads(request, may_retry)
    if dag_id in FORMS:
        return collections(request, q=q, after=after, before=before)
    raise HTTPException(404, f"{dag_id} is not a DAG of Cogmill.")


def collection(
    request: Request,
    dag_id: str,
    *,
    may_retry: bool,
    q: str = "",
    state: str = "",
    after: str = "",
    before: str = "",
) -> str:
    """Show one collection and a page of its frames."""
    collection_id = dag_id.removeprefix(DAG_PREFIX)
    cursor = PageCursor(after, before or None)
    with read_only_ledger() as ledger:
        try:
            summary = ledger.pages.collection(collection_id)
        except KeyError as err:
            raise HTTPException(404, f"There is no collection {collection_id}.") from err
        page = ledger.pages.frames(collection_id, cursor, search=q.lower(), state=state, size=FRAMES_PER_PAGE)
    links = page_links(page, [frame.source_key for frame in page.rows])
    return respond(
        request, "collection.html.j2", collection=summary, page=page, q=q, state=state, links=links, may_retry=may_retry
    )


@app.get("/extents")
def extents(
    west: Edge = -WORLD, south: Edge = -WORLD, east: Edge = WORLD, north: Edge = WORLD, q: Text = ""
) -> Response:
    """Return the collections that intersect a window in EPSG:3857 meters: id, extent and whether a frame failed or was rejected."""
    with read_only_ledger() as ledger:
        found = ledger.pages.collections_in((west, south, east, north), search=q.lower(), at_most=MAX_EXTENTS)
    rows = [[one.id, *map(round, one.extent), int(one.has_faults)] for one in found]
    return JSONResponse({"collections": rows, "capped": len(rows) == MAX_EXTENTS})


@app.get("/dags/{dag_id}/footprints")
def footprints(
    dag_id: DagId, west: Edge = -WORLD, south: Edge = -WORLD, east: Edge = WORLD, north: Edge = WORLD
) -> Response:
    """Return the footprints of a collection's frames that intersect a window, all in EPSG:3857 meters."""
    window = (west, south, east, north)
    tolerance = max(east - west, 0) / 4000
    with read_only_ledger() as ledger:
        found = ledger.pages.frames_in(
            dag_id.removeprefix(DAG_PREFIX), window, tolerance=tolerance, at_most=MAX_FOOTPRINTS
        )
    frames = [{"stem": one.stem, "outline": one.outline} for one in found]
    return JSONResponse({"frames": frames, "capped": len(frames) == MAX_FOOTPRINTS})


@contextmanager
def read_only_ledger() -> Iterator[Ledger]:
    """Open the ledger through Airflow's connection, read-only, with a time limit for each query."""
    from cogmill_airflow.connections import ledger_from_connection

    with ledger_from_connection(options="-c default_transaction_read_only=on -c statement_timeout=5s") as ledger:
        yield ledger


def page_links(page: Page[Any], keys: list[str]) -> dict[str, dict[str, str]]:
    """Return the query parameters of the links `previous` and `next` of a page, where there are such pages.

    Args:
        page: The page that is shown.
        keys: Sort keys of its rows.
    """
    links = {}
    if page.has_previous and keys:
        links["previous"] = {"before": keys[0]}
    if page.has_next and keys:
        links["next"] = {"after": keys[-1]}
    return links


def respond(request: Request, template: str, **values: Any) -> str:
    """Render a template with the values that all of them need."""
    addresses = Addresses(request.scope["root_path"].rstrip("/"), load_settings())
    return render(template, addresses=addresses, here=request.url.path.rpartition("/")[2], **values)
