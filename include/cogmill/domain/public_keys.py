"""Keys of the static files that the public gets; all of them lie below prefixes that `public_access` opens.

A collection id holds nothing but lower-case letters, digits and underscores, so it needs no escape in a key.
"""

from __future__ import annotations

from cogmill.domain.model import Bands

CATALOG = "catalog/"
"""Prefix of pages, lists of services, and the documents by which programs find tiles and maps."""

STAC = "stac/"
"""Prefix of the STAC catalog."""

VIEWER = "viewer/"
"""Prefix of the viewer."""

SERVICES, CATALOG_PAGE = "catalog/services.json", "catalog/index.html"
"""Keys of the list of services, for programs and for people."""

SITEMAP = "catalog/sitemap.xml"
"""Key of the list of pages for search engines."""

ARCHIVE_WMTS = "catalog/wmts.xml"
"""Key of the WMTS capabilities of the whole archive."""

STAC_ROOT = "stac/catalog.json"
"""Key of the root of the STAC catalog."""

VIEWER_PAGE = "viewer/index.html"
"""Key of the viewer."""

VIEWER_CONFIG, VIEWER_COLLECTIONS = "viewer/config.json", "viewer/collections.json"
"""Keys of what the viewer reads first: facts of the site, and the short list of collections."""

VIEWER_PLACES = "viewer/places.geojson"
"""Key of the places that the viewer names, where the site has some."""


SCANS = "catalog/scans.json"
"""Key of the list of collections that have scans without a georeferenced frame."""

STAC_SCANS = "stac/scans/catalog.json"
"""Key of the part of the STAC catalog with scans without a georeferenced frame."""


def collection_folder(collection_id: str) -> str:
    """Return the prefix of everything about one collection, with a slash at its end."""
    return f"{CATALOG}{collection_id}/"


def collection_page(collection_id: str) -> str:
    """Return the key of the page about a collection."""
    return f"{CATALOG}{collection_id}/index.html"


def photograph_list(collection_id: str) -> str:
    """Return the key of the list of a collection's photographs."""
    return f"{CATALOG}{collection_id}/photographs/index.html"


def frames_key(collection_id: str) -> str:
    """Return the key of the list of a collection's photographs with their outlines, which is read by range."""
    return f"{CATALOG}{collection_id}/frames.fgb"


def frame_search_key(collection_id: str) -> str:
    """Return the key of the list by which a collection's photographs are searched for."""
    return f"{CATALOG}{collection_id}/frames.json"


def tilejson_key(collection_id: str) -> str:
    """Return the key of a collection's TileJSON."""
    return f"{CATALOG}{collection_id}/tiles.json"


def archive_tilejson_key(year: str) -> str:
    """Return the key of the TileJSON of a year."""
    return f"{CATALOG}archive/{year}/tiles.json"


def wmts_key(collection_id: str) -> str:
    """Return the key of a collection's WMTS capabilities."""
    return f"{CATALOG}{collection_id}/wmts.xml"


def stac_collection_key(collection_id: str) -> str:
    """Return the key of a STAC collection."""
    return f"{STAC}{collection_id}/collection.json"


def scans_page(collection_id: str) -> str:
    """Return the key of the page with the scans of a collection that no georeferenced frame goes with."""
    return f"{CATALOG}{collection_id}/scans.html"


def scans_list(collection_id: str) -> str:
    """Return the key of the same list for programs."""
    return f"{CATALOG}{collection_id}/scans.json"


def scan_picture(collection_id: str, bands: Bands, stem: str) -> str:
    """Return the key of the small picture of such a scan.

    >>> scan_picture("travis_usda_1951_frames", Bands.BW, "03-22-51_4-173")
    'catalog/travis_usda_1951_frames/scans/bw/03-22-51_4-173.webp'
    """
    return f"{CATALOG}{collection_id}/scans/{bands}/{stem}.webp"


def stac_scans_key(collection_id: str, file: str) -> str:
    """Return the key of a file about them in the STAC catalog."""
    return f"{STAC}scans/{collection_id}/{file}"


def photograph_page(collection_id: str, bands: Bands, stem: str) -> str:
    """Return the key of the page about one photograph: its stable address, which stays when its COG is built again.

    >>> photograph_page("travis_usda_1951_frames", Bands.BW, "03-22-51_4-173")
    'catalog/travis_usda_1951_frames/photographs/bw/03-22-51_4-173.html'
    """
    return f"{CATALOG}{collection_id}/photographs/{bands}/{stem}.html"
