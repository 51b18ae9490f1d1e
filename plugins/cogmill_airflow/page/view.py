"""What the templates show of the ledger's answers: addresses, state bars, advice."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from cogmill.domain import keys
from cogmill.domain.advice import advice as advice_on
from cogmill.domain.lifecycle import HOLD_WORDS, Hold, State
from cogmill.mapserver.urls import capabilities_url, download_url, service_url
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cogmill_airflow.names import dag_id
from cogmill_airflow.page import PREFIX, formatting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cogmill.config.settings import Settings
    from cogmill.ledger.page_lists import Box, CollectionSummary, FrameSummary

HERE = Path(__file__).parent

STATES = ("published", "built", "building", "arrived", "rejected", "failed", "withdrawn")
"""States of a frame in the order in which bars and filters show them."""

_WORKER_PATH = re.compile(r"(?:/[^\s/,:]+)+/source\.\w+")
"""Where a worker keeps the copy of an upload that it reads."""

STATE_LABELS = {
    "published": "on the map",
    "built": "built",
    "building": "being built",
    "arrived": "waiting",
    "rejected": "rejected",
    "failed": "failed",
    "withdrawn": "withdrawn",
}
"""Names of the states on the page."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of the page, of Airflow and of the map hosts, as the browser sees them."""

    root: str
    """Path of this page without a trailing slash: `/cogmill`."""
    settings: Settings

    @property
    def airflow(self) -> str:
        """Path of Airflow's UI, without a trailing slash."""
        return self.root.removesuffix(PREFIX)

    def collection(self, collection_id: str, **query: str) -> str:
        """Return the address of one collection's page."""
        path = f"{self.root}/dags/{quote(dag_id(collection_id), safe='')}"
        return path + (f"?{urlencode(query)}" if query else "")

    def runs(self, collection_id: str) -> str:
        """Return the address of a collection's runs in Airflow's own UI."""
        return f"{self.airflow}/dags/{quote(dag_id(collection_id), safe='')}"

    def dag(self, dag: str) -> str:
        """Return the address of a DAG in Airflow's own UI."""
        return f"{self.airflow}/dags/{quote(dag, safe='')}"

    def run(self, dag: str, run_id: str) -> str:
        """Return the address of a run in Airflow's own UI."""
        return f"{self.dag(dag)}/runs/{quote(run_id, safe='')}"

    def report(self, dag: str, run_id: str) -> str:
        """Return the address of the page of a run."""
        return f"{self.root}/dags/{quote(dag, safe='')}/runs/{quote(run_id, safe='')}"

    def frames_csv(self, dag: str, run_id: str) -> str:
        """Return the address of the file of a run's frames."""
        return f"{self.report(dag, run_id)}/frames.csv"

    def wms(self, collection_id: str) -> str:
        """Return the address of a service, to which parameters are appended."""
        return service_url(self.settings.mapserver_url, collection_id)

    def capabilities(self, collection_id: str) -> str:
        """Return the address of a service's capabilities."""
        return capabilities_url(self.wms(collection_id))

    def cog(self, frame: FrameSummary) -> str:
        """Return the address of a frame's COG; empty while it is not on the map."""
        return (
            download_url(self.settings.public_url, frame.cog_key)
            if frame.cog_key and frame.state == "published"
            else ""
        )

    def scan(self, frame: FrameSummary) -> str:
        """Return the address of a frame's raw scan; empty where none is known."""
        return download_url(self.settings.public_url, frame.scan_key) if frame.scan_key else ""

    def thumbnail(self, collection: CollectionSummary) -> str:
        """Return the address of a small picture of the whole collection, a file; empty when nothing is public."""
        if not (collection.is_public and collection.has_picture):
            return ""
        return download_url(self.settings.public_url, keys.thumbnail_key(collection.id, min(keys.THUMBNAIL_SIZES)))


def content_policy(settings: Settings) -> str:
    """Return the Content-Security-Policy: a browser may load the page's own files, published pictures and maps."""
    hosts = sorted(
        {f"{url.scheme}://{url.netloc}" for url in map(urlsplit, (settings.public_url, settings.mapserver_url))}
    )
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: {' '.join(hosts)}; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
    )


