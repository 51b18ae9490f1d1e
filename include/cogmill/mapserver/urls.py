"""Addresses of what is published: keys of the bucket, services, their capabilities and their previews."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlencode, urlsplit

from cogmill.domain import public_keys
from cogmill.domain.keys import THUMBNAIL_SIZES, thumbnail_key
from cogmill.domain.model import Bands

_PLAIN = re.compile(r"[A-Za-z0-9/_.~-]*")
"""Keys without a character that is to be encoded: nearly all, in files with ten thousands of them."""


def download_url(base_url: str, key: str) -> str:
    """Return the address of a key, percent-encoded so that spaces, `+`, `%` and umlauts survive.

    Args:
        base_url: Address under which the bucket's keys can be downloaded, with or without a slash at its end.
        key: Key of an object.

    >>> download_url("https://s3.amazonaws.com/cogmill/", "bw/El Paso/USDA_1951/frames/cog/a+b%.tif")
    'https://s3.amazonaws.com/cogmill/bw/El%20Paso/USDA_1951/frames/cog/a%2Bb%25.tif'
    """
    encoded = key if _PLAIN.fullmatch(key) else quote(key, safe="/")
    return f"{base_url.rstrip('/')}/{encoded}"


def is_loopback(url: str) -> bool:
    """Tell whether an address leads only to the machine that asks: to others, and in containers, it means something else."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")


def service_url(base_url: str, collection_id: str) -> str:
    """Return the address of a service up to and including `map=...&`, ready for parameters.

    Args:
        base_url: Address of the MapServer hosts, with or without the `/wms/` that all services share.
        collection_id: Stem of the mapfile.

    >>> service_url("https://maps.example.org/", "travis_usda_1951_frames")
    'https://maps.example.org/wms/?map=/mapfiles/travis_usda_1951_frames.map&'
    """
    host = base_url.rstrip("/").removesuffix("/wms")
    return f"{host}/wms/?map=/mapfiles/{quote(collection_id)}.map&"


def capabilities_url(service: str) -> str:
    """Return the address of a service's capabilities.

    Args:
        service: As `service_url` returns it.

    >>> capabilities_url("https://m.org/wms/?map=/mapfiles/x.map&")
    'https://m.org/wms/?map=/mapfiles/x.map&SERVICE=WMS&VERSION=1.3.0&REQUEST=GetCapabilities'
    """
    return service + urlencode({"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetCapabilities"})


def tiles_url(base_url: str, collection_id: str) -> str:
    """Return the address of the PNG tiles of a service, with `{z}`, `{x}` and `{y}` in the places of their numbers.

    Args:
        base_url: Address of the MapServer hosts, with or without the `/wms/` that all services share.
        collection_id: Stem of the mapfile.

    >>> tiles_url("https://maps.example.org", "travis_usda_1951_frames")
    'https://maps.example.org/tiles/travis_usda_1951_frames/{z}/{x}/{y}.png'
    """
    host = base_url.rstrip("/").removesuffix("/wms")
    return f"{host}/tiles/{quote(collection_id)}/{{z}}/{{x}}/{{y}}.png"


@dataclass(frozen=True, slots=True)
class ArchiveAddresses:
    """Public addresses of an archive."""

    public_url: str
    """Base URL of the bucket's public keys, without a slash at its end."""
    mapserver_url: str
    """Base URL of the map hosts."""

    def object(self, key: str) -> str:
        """Return the address of a public key."""
        return download_url(self.public_url, key)

    def of(self, collection_id: str) -> CollectionAddresses:
        """Return the addresses of one of its collections."""
        return CollectionAddresses(self.public_url, self.mapserver_url, collection_id)

    @property
    def page(self) -> str:
        """Page about the archive."""
        return self.object(public_keys.CATALOG_PAGE)

    @property
    def services(self) -> str:
        """List of services for programs."""
        return self.object(public_keys.SERVICES)

    @property
    def archive_wmts(self) -> str:
        """WMTS capabilities of all collections."""
        return self.object(public_keys.ARCHIVE_WMTS)

    def tiles_of_year(self, year: int) -> str:
        """Return the address of the tiles of all photographs of a year, as `tiles_url` does."""
        return tiles_url(self.mapserver_url, f"archive/{year}")

    @property
    def stac_root(self) -> str:
        """Root of the STAC catalog."""
        return self.object(public_keys.STAC_ROOT)

    @property
    def viewer(self) -> str:
        """The viewer."""
        return self.object(public_keys.VIEWER_PAGE)


@dataclass(frozen=True, slots=True)
class CollectionAddresses(ArchiveAddresses):
    """Public addresses of one collection."""

    collection_id: str

    @property
    def wms(self) -> str:
        """The service up to and including `map=...&`."""
        return service_url(self.mapserver_url, self.collection_id)

    @property
    def capabilities(self) -> str:
        """WMS capabilities."""
        return capabilities_url(self.wms)

    @property
    def tiles(self) -> str:
        """PNG tiles, with `{z}`, `{x}` and `{y}` in the places of their numbers."""
        return tiles_url(self.mapserver_url, self.collection_id)

    @property
    def tilejson(self) -> str:
        """TileJSON."""
        return self.object(public_keys.tilejson_key(self.collection_id))

    @property
    def wmts(self) -> str:
        """WMTS capabilities."""
        return self.object(public_keys.wmts_key(self.collection_id))

    @property
    def stac(self) -> str:
        """The STAC collection."""
        return self.object(public_keys.stac_collection_key(self.collection_id))

    @property
    def collection_page(self) -> str:
        """The page about it."""
        return self.object(public_keys.collection_page(self.collection_id))

    def thumbnail(self, longer_px: int = max(THUMBNAIL_SIZES)) -> str:
        """Return the address of its picture; `longer_px` is one of `THUMBNAIL_SIZES`."""
        return self.object(thumbnail_key(self.collection_id, longer_px))

    def photograph(self, bands: Bands, stem: str) -> str:
        """Return the stable address of a photograph."""
        return self.object(public_keys.photograph_page(self.collection_id, bands, stem))
