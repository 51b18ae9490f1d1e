"""WMTS by static documents: capabilities of each collection, and of the whole archive with a layer for each year and each collection.

Only the REST way of WMTS 1.0.0 is offered: addresses of tiles by a pattern. A layer's grid ends at the zoom where its photographs do.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence

from cogmill.config.site import Site
from cogmill.domain import public_keys
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.overviews.grid import HALF_WORLD_M, TILE_PX, resolution
from cogmill.public import tiled_layers
from cogmill.public.document import XML, Document, xml_text
from cogmill.public.facts import CollectionFacts, PublishedFrame
from cogmill.public.services_list import CatalogEntry
from cogmill.public.tiled_layers import TiledLayer

NAMESPACES = {
    "": "http://www.opengis.net/wmts/1.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
}

PIXEL_M = 0.00028
"""Side of a pixel that OGC counts scales with."""

FORMATS = {"image/png": "png", "image/jpeg": "jpg"}
"""Formats of tiles, the transparent one first, with the attribute that holds their address."""

PLACES = {"{z}": "{TileMatrix}", "{x}": "{TileCol}", "{y}": "{TileRow}"}
"""How WMTS calls what stands in an address."""


def collection_documents(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[Document]:
    """Yield the capabilities of a collection."""
    del frames
    layers = [tiled_layers.of_collection(facts)]
    key = public_keys.wmts_key(facts.collection.id)
    yield Document(key, _capabilities(facts.site, facts.title, facts.abstract, facts.addresses.wmts, layers), XML)


def archive_documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> Iterator[Document]:
    """Yield the capabilities of the archive."""
    layers = [*tiled_layers.of_years(site, addresses, entries), *(tiled_layers.of_entry(e) for e in entries if e.tiles)]
    body = _capabilities(site, site.title, site.abstract or "", addresses.archive_wmts, layers)
    yield Document(public_keys.ARCHIVE_WMTS, body, XML)


def _capabilities(site: Site, title: str, abstract: str, address: str, layers: Sequence[TiledLayer]) -> bytes:
    root = ET.Element("Capabilities", {"version": "1.0.0", **_namespaces()})
    _identify(root, site, title, abstract)
    contents = ET.SubElement(root, "Contents")
    for layer in layers:
        _add_layer(contents, layer)
    for zoom in sorted({layer.max_zoom for layer in layers}):
        _add_grid(contents, zoom)
    ET.SubElement(root, "ServiceMetadataURL", {"xlink:href": address})
    ET.indent(root, " ")
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _namespaces() -> dict[str, str]:
    return {f"xmlns:{prefix}" if prefix else "xmlns": name for prefix, name in NAMESPACES.items()}


def _say(parent: ET.Element, tag: str, text: str) -> None:
    if text:
        ET.SubElement(parent, tag).text = xml_text(text)


def _identify(root: ET.Element, site: Site, title: str, abstract: str) -> None:
    about = ET.SubElement(root, "ows:ServiceIdentification")
    _say(about, "ows:Title", title)
    _say(about, "ows:Abstract", abstract)
    if site.keywords:
        keywords = ET.SubElement(about, "ows:Keywords")
        for word in site.keywords:
            _say(keywords, "ows:Keyword", word)
    _say(about, "ows:ServiceType", "OGC WMTS")
    _say(about, "ows:ServiceTypeVersion", "1.0.0")
    _say(about, "ows:Fees", "none")
    _say(about, "ows:AccessConstraints", f"{site.license.label}: {site.license.url}" if site.license else "")
    provider = ET.SubElement(root, "ows:ServiceProvider")
    _say(provider, "ows:ProviderName", site.organization or site.title)
    if site.organization_url:
        ET.SubElement(provider, "ows:ProviderSite", {"xlink:href": str(site.organization_url)})
    contact = ET.SubElement(provider, "ows:ServiceContact")
    if site.contact:
        _say(contact, "ows:IndividualName", site.contact.name or "")
        if site.contact.email:
            mail = ET.SubElement(ET.SubElement(contact, "ows:ContactInfo"), "ows:Address")
            _say(mail, "ows:ElectronicMailAddress", site.contact.email)


def _add_layer(contents: ET.Element, layer: TiledLayer) -> None:
    found = ET.SubElement(contents, "Layer")
    _say(found, "ows:Title", layer.title)
    _say(found, "ows:Abstract", " ".join(filter(None, (layer.abstract, layer.credit))))
    box = ET.SubElement(found, "ows:WGS84BoundingBox")
    west, south, east, north = layer.bounds
    _say(box, "ows:LowerCorner", f"{west:.7f} {south:.7f}")
    _say(box, "ows:UpperCorner", f"{east:.7f} {north:.7f}")
    _say(found, "ows:Identifier", layer.id)
    style = ET.SubElement(found, "Style", {"isDefault": "true"})
    _say(style, "ows:Identifier", "default")
    for mime in FORMATS:
        _say(found, "Format", mime)
    link = ET.SubElement(found, "TileMatrixSetLink")
    _say(link, "TileMatrixSet", _grid_name(layer.max_zoom))
    if layer.min_zoom:
        _add_limits(link, layer)
    for mime, extension in FORMATS.items():
        template = getattr(layer, extension)
        for place, name in PLACES.items():
            template = template.replace(place, name)
        ET.SubElement(found, "ResourceURL", {"format": mime, "resourceType": "tile", "template": template})


def _add_limits(link: ET.Element, layer: TiledLayer) -> None:
    """Say at which zooms there are tiles, where not all of the grid's have some."""
    limits = ET.SubElement(link, "TileMatrixSetLimits")
    for zoom in range(layer.min_zoom, layer.max_zoom + 1):
        one = ET.SubElement(limits, "TileMatrixLimits")
        last = str(2**zoom - 1)
        _say(one, "TileMatrix", str(zoom))
        for tag, number in (("MinTileRow", "0"), ("MaxTileRow", last), ("MinTileCol", "0"), ("MaxTileCol", last)):
            _say(one, tag, number)


def _grid_name(zoom: int) -> str:
    return f"GoogleMapsCompatible_0-{zoom}"


def _add_grid(contents: ET.Element, last_zoom: int) -> None:
    grid = ET.SubElement(contents, "TileMatrixSet")
    _say(grid, "ows:Identifier", _grid_name(last_zoom))
    _say(grid, "ows:SupportedCRS", "urn:ogc:def:crs:EPSG::3857")
    _say(grid, "WellKnownScaleSet", "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible")
    for zoom in range(last_zoom + 1):
        matrix = ET.SubElement(grid, "TileMatrix")
        _say(matrix, "ows:Identifier", str(zoom))
        _say(matrix, "ScaleDenominator", repr(resolution(zoom) / PIXEL_M))
        _say(matrix, "TopLeftCorner", f"{-HALF_WORLD_M!r} {HALF_WORLD_M!r}")
        for tag, number in (
            ("TileWidth", TILE_PX),
            ("TileHeight", TILE_PX),
            ("MatrixWidth", 2**zoom),
            ("MatrixHeight", 2**zoom),
        ):
            _say(matrix, tag, str(number))
