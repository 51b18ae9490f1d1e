"""The list of services: `catalog/services.json` for programs, `catalog/index.html` for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from cogmill.config.places import TEMPLATES
from cogmill.domain.geo import Bounds3857, Bounds4326


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One public service as in services.json. Field names are a contract with its readers."""

    id: str
    name: str
    """Name of the raster layer, case kept."""
    title: str
    county: str
    agency: str
    year: str
    """As in the key: four digits or a mission code."""
    product: str
    frames: int
    years: tuple[int, int] | None
    extent_3857: Bounds3857
    extent_4326: Bounds4326
    wms: str
    """Address of the service up to and including `map=...&`."""
    capabilities: str
    preview: str
    downloads: dict[str, str]
    """Address of the zipped shapefile by bands folder."""


def services_json(entries: Sequence[CatalogEntry]) -> str:
    """Return the list for programs; equal entries give equal text."""
    services = [
        asdict(entry) | {"extent_3857": [*entry.extent_3857], "extent_4326": [*entry.extent_4326]} for entry in entries
    ]
    return json.dumps({"services": services}, ensure_ascii=False, indent=1) + "\n"


def services_page(entries: Sequence[CatalogEntry]) -> str:
    """Return the list for people: one page without scripts, everything escaped."""
    return _template().render(entries=entries, frames=sum(entry.frames for entry in entries))


@cache
def _template() -> Template:
    """Return the template of the catalog page, read once per process."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    return environment.get_template("catalog.html.j2")
