"""The list of services: `catalog/services.json` for programs, `catalog/index.html` for people."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from cogmill.config.places import TEMPLATES
from cogmill.mapserver.urls import Extent

EARTH_RADIUS_M = 6378137.0
"""Radius of the sphere of EPSG:3857."""


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
    extent_3857: Extent
    """Metres."""
    extent_4326: Extent
    """Longitude and latitude in degrees."""
    wms: str
    """Address of the service up to and including `map=...&`."""
    capabilities: str
    preview: str
    downloads: dict[str, str]
    """Address of the zipped shapefile by bands folder."""


def degrees(extent: Extent) -> Extent:
    """Return an extent of EPSG:3857 metres in longitude and latitude, by the inverse formulas of the spherical Mercator.

    >>> degrees((-11131949.0793, 0.0, 0.0, 3503549.8435))
    (-100.0, 0.0, 0.0, 30.0)
    """

    def lon(x: float) -> float:
        return round(math.degrees(x / EARTH_RADIUS_M), 6)

    def lat(y: float) -> float:
        return round(math.degrees(math.atan(math.sinh(y / EARTH_RADIUS_M))), 6)

    west, south, east, north = extent
    return lon(west), lat(south), lon(east), lat(north)


def services_json(entries: Sequence[CatalogEntry]) -> str:
    """Return the list for programs; equal entries give equal text."""
    services = [asdict(entry) for entry in entries]
    return json.dumps({"services": services}, ensure_ascii=False, indent=1) + "\n"


def services_page(entries: Sequence[CatalogEntry]) -> str:
    """Return the list for people: one page without scripts, everything escaped."""
    return _template().render(entries=entries, frames=sum(entry.frames for entry in entries))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    return environment.get_template("catalog.html.j2")
