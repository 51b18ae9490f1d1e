"""A collection of the archive as a STAC collection."""

from __future__ import annotations

from collections.abc import Sequence

from cogmill.domain.keys import THUMBNAIL_SIZES, index_zip_key
from cogmill.domain.model import Product
from cogmill.public.facts import CollectionFacts, PublishedFrame
from cogmill.public.stac.item import CRS, span
from cogmill.public.stac.stac_links import (
    GEOJSON,
    HTML,
    JSON,
    PARQUET,
    PROJECTION,
    SCIENTIFIC,
    VERSION,
    WEB_MAP_LINKS,
    Json,
    items_key,
    license_links,
    link,
    root_link,
    table_key,
)

NO_LICENSE = "No license has been stated for these photographs: ask before you use them."

ROLLS = 100
"""Most rolls that the summaries list."""


def stac_collection(facts: CollectionFacts, frames: Sequence[PublishedFrame], *, has_items: bool) -> Json:
    """Return a collection without the links to its items.

    Args:
        facts: Of the collection.
        frames: Its photographs.
        has_items: Whether its items are also there as JSON.
    """
    site = facts.site
    described = facts.abstract if site.license else f"{facts.abstract}\n\n{NO_LICENSE}"
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [PROJECTION, SCIENTIFIC, WEB_MAP_LINKS],
        "id": facts.collection.id,
        "title": facts.title,
        "description": described,
        "keywords": list(dict.fromkeys([*site.keywords, *_own_keywords(facts)])),
        "license": site.license.id if site.license else "other",
        "providers": _providers(facts),
        "sci:citation": facts.citation,
        "extent": {
            "spatial": {"bbox": [list(facts.bounds)]},
            "temporal": {"interval": [span(frames)]},
        },
        "summaries": _summaries(facts, frames),
        "links": _links(facts),
        "assets": _assets(facts, has_items=has_items),
    }


def _own_keywords(facts: CollectionFacts) -> list[str]:
    collection = facts.collection
    return [text for text in (collection.county, collection.agency, facts.years_text, str(collection.product)) if text]


def _providers(facts: CollectionFacts) -> list[Json]:
    """Return who took the photographs, and who holds them when the site says so."""
    site = facts.site
    providers: list[Json] = [{"name": facts.collection.agency, "roles": ["producer"]}]
    if site.organization:
        roles = ["licensor", "host"] if site.license else ["host"]
        holder: Json = {"name": site.organization, "roles": roles}
        url = site.organization_url or (site.contact.url if site.contact else None)
        providers.append(holder | {"url": url} if url else holder)
    return providers


def _summaries(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Json:
    collection = facts.collection
    summaries: Json = {
        "proj:code": [CRS],
        "cogmill:frames": {"minimum": facts.frames, "maximum": facts.frames},
        "cogmill:agency": [collection.agency],
        "cogmill:product": [str(collection.product)],
        "cogmill:bands": [str(bands) for bands in facts.bands],
    }
    if collection.county:
        summaries["cogmill:county"] = [collection.county]
    rolls = sorted({frame.roll for frame in frames}) if collection.product == Product.FRAMES else []
    if 0 < len(rolls) <= ROLLS:
        summaries["cogmill:roll"] = rolls
    return summaries


def _links(facts: CollectionFacts) -> list[Json]:
    addresses, layer = facts.addresses, facts.collection.service_name
    wms = {"wms:layers": [layer], "wms:transparent": True}
    return [
        root_link(addresses),
        link("parent", addresses.stac_root, JSON),
        link("self", addresses.stac, JSON),
        *license_links(facts.site),
        link("via", addresses.collection_page, HTML, "Page about these photographs"),
        link("cite-as", addresses.collection_page, HTML),
        link("wms", addresses.wms.rstrip("&"), "image/png", "Map service (WMS)") | wms,
        link("xyz", addresses.tiles, "image/png", "Tiles (XYZ)"),
        link("tilejson", addresses.tilejson, JSON, "TileJSON"),
    ]


def _assets(facts: CollectionFacts, *, has_items: bool) -> Json:
    addresses, collection = facts.addresses, facts.collection
    assets: Json = {
        "items": {
            "href": addresses.object(table_key(collection.id)),
            "title": "All items as GeoParquet",
            "description": "One file, ordered as the photographs are drawn.",
            "type": PARQUET,
            "roles": ["collection-mirror"],
        },
        "thumbnail": {
            "href": addresses.thumbnail(max(THUMBNAIL_SIZES)),
            "title": "All photographs in one picture",
            "type": "image/webp",
            "roles": ["thumbnail"],
        },
    }
    if has_items:
        assets["item-collection"] = {
            "href": addresses.object(items_key(collection.id)),
            "title": "All items as GeoJSON",
            "type": GEOJSON,
            "roles": ["collection-mirror"],
        }
    for bands in facts.bands:
        assets[f"index_{bands}"] = {
            "href": addresses.object(index_zip_key(collection, bands)),
            "title": f"Outlines as a shapefile ({bands})",
            "type": "application/zip",
            "roles": ["metadata"],
        }
    return assets
