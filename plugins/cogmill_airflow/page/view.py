"""From what the ledger says to what the templates show: addresses, bars, advice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from cogmill.domain.errors import ADVICE, Reason
from cogmill.domain.geo import Bounds3857
from cogmill.mapserver.urls import capabilities_url, preview_url, service_url
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cogmill_airflow.names import dag_id
from cogmill_airflow.page import PREFIX, words

if TYPE_CHECKING:
    from cogmill.config.settings import Settings
    from cogmill.ledger.page_queries import Box, CollectionSummary, FrameSummary

HERE = Path(__file__).parent

STATES = ("published", "built", "building", "arrived", "rejected", "failed", "withdrawn")
"""In the order in which bars and filters show them."""

WORDS = {
    "published": "on the map",
    "built": "built",
    "building": "being built",
    "arrived": "waiting",
    "rejected": "rejected",
    "failed": "failed",
    "withdrawn": "withdrawn",
}
"""What the states are called here."""

THUMBNAIL_PX = 96


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page, Airflow and the map hosts are, as the browser sees them."""

    root: str
    """Path of this page without a slash at its end: `/cogmill`."""
    settings: Settings

    @property
    def airflow(self) -> str:
        """Path of Airflow's UI, without a slash at its end."""
        return self.root.removesuffix(PREFIX)

    def collection(self, collection_id: str, **query: str) -> str:
        """Return the page of one collection."""
        path = f"{self.root}/dags/{quote(dag_id(collection_id), safe='')}"
        return path + (f"?{urlencode(query)}" if query else "")

    def runs(self, collection_id: str) -> str:
        """Return the runs of a collection's DAG in Airflow's own UI."""
        return f"{self.airflow}/dags/{quote(dag_id(collection_id), safe='')}"

    def wms(self, collection_id: str) -> str:
        """Return the address of a service, ready for parameters."""
        return service_url(self.settings.mapserver_url, collection_id)

    def capabilities(self, collection_id: str) -> str:
        """Return what a service says about itself."""
        return capabilities_url(self.wms(collection_id))

    def thumbnail(self, card: CollectionSummary, longer_px: int = THUMBNAIL_PX) -> str:
        """Return a small picture of one photograph; empty when nothing is public.

        One photograph and not the whole collection: what that costs a map host does not grow with the collection.
        """
        if not card.is_public or card.sample is None:
            return ""
        return preview_url(self.wms(card.id), card.service_name, Bounds3857.from_edges(card.sample), longer_px)


def content_policy(settings: Settings) -> str:
    """Return what a browser may load for this page: its own files, and pictures of the map hosts."""
    host = urlsplit(settings.mapserver_url)
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: {host.scheme}://{host.netloc}; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
    )


def bar(states: dict[str, int]) -> list[tuple[str, float, float]]:
    """Return state, begin and width in percent of each piece of a bar; withdrawn frames are left out.

    >>> bar({"published": 3, "rejected": 1})
    [('published', 0.0, 75.0), ('rejected', 75.0, 25.0)]
    """
    shown = [(state, states[state]) for state in STATES if states.get(state) and state != "withdrawn"]
    total, begin, pieces = sum(number for _, number in shown), 0.0, []
    for state, number in shown:
        pieces.append((state, begin, 100 * number / total))
        begin += 100 * number / total
    return pieces


def advice(frame: FrameSummary) -> str:
    """Return what the person who uploaded a refused frame should do; empty for frames that were not refused."""
    return ADVICE[Reason(frame.reason)] if frame.reason else ""


def box_text(box: Box | None) -> str:
    """Return a box as the map reads it from an attribute; empty for none."""
    return ",".join(f"{edge:.1f}" for edge in box) if box else ""


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": words.count, "megabytes": words.megabytes, "box": box_text}
    environment.globals |= {"bar": bar, "advice": advice, "STATES": STATES, "WORDS": WORDS}
    return environment


def render(name: str, **values: Any) -> str:
    """Fill a template; everything is escaped."""
    now = dt.datetime.now(dt.UTC)
    return _templates().get_template(name).render(ago=lambda moment: words.ago(moment, now), **values)
