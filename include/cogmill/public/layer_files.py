"""Files by which other programs take a collection: QGIS, OpenStreetMap's editors, and lists of footprints and COGs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree as ET

import numpy as np
import shapely

from cogmill.domain import public_keys
from cogmill.public.document import GEOJSON, TEXT, Document, readable_json, xml_text
from cogmill.public.facts import CollectionFacts, PublishedFrame, polygons
from cogmill.public.tile_grid import finest_zoom

QLR = "application/x-qgis-layer-definition"
"""Content type of a QGIS layer file."""

GRID = 32
"""Squares along the longer side of the grid by which the covered area is told."""


def collection_documents(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[Document]:
    """Yield the QGIS layer file, the entry of the Editor Layer Index, the footprints as GeoJSON, and the addresses of all COGs."""
    folder = public_keys.collection_folder(facts.collection.id)
    outlines = shapely.from_wkb([frame.outline_wkb for frame in frames])
    cogs = "".join(f"{facts.addresses.object(frame.cog_key)}\n" for frame in frames)
    entry = readable_json(layer_index_entry(facts, outlines))
    yield Document(f"{folder}{facts.collection.id}.qlr", layer_file(facts), QLR)
    yield Document(f"{folder}editor-layer-index.geojson", entry, GEOJSON)
    yield Document(f"{folder}photographs.geojson", _footprints(facts, frames), GEOJSON)
    yield Document(f"{folder}cogs.txt", cogs.encode(), TEXT)


def layer_file(facts: CollectionFacts) -> bytes:
    """Return a QGIS layer file with the WMS layer, and the tiles beside it switched off."""
    wms = "&".join(
        [
            "contextualWMSLegend=0", "crs=EPSG:3857", "dpiMode=7", "featureCount=10", "format=image/png",
            f"layers={quote(facts.collection.service_name)}", "styles", f"url={quote(facts.addresses.wms, safe='')}",
        ]
    )  # fmt: skip
    tiles = f"type=xyz&url={quote(facts.addresses.tiles, safe='/:{}')}&zmax={finest_zoom(facts.gsd_m)}&zmin=0"
    identity, title = facts.collection.id, xml_text(facts.title)
    shown = [
        _Layer(f"{identity}_wms", title, wms),
        _Layer(f"{identity}_tiles", f"{title} (tiles)", tiles, "Qt::Unchecked"),
    ]
    root = ET.Element("qlr")
    group = ET.SubElement(root, "layer-tree-group", name="", checked="Qt::Checked", expanded="1")
    for layer in shown:
        about = {"id": layer.id, "name": layer.title, "source": layer.source, "checked": layer.checked}
        ET.SubElement(group, "layer-tree-layer", about | {"providerKey": "wms", "expanded": "0"})
    layers = ET.SubElement(root, "maplayers")
    for layer in shown:
        layers.append(_map_layer(layer))
    return f"<!DOCTYPE qgis-layer-definition>\n{ET.tostring(root, encoding='unicode')}\n".encode()


class _Layer(NamedTuple):
    """A layer of QGIS."""

    id: str
    title: str
    source: str
    """What QGIS's provider of WMS and tiles reads."""
    checked: str = "Qt::Checked"


def _map_layer(layer: _Layer) -> ET.Element:
    element = ET.Element("maplayer", type="raster", hasScaleBasedVisibilityFlag="0")
    parts = {"id": layer.id, "datasource": layer.source, "layername": layer.title, "provider": "wms"}
    for tag, value in parts.items():
        ET.SubElement(element, tag).text = value
    reference = ET.SubElement(ET.SubElement(element, "srs"), "spatialrefsys")
    for tag, value in (("srid", "3857"), ("authid", "EPSG:3857")):
        ET.SubElement(reference, tag).text = value
    return element


