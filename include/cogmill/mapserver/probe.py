"""Ask as the public does: a service for capabilities and a map, any other published address for its first byte."""

from __future__ import annotations

import urllib.error
import urllib.request
from urllib.parse import urlencode

from cogmill.domain.geo import Bounds3857

TIMEOUT_S = 20.0
"""Seconds for one answer."""

PNG = b"\x89PNG\r\n\x1a\n"
"""The bytes that every PNG begins with."""

MAX_BYTES = 1 << 24
"""Bytes of an answer that are read at most."""


def check_service(wms: str, layer: str, point: tuple[float, float]) -> str | None:
    """Return what is wrong with a service's capabilities or its map around a point, or None.

    Args:
        wms: Address of the service up to and including `map=...&`.
        layer: Name of its raster layer.
        point: x and y in EPSG:3857 meters inside one of its frames.
    """
    window: dict[str, str | int] = {
        "LAYERS": layer,
        "STYLES": "",
        "CRS": "EPSG:3857",
        "BBOX": ",".join(map(str, Bounds3857.around(*point, 50))),
        "WIDTH": 64,
        "HEIGHT": 64,
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }
    capabilities = _get(wms, {"REQUEST": "GetCapabilities"})
    if isinstance(capabilities, str):
        return f"GetCapabilities: {capabilities}"
    if f"<Name>{layer}</Name>".encode() not in capabilities:
        return "GetCapabilities does not name its layer"
    image = _get(wms, {"REQUEST": "GetMap", **window})
    if isinstance(image, str):
        return f"GetMap: {image}"
    return None if image.startswith(PNG) else "GetMap answers something else than a PNG"


def check_address(address: str) -> str | None:
    """Return why a stranger does not get what is published at an address, or None; one byte is asked for."""
    answer = _open(address, {"Range": "bytes=0-0"})
    return answer if isinstance(answer, str) else None


def _get(wms: str, parameters: dict[str, str | int]) -> bytes | str:
    """Return the body of an answer, or in words why there is none."""
    return _open(wms + urlencode({"SERVICE": "WMS", "VERSION": "1.3.0", **parameters}), {})


def _open(address: str, headers: dict[str, str]) -> bytes | str:
    """Return the body behind an address, without any keys, or in words why there is none."""
    if not address.startswith(("http://", "https://")):
        return "COGMILL_MAPSERVER_URL or COGMILL_PUBLIC_URL is no http address"
    request = urllib.request.Request(address, headers=headers)  # noqa: S310  the scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            body: bytes = answer.read(MAX_BYTES)
    except urllib.error.HTTPError as err:
        return f"status {err.code}"
    except OSError as err:
        return f"no answer: {err}"
    return body
