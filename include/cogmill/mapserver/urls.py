"""Addresses of what is published: keys of the bucket, services, their capabilities and their previews."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def download_url(base_url: str, key: str) -> str:
    """Return the address of a key, percent-encoded so that spaces, `+`, `%` and umlauts survive.

    Args:
        base_url: Address under which the bucket's keys can be downloaded, with or without a slash at its end.
        key: Key of an object.

    >>> download_url("https://s3.amazonaws.com/cogmill/", "bw/El Paso/USDA_1951/frames/cog/a+b%.tif")
    'https://s3.amazonaws.com/cogmill/bw/El%20Paso/USDA_1951/frames/cog/a%2Bb%25.tif'
    """
    return f"{base_url.rstrip('/')}/{quote(key, safe='/')}"


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
