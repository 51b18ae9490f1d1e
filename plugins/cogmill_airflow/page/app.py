"""The routes of the page: what is asked, and the template or list that answers. Reads the ledger and changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cogmill.config.settings import load_settings
from cogmill.ledger.page_queries import COLLECTION_FILTERS, FIRST_REJECTION, PageCursor
from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from cogmill_airflow.names import DAG_PREFIX
from cogmill_airflow.page import faults, files
from cogmill_airflow.page.access import MayRetry, Reader
from cogmill_airflow.page.view import Address, render

if TYPE_CHECKING:
    from cogmill.ledger import Ledger
    from cogmill.ledger.page_queries import Page

COLLECTIONS_PER_PAGE = 40
FRAMES_PER_PAGE = 50
MOST_EXTENTS = 4000
"""Collections drawn at a time; with more the map says so, and zooming in shows the others."""
MOST_FOOTPRINTS = 2000
"""Photographs drawn at a time."""
WORLD = 20_037_508.342789244
"""Half the width of the map in EPSG:3857 metres."""

Text = Annotated[str, Query(max_length=1024, pattern=r"^[^\x00]*$")]
Only = Annotated[Literal["", "rejected", "failed", "waiting", "not public"], Query()]
State = Annotated[Literal["", "published", "built", "building", "arrived", "rejected", "failed", "withdrawn"], Query()]
Edge = Annotated[float, Query(ge=-WORLD, le=WORLD)]
DagId = Annotated[str, Path(pattern=rf"^{DAG_PREFIX}[a-z0-9_]{{3,150}}$")]

app = FastAPI(title="Cogmill", openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Reader])
faults.explain(app)
files.serve(app)


@app.get("/", response_class=HTMLResponse)
def collections(request: Request, q: Text = "", only: Only = "", after: Text = "", before: Text = "") -> str:
    """Show a page of all collections."""
    with reading() as ledger:
        page = ledger.pages.collections(
            PageCursor(after, before or None), search=q.lower(), only=only, size=COLLECTIONS_PER_PAGE
        )
    turns = turns_of(page, [card.id for card in page.rows])
    return show(request, "collections.html.j2", page=page, q=q, only=only, filters=COLLECTION_FILTERS, turns=turns)


@app.get("/states")
def states() -> dict[str, int]:
    """Return how many frames of the archive are in each state."""
    with reading() as ledger:
        return ledger.queries.states()


@app.get("/rejected", response_class=HTMLResponse)
def rejected(request: Request, may_retry: MayRetry, at: dt.datetime | None = None, frame: int = 0) -> str:
    """Show a page of refused uploads of the whole archive, the latest first."""
    with reading() as ledger:
        page = ledger.pages.rejected((at, frame) if at else FIRST_REJECTION, size=FRAMES_PER_PAGE)
    last = page.rows[-1] if page.rows else None
    turns = {"next": {"at": last.changed_at.isoformat(), "frame": last.id}} if last and page.has_next else {}
    return show(request, "rejected.html.j2", page=page, turns=turns, may_retry=may_retry)


@app.get("/dags/{dag_id}", response_class=HTMLResponse)
def collection(
    request: Request,
    dag_id: DagId,
    *,
    may_retry: MayRetry,
    q: Text = "",
    state: State = "",
    after: Text = "",
    before: Text = "",
) -> str:
    """Show one collection and a page of its frames."""
    collection_id = dag_id.removeprefix(DAG_PREFIX)
    turn = PageCursor(after, before or None)
    with reading() as ledger:
        try:
            card = ledger.pages.collection(collection_id)
        except KeyError as err:
            raise HTTPException(404, f"There is no collection {collection_id}.") from err
        page = ledger.pages.frames(collection_id, turn, search=q.lower(), state=state, size=FRAMES_PER_PAGE)
    turns = turns_of(page, [frame.source_key for frame in page.rows])
    return show(request, "collection.html.j2", card=card, page=page, q=q, state=state, turns=turns, may_retry=may_retry)


@app.get("/extents")
def extents(
    west: Edge = -WORLD, south: Edge = -WORLD, east: Edge = WORLD, north: Edge = WORLD, q: Text = ""
) -> Response:
    """Return where collections lie that meet a window in EPSG:3857 metres: id, extent and whether something is wrong."""
    with reading() as ledger:
        found = ledger.pages.collections_in((west, south, east, north), search=q.lower(), at_most=MOST_EXTENTS)
    rows = [[one.id, *map(round, one.extent), int(one.has_faults)] for one in found]
    return JSONResponse({"collections": rows, "capped": len(rows) == MOST_EXTENTS})


@app.get("/dags/{dag_id}/footprints")
def footprints(
    dag_id: DagId, west: Edge = -WORLD, south: Edge = -WORLD, east: Edge = WORLD, north: Edge = WORLD
) -> Response:
    """Return outlines of a collection's photographs that meet a window, all in EPSG:3857 metres."""
    window = (west, south, east, north)
    tolerance = max(east - west, 0) / 4000
    with reading() as ledger:
        found = ledger.pages.frames_in(
            dag_id.removeprefix(DAG_PREFIX), window, tolerance=tolerance, at_most=MOST_FOOTPRINTS
        )
    frames = [{"stem": one.stem, "outline": one.outline} for one in found]
    return JSONResponse({"frames": frames, "capped": len(frames) == MOST_FOOTPRINTS})


@contextmanager
def reading() -> Iterator[Ledger]:
    """Open the ledger by Airflow's connection, for reading alone."""
    from cogmill_airflow.connections import ledger_from_connection

    with ledger_from_connection(options="-c default_transaction_read_only=on -c statement_timeout=5s") as ledger:
        yield ledger


def turns_of(page: Page[Any], keys: list[str]) -> dict[str, dict[str, str]]:
    """Return what the buttons of a page ask for: `previous` and `next`, where there is any."""
    turns = {}
    if page.has_previous and keys:
        turns["previous"] = {"before": keys[0]}
    if page.has_next and keys:
        turns["next"] = {"after": keys[-1]}
    return turns


def show(request: Request, template: str, **values: Any) -> str:
    """Fill a template with what all of them need."""
    address = Address(request.scope["root_path"].rstrip("/"), load_settings())
    return render(template, address=address, here=request.url.path.rpartition("/")[2], **values)
