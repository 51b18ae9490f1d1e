"""Addresses at which clients ask a published service for its description and for a picture of all of it."""

from __future__ import annotations

from urllib.parse import urlencode

Extent = tuple[float, float, float, float]
"""West, south, east, north."""


def capabilities_url(service_url: str) -> str:
    """Return the address of a service's description of itself.

    Args:
        service_url: Address of the service up to and including `map=...&`.
    """
    return service_url + urlencode({"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetCapabilities"})


def preview_url(service_url: str, layer: str, extent: Extent, longer_px: int) -> str:
    """Return a GetMap request for a whole collection as one transparent PNG.

    Args:
        service_url: Address of the service up to and including `map=...&`.
        layer: Name of its raster layer.
        extent: In EPSG:3857 metres.
        longer_px: Pixels along the longer side.
    """
    west, south, east, north = extent
    scale = longer_px / max(east - west, north - south, 1e-9)
    window = {
        "SERVICE": "WMS",
        "VERSION": "1.3.0",
        "REQUEST": "GetMap",
        "LAYERS": layer,
        "STYLES": "",
        "CRS": "EPSG:3857",
        "BBOX": ",".join(f"{edge:.2f}" for edge in extent),
        "WIDTH": max(1, round((east - west) * scale)),
        "HEIGHT": max(1, round((north - south) * scale)),
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }
    return service_url + urlencode(window, safe=",:/")