def layer_index_entry(facts: CollectionFacts, outlines: Sequence[shapely.Geometry]) -> dict[str, Any]:
    """Return the entry of a collection for the Editor Layer Index of OpenStreetMap's editors.

    Only what is known stands in it: no license, attribution or permission that the site has not stated.

    Args:
        facts: The collection.
        outlines: Polygons of its photographs, longitude and latitude in degrees.
    """
    site = facts.site
    properties: dict[str, Any] = {
        "id": facts.collection.id,
        "name": facts.title,
        "type": "tms",
        "url": facts.addresses.tiles.replace("{z}", "{zoom}"),
        "category": "historicphoto",
        "description": facts.abstract,
        "country_code": site.country_code or "ZZ",
        "max_zoom": finest_zoom(facts.gsd_m),
        "license_url": site.license.url if site.license else None,
        "privacy_policy_url": site.privacy_url,
        "permission_osm": site.permission_osm,
        "attribution": {"text": site.credit, "required": True} if site.credit else None,
    }
    if properties["attribution"] and site.organization_url:
        properties["attribution"]["url"] = site.organization_url
    if facts.days:
        properties |= {"start_date": _date(facts.days[0], 1, 1), "end_date": _date(facts.days[1], 12, 31)}
    known = {name: value for name, value in properties.items() if value is not None}
    return {"type": "Feature", "properties": known, "geometry": shapely.geometry.mapping(covered_area(outlines))}


def _date(day: dt.date, month: int, number: int) -> str:
    """Return a day, or its year alone where the day is that of a whole year's beginning or end."""
    return str(day.year) if (day.month, day.day) == (month, number) else day.isoformat()


def covered_area(outlines: Sequence[shapely.Geometry]) -> shapely.Geometry:
    """Return the squares of a coarse grid that photographs touch, as one polygon or several; longitude and latitude in degrees.

    It holds every photograph, has few corners, and costs next to nothing where an exact union would take seconds.
    """
    bounds = shapely.bounds(outlines)
    west, south, east, north = shapely.total_bounds(outlines)
    side = max(east - west, north - south, 1e-4) / GRID
    first = np.floor((bounds[:, :2] - (west, south)) / side).astype(int)
    last = np.floor((bounds[:, 2:] - (west, south)) / side).astype(int)
    touched = np.zeros((GRID + 1, GRID + 1), bool)
    for (left, bottom), (right, top) in zip(first, last, strict=True):
        touched[bottom : top + 1, left : right + 1] = True
    rows, columns = np.nonzero(touched)
    corner = (west + columns * side, south + rows * side)
    squares = shapely.box(corner[0], corner[1], corner[0] + side, corner[1] + side)
    return shapely.set_precision(shapely.union_all(squares), 1e-6)


def _footprints(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> bytes:
    features = ",\n".join(
        f'{{"type":"Feature","id":{json.dumps(f"{frame.bands}/{frame.stem}", ensure_ascii=False)},'
        f'"properties":{json.dumps(_properties(facts, frame), ensure_ascii=False)},"geometry":{geometry}}}'
        for frame, geometry in zip(frames, shapely.to_geojson(polygons(frames)), strict=True)
    )
    return f'{{"type":"FeatureCollection","features":[\n{features}\n]}}\n'.encode()


def _properties(facts: CollectionFacts, frame: PublishedFrame) -> dict[str, Any]:
    first, last = frame.acquired or (None, None)
    return {
        "name": frame.stem,
        "bands": frame.bands,
        "date": frame.date,
        "first_day": first and first.isoformat(),
        "last_day": last and last.isoformat(),
        "roll": frame.roll,
        "frame_num": frame.frame_num,
        "page": facts.addresses.photograph(frame.bands, frame.stem),
        "cog": facts.addresses.object(frame.cog_key),
        "cog_bytes": frame.cog_size,
        "cog_sha256": frame.cog_sha256,
        "scan": facts.addresses.object(frame.scan_key) if frame.scan_key else None,
    }