def state_bar(states: dict[str, int]) -> list[tuple[str, float, float]]:
    """Return state, start and width in percent of each segment of a bar; withdrawn frames are left out.

    >>> state_bar({"published": 3, "rejected": 1})
    [('published', 0.0, 75.0), ('rejected', 75.0, 25.0)]
    """
    shown = [(state, states[state]) for state in STATES if states.get(state) and state != "withdrawn"]
    total, start, segments = sum(number for _, number in shown), 0.0, []
    for state, number in shown:
        segments.append((state, start, 100 * number / total))
        start += 100 * number / total
    return segments


def advice(frame: FrameSummary) -> str:
    """Return what the person who uploaded a rejected frame should do; empty for frames that were not rejected."""
    return advice_on(frame.reason, frame.source_key) if frame.reason else ""


def is_retriable(frame: FrameSummary) -> bool:
    """Tell whether building a frame again can help: its upload is there, and it was rejected or failed."""
    return bool(frame.collection_id) and frame.state in ("rejected", "failed") and frame.deleted_at is None


def what_next(frame: FrameSummary, settings: Settings) -> str:
    """Return what happens to a frame by itself, and when, or what a person has to do."""
    if frame.deleted_at:
        leaves = frame.deleted_at + dt.timedelta(hours=settings.grace_hours)
        place = "the map" if frame.state == State.PUBLISHED else "the ledger"
        return f"Its upload was deleted. It leaves {place} with the first maintenance after {_utc(leaves)}, unless it comes back under the same name."
    if frame.hold:
        return f"Held back: {HOLD_WORDS[Hold(frame.hold)]}."
    if frame.state == State.REJECTED:
        return f"{advice(frame)} Nothing happens to it until then."
    if frame.state == State.ARRIVED and frame.detail:
        return f"Upload what is missing beside it. At {_utc(frame.next_try_at)} it is looked at once more, and rejected if nothing came."
    waits = f", not before {_utc(frame.next_try_at)}" if frame.next_try_at > dt.datetime.now(dt.UTC) else ""
    return {
        State.PUBLISHED: "Nothing: it is on the map.",
        State.BUILT: "Its COG is stored; the run that built it puts it on the map.",
        State.BUILDING: "A worker builds it now.",
        State.ARRIVED: f"The next run of its collection builds it{waits}.",
        State.FAILED: f"It failed through no fault of the upload, and is tried again by itself{waits}.",
        State.WITHDRAWN: "It left the map. Upload it again under the same name, and it comes back.",
    }[State(frame.state)]


def readable(detail: str | None) -> str:
    """Return what was found wrong without the paths of workers.

    >>> readable("/var/lib/cogmill/tmp/cogmill-x/tmp7/source.tif, band 1: IReadBlock failed")
    'the file, band 1: IReadBlock failed'
    """
    return _WORKER_PATH.sub("the file", detail or "")


def _utc(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def extent_text(extent: Box | None) -> str:
    """Return an extent as the map reads it from an attribute: west,south,east,north in meters; empty for none."""
    return ",".join(f"{edge:.1f}" for edge in extent) if extent else ""


def query_text(*parts: Mapping[str, object]) -> str:
    """Return the part of an address after its path, what is empty left out; later values replace earlier ones.

    >>> query_text({"q": "a b", "skip": 50}, {"skip": 0, "sort": "-name"})
    '?q=a+b&sort=-name'
    """
    values = {name: value for part in parts for name, value in part.items()}
    return "?" + urlencode({name: value for name, value in values.items() if value})


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": formatting.count,
        "megabytes": formatting.megabytes,
        "extent": extent_text,
        "readable": readable,
    }
    environment.globals |= {
        "state_bar": state_bar,
        "advice": advice,
        "what_next": what_next,
        "query_text": query_text,
        "is_retriable": is_retriable,
        "STATES": STATES,
        "STATE_LABELS": STATE_LABELS,
        "HOLD_WORDS": HOLD_WORDS,
    }
    return environment


def render(name: str, **values: Any) -> str:
    """Render a template; every value is escaped."""
    now = dt.datetime.now(dt.UTC)
    return _templates().get_template(name).render(ago=lambda moment: formatting.ago(moment, now), **values)
