"""The list of services: `catalog/services.json` for programs, `catalog/index.html` for people."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

TEMPLATES = Path(__file__).parents[1] / "templates"

PREVIEW_PX = 256
"""Longer side of a preview."""

EARTH_RADIUS_M = 6378137.0
"""Of the sphere of EPSG:3857."""

Extent = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One public service, as services.json tells it. Field names are a contract with its readers."""

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


def preview_url(wms: str, layer: str, extent: Extent) -> str:
    """Return a GetMap request for a whole collection as one small transparent PNG."""
    west, south, east, north = extent
    scale = PREVIEW_PX / max(east - west, north - south, 1e-9)
    window = {
        "SERVICE": "WMS",
        "VERSION": "1.3.0",
        "REQUEST": "GetMap",
        "LAYERS": layer,
        "STYLES": "",
        "CRS": "EPSG:3857",
        "BBOX": ",".join(f"{edge:.2f}" for edge in extent),
        "WIDTH": max(1, round((east - west) * scale)),
        "HEIGHT": max(1, round((north - south) * scale)),
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }
    return wms + urlencode(window, safe=",:/")


def capabilities_url(wms: str) -> str:
    """Return the address of a service's description of itself."""
    return wms + urlencode({"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetCapabilities"})


def degrees(extent: Extent) -> Extent:
    """Return an extent of EPSG:3857 metres in longitude and latitude.

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
