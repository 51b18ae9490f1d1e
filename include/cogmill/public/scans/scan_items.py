"""Lone scans in the STAC catalog: a collection for each collection that has some, items without a geometry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cogmill.config.site import Site
from cogmill.domain.public_keys import STAC_SCANS, scans_page, stac_scans_key
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.document import Document
from cogmill.public.scans.lone_scan import LoneScan, ScanEntry, ScanFacts
from cogmill.public.stac.item import dated, item_id, span, times
from cogmill.public.stac.stac_documents import JSON_ITEMS
from cogmill.public.stac.stac_links import (
    FILE,
    GEOJSON,
    HTML,
    JSON,
    VERSION,
    Json,
    license_links,
    link,
    root_link,
    stac_json,
)

SCANS_ID = "scans"

EVERYWHERE = [-180.0, -90.0, 180.0, 90.0]
"""Extent of photographs of which nobody knows where they were taken; STAC asks for one."""


def scans_collection_key(collection_id: str) -> str:
    """Return the key of the STAC collection of lone scans."""
    return stac_scans_key(collection_id, "collection.json")


def collection_documents(facts: ScanFacts, scans: Sequence[LoneScan]) -> Iterator[Document]:
    """Yield the STAC collection, all items in one file, and each by itself where they are few."""
    collection_id = facts.collection.id
    items = [(_item_key(collection_id, scan), _item(facts, scan)) for scan in scans]
    links = []
    if len(items) <= JSON_ITEMS:
        for key, item in items:
            own = link("self", facts.addresses.object(key), GEOJSON)
            yield Document(key, stac_json({**item, "links": [own, *item["links"]]}), GEOJSON)
            links.append(link("item", facts.addresses.object(key), GEOJSON, item["properties"]["title"]))
    whole = {"type": "FeatureCollection", "stac_version": VERSION, "features": [item for _, item in items]}
    yield Document(stac_scans_key(collection_id, "items.geojson"), stac_json(whole), GEOJSON)
    yield Document(scans_collection_key(collection_id), stac_json(_collection(facts, scans, links)), JSON)


def archive_documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[ScanEntry]) -> Iterator[Document]:
    """Yield the part of the catalog that lists the collections with lone scans."""
    catalog = {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": SCANS_ID,
        "title": f"{site.title}: scans without a position",
        "description": "Raw scans that nobody has georeferenced yet: where they were taken is not known.",
        "links": [
            root_link(addresses),
            link("parent", addresses.stac_root, JSON),
            link("self", addresses.object(STAC_SCANS), JSON),
            *(link("child", entry.stac, JSON, entry.title) for entry in entries),
        ],
    }
    yield Document(STAC_SCANS, stac_json(catalog), JSON)


def _item_key(collection_id: str, scan: LoneScan) -> str:
    return stac_scans_key(collection_id, f"items/{scan.bands}/{scan.stem}.json")


def _id(facts: ScanFacts) -> str:
    return f"{facts.collection.id}_scans"


def _item(facts: ScanFacts, scan: LoneScan) -> Json:
    known = {
        "title": scan.stem,
        **times(scan),
        "cogmill:dated": dated(scan),
        "cogmill:place": "unknown" if facts.place is None else "county",
        "cogmill:date": scan.date,
        "cogmill:roll": scan.roll,
        "cogmill:frame": scan.frame_num,
        "cogmill:agency": facts.collection.agency,
        "cogmill:county": facts.collection.county or None,
        "cogmill:product": str(facts.collection.product),
        "cogmill:bands": str(scan.bands),
    }
    parent = facts.addresses.object(scans_collection_key(facts.collection.id))
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [FILE],
        "id": item_id(scan),
        "geometry": None,
        "properties": {name: value for name, value in known.items() if value is not None or name == "datetime"},
        "links": [
            root_link(facts.addresses),
            link("parent", parent, JSON),
            link("collection", parent, JSON),
            *license_links(facts.site),
        ],
        "assets": _assets(facts, scan),
        "collection": _id(facts),
    }


def _assets(facts: ScanFacts, scan: LoneScan) -> Json:
    assets: Json = {
        "scan": {
            "href": facts.addresses.object(scan.key),
            "title": "Raw scan, without a position",
            "type": "image/tiff",
            "roles": ["data"],
            "file:size": scan.size,
        }
    }
    if scan.picture:
        assets["thumbnail"] = {
            "href": facts.addresses.object(scan.picture),
            "title": "Small picture",
            "type": "image/webp",
            "roles": ["thumbnail"],
        }
    return assets


def _collection(facts: ScanFacts, scans: Sequence[LoneScan], items: list[Json]) -> Json:
    site, addresses, collection = facts.site, facts.addresses, facts.collection
    providers: list[Json] = [{"name": collection.agency, "roles": ["producer"]}]
    if site.organization:
        providers.append({"name": site.organization, "roles": ["host"]})
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": _id(facts),
        "title": f"{facts.title}: scans without a position",
        "description": f"Raw scans that nobody has georeferenced yet. {facts.place_text}",
        "license": site.license.id if site.license else "other",
        "providers": providers,
        "extent": {
            "spatial": {"bbox": [list(facts.place) if facts.place else EVERYWHERE]},
            "temporal": {"interval": [span(scans)]},
        },
        "summaries": {"cogmill:place": ["county" if facts.place else "unknown"]},
        "links": [
            root_link(addresses),
            link("parent", addresses.object(STAC_SCANS), JSON),
            link("self", addresses.object(scans_collection_key(collection.id)), JSON),
            *license_links(site),
            link("via", addresses.object(scans_page(collection.id)), HTML, "Page with these scans"),
            *items,
        ],
        "assets": {
            "items": {
                "href": addresses.object(stac_scans_key(collection.id, "items.geojson")),
                "title": "All items as GeoJSON",
                "type": GEOJSON,
                "roles": ["collection-mirror"],
            }
        },
    }
