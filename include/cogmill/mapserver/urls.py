"""Addresses of what is published: keys of the bucket, services, their capabilities and their previews."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from cogmill.domain.geo import Bounds3857


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


def preview_url(service: str, layer: str, extent: Bounds3857, longer_px: int) -> str:
    """Return a GetMap request for a whole collection as one transparent PNG.

    Args:
        service: As `service_url` returns it.
        layer: Name of its raster layer.
        extent: Of all its footprints.
        longer_px: Pixels along the longer side.
    """
    scale = longer_px / max(extent.width, extent.height, 1e-9)
    window = {
        "SERVICE": "WMS",
        "VERSION": "1.3.0",
        "REQUEST": "GetMap",
        "LAYERS": layer,
        "STYLES": "",
        "CRS": "EPSG:3857",
        "BBOX": ",".join(f"{edge:.2f}" for edge in extent),
        "WIDTH": max(1, round(extent.width * scale)),
        "HEIGHT": max(1, round(extent.height * scale)),
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }
    return service + urlencode(window, safe=",:/")
