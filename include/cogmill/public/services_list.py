"""The list of services: `catalog/services.json` for programs, `catalog/index.html` for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from xml.etree import ElementTree as ET

from cogmill.config.site import Site
from cogmill.domain import keys, public_keys
from cogmill.domain.geo import Bounds3857, Bounds4326
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.document import HTML, JSON, XML, Document, readable_json
from cogmill.public.facts import CollectionFacts
from cogmill.public.pages import has_viewer, template
from cogmill.public.tile_grid import FINEST_ZOOM, finest_zoom


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One public service as in services.json. Field names are a contract with its readers.

    The ledger keeps the entry of each collection, so that the list is written without reading a million photographs.
    """

    id: str
    name: str
    """Name of the raster layer, case kept."""
    label: str = ""
    """The id in words, as the list of the old system has it."""
    title: str
    county: str
    agency: str
    org: str = ""
    """The agency, under its name in the old list."""
    year: str
    """As in the key: four digits or a mission code."""
    mission: str = ""
    """The mission code of a multi-county set; empty for others."""
    product: str
    type: str = ""
    """The product, under its name in the old list."""
    frames: int
    years: tuple[int, int] | None
    every_year: tuple[int, ...] = ()
    """Years of which there are photographs, in their order."""
    max_zoom: int = FINEST_ZOOM
    """Last zoom of its tiles."""
    updated: str = ""
    """When the newest of its uploads was stored, ISO 8601 in UTC."""
    extent_3857: Bounds3857
    extent_4326: Bounds4326
    license: str | None = None
    """Id of SPDX, or `other`; None when nobody has stated one."""
    attribution: str | None = None
    wms: str
    """Address of the service up to and including `map=...&`."""
    capabilities: str
    preview: str
    page: str = ""
    """Page about the collection."""
    tiles: str = ""
    """PNG tiles, with `{z}`, `{x}` and `{y}` in the places of their numbers."""
    tilejson: str = ""
    wmts: str = ""
    stac: str = ""
    downloads: dict[str, str] = field(default_factory=dict)
    """Address of the zipped shapefile by bands folder."""

    def stored(self) -> dict[str, Any]:
        """Return the entry as values of JSON."""
        extents = {"extent_3857": [*self.extent_3857], "extent_4326": [*self.extent_4326]}
        return asdict(self) | {"years": list(self.years) if self.years else None} | extents

    @classmethod
    def from_stored(cls, values: Mapping[str, Any]) -> Self:
        """Return an entry that `stored` made, also one of an earlier version, whose unknown fields are left out."""
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        known["years"] = tuple(known["years"]) if known["years"] else None
        known["every_year"] = tuple(known.get("every_year", ()))
        known["extent_3857"] = Bounds3857.from_edges(known["extent_3857"])
        known["extent_4326"] = Bounds4326.from_edges(known["extent_4326"])
        return cls(**known)


def catalog_entry(facts: CollectionFacts) -> CatalogEntry:
    """Return the entry of a collection."""
    collection, addresses = facts.collection, facts.addresses
    return CatalogEntry(
        id=collection.id,
        name=collection.service_name,
        label=collection.id.replace("_", " ").title(),
        title=facts.title,
        county=collection.county,
        agency=collection.agency,
        org=collection.agency,
        year=collection.year,
        mission="" if collection.year.isdigit() else collection.year,
        product=str(collection.product),
        type=str(collection.product),
        frames=facts.frames,
        years=facts.years,
        every_year=facts.every_year,
        max_zoom=finest_zoom(facts.gsd_m),
        updated=facts.updated.isoformat(),
        extent_3857=facts.bounds_3857,
        extent_4326=facts.bounds,
        license=facts.site.license.id if facts.site.license else None,
        attribution=facts.site.credit,
        wms=addresses.wms,
        capabilities=addresses.capabilities,
        preview=addresses.thumbnail(min(keys.THUMBNAIL_SIZES)),
        page=addresses.collection_page,
        tiles=addresses.tiles,
        tilejson=addresses.tilejson,
        wmts=addresses.wmts,
        stac=addresses.stac,
        downloads={str(bands): addresses.object(keys.index_zip_key(collection, bands)) for bands in facts.bands},
    )


def archive_documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> Iterator[Document]:
    """Yield the list for programs, the list for people, and the one for search engines."""
    yield Document(public_keys.SERVICES, services_json(entries), JSON)
    yield Document(
        public_keys.CATALOG_PAGE, services_page(entries, site, addresses.viewer if has_viewer() else "").encode(), HTML
    )
    yield Document(public_keys.SITEMAP, sitemap(entries, addresses), XML)


def services_json(entries: Sequence[CatalogEntry]) -> bytes:
    """Return the list for programs; equal entries give equal bytes."""
    return readable_json({"services": [entry.stored() for entry in entries]})


def services_page(entries: Sequence[CatalogEntry], site: Site, viewer: str = "") -> str:
    """Return the list for people: one page without scripts, everything escaped; `viewer` is its address where there is one."""
    frames = sum(entry.frames for entry in entries)
    return template("catalog.html.j2", site.language).render(entries=entries, frames=frames, site=site, viewer=viewer)


def sitemap(entries: Sequence[CatalogEntry], addresses: ArchiveAddresses) -> bytes:
    """Return the list of pages for search engines, in the format of sitemaps.org: the archive's, and each collection's."""
    root = ET.Element("urlset", xmlns="http://www.sitemaps.org/schemas/sitemap/0.9")
    for address, updated in [(addresses.page, ""), *((entry.page, entry.updated) for entry in entries if entry.page)]:
        page = ET.SubElement(root, "url")
        ET.SubElement(page, "loc").text = address
        if updated:
            ET.SubElement(page, "lastmod").text = updated
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
