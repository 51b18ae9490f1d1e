"""What all STAC documents have in common: version, extensions, keys, and links to each other and to pages."""

from __future__ import annotations

from typing import Any

from cogmill.config.site import Site
from cogmill.domain.model import Bands
from cogmill.domain.public_keys import STAC
from cogmill.mapserver.urls import ArchiveAddresses, CollectionAddresses
from cogmill.public.document import compact_json

VERSION = "1.1.0"
"""Of the STAC specification."""

EXTENSIONS = "https://stac-extensions.github.io"

FILE = f"{EXTENSIONS}/file/v2.1.0/schema.json"
PROJECTION = f"{EXTENSIONS}/projection/v2.0.0/schema.json"
PROJECTION_1 = f"{EXTENSIONS}/projection/v1.2.0/schema.json"
RASTER = f"{EXTENSIONS}/raster/v2.0.0/schema.json"
SCIENTIFIC = f"{EXTENSIONS}/scientific/v1.0.0/schema.json"
WEB_MAP_LINKS = f"{EXTENSIONS}/web-map-links/v1.2.0/schema.json"

JSON, GEOJSON, HTML = "application/json", "application/geo+json", "text/html"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PARQUET = "application/vnd.apache.parquet"

ROOT_ID = "cogmill"
"""Id of the catalog; the ids of collections are unique below it."""

Json = dict[str, Any]


def stac_json(values: Json) -> bytes:
    """Return the bytes of a STAC document."""
    return compact_json(values) + b"\n"


def table_key(collection_id: str) -> str:
    """Return the key of a collection's items as one GeoParquet file."""
    return f"{STAC}{collection_id}/items.parquet"


def items_key(collection_id: str) -> str:
    """Return the key of a collection's items as one GeoJSON file."""
    return f"{STAC}{collection_id}/items.geojson"


def item_key(collection_id: str, bands: Bands, stem: str) -> str:
    """Return the key of one item.

    >>> item_key("travis_usda_1951_frames", Bands.BW, "03-22-51_4-173")
    'stac/travis_usda_1951_frames/items/bw/03-22-51_4-173.json'
    """
    return f"{STAC}{collection_id}/items/{bands}/{stem}.json"


def link(rel: str, href: str, media_type: str, title: str | None = None) -> Json:
    """Return a link object."""
    made = {"rel": rel, "href": href, "type": media_type}
    return made | {"title": title} if title else made


def root_link(addresses: ArchiveAddresses) -> Json:
    """Return the link to the root of the catalog."""
    return link("root", addresses.stac_root, JSON)


def license_links(site: Site) -> list[Json]:
    """Return the link to the terms; none when nobody has stated a license."""
    return [link("license", site.license.url, HTML, site.license.label)] if site.license else []


def item_links(addresses: CollectionAddresses, site: Site) -> list[Json]:
    """Return the links that all items of a collection have."""
    return [
        root_link(addresses),
        link("parent", addresses.stac, JSON),
        link("collection", addresses.stac, JSON),
        *license_links(site),
    ]
