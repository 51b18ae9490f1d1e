"""Verify a draft mapfile by drawing it with the local MapServer, before it is published."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from cogmill.domain.errors import VerificationError
from cogmill.domain.geo import Bounds3857
from cogmill.mapserver import cgi
from cogmill.mapserver.cgi import Answer, DraftServer, MapServerRunner
from cogmill.mapserver.mapfile import Service
from cogmill.overviews.grid import resolution

PREVIEW_PX = 512
"""Longer side of the preview."""

OPAQUE = 255
"""Alpha of a pixel that hides what lies below."""

PREVIEW_SPAN_M = 20_000
"""Longest side of the ground that is drawn, in EPSG:3857 meters: some 70 overlapping frames of 1:20,000."""

WMS = "{http://www.opengis.net/wms}"
"""Namespace of WMS 1.3.0 capabilities."""


def verify_service(
    mapfile: str,
    service: Service,
    mapserver: MapServerRunner,
    *,
    points: Sequence[tuple[float, float]] = (),
) -> bytes:
    """Verify a service: ask its draft mapfile for capabilities, maps and features, exactly as clients will.

    MapServer opens every COG in the window of a map, so what is drawn stays small when a collection grows.

    Args:
        mapfile: Text that is to be published.
        service: What the text was rendered from.
        mapserver: The local MapServer.
        points: Eastings and northings (EPSG:3857 meters) inside the footprint of one published frame: a footprint must appear
            there, and full-resolution pixels at one of them at least, since a frame may have holes. Without any only the map
            of the whole extent is verified.

    Returns:
        A transparent PNG of the service, or of the surroundings of the first point when the service is larger.

    Raises:
        VerificationError: MapServer refuses the mapfile, or the map is wrong. The message holds its own words.
        ServiceUnavailableError: MapServer cannot be started in time, or PostGIS or S3 is away.
    """
    with cgi.serve_draft(mapfile, mapserver) as draft:
        _verify_capabilities(draft, service)
        point = points[0] if points else None
        preview = _verify_map(draft, service, _area(service, point))
        _verify_feature_info(draft, service, point)
        if points:
            _verify_pixels(draft, service, points)
    return preview


def _verify_capabilities(draft: DraftServer, service: Service) -> None:
    """Raise when the capabilities do not name the map and both of its layers."""
    answer = draft.expect("text/xml", request="GetCapabilities", version="1.3.0")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(answer.body, parser)
    except etree.XMLSyntaxError as err:
        raise VerificationError(f"GetCapabilities is no XML: {err}") from err
    names = {name.text for name in root.iterfind(f".//{WMS}Layer/{WMS}Name")}
    missing = {service.map_name, service.service_name, service.index_name} - names
    if missing:
        raise VerificationError(f"GetCapabilities does not name {', '.join(sorted(missing))}")


def _area(service: Service, point: tuple[float, float] | None) -> Bounds3857:
    """Return the ground to draw: the whole extent, cut to `PREVIEW_SPAN_M` around the point.

    With overviews it is smaller than what they are drawn for: a new frame is in them only after its mapfile is published.
    """
    whole = Bounds3857(*service.map_extent)
    span_m = min([PREVIEW_SPAN_M, *(resolution(level) * PREVIEW_PX / 2 for level in service.overview_levels)])
    near = whole if point is None else Bounds3857.around(*point, span_m / 2)
    return whole.intersection(near) if whole.intersects(near) else whole


def _verify_map(draft: DraftServer, service: Service, area: Bounds3857) -> bytes:
    """Return the map of an area as PNG; raise when nothing is drawn on it."""
    scale = PREVIEW_PX / max(area.width, area.height)
    size = (max(1, round(area.width * scale)), max(1, round(area.height * scale)))
    answer = _draw(draft, service, area, size)
    if not _opacity(draft, answer).any():
        raise draft.failure("the map is empty", answer)
    return answer.body


def _verify_pixels(draft: DraftServer, service: Service, points: Sequence[tuple[float, float]]) -> None:
    """Raise when no point (x, y in EPSG:3857 meters) shows opaque pixels on a map of 1 m per pixel."""
    for x, y in points:
        answer = _draw(draft, service, Bounds3857.around(x, y, 1.5), (3, 3))
        # Most of nine, not all: a speck of nodata inside a photograph is no reason to withhold a collection.
        if np.count_nonzero(_opacity(draft, answer) == OPAQUE) >= 5:  # noqa: PLR2004
            return
    raise draft.failure(f"no frame is drawn at {x:.1f} {y:.1f}", answer)


def _verify_feature_info(draft: DraftServer, service: Service, point: tuple[float, float] | None) -> None:
    """Raise when GetFeatureInfo does not work, or finds no footprint at the point (x, y in EPSG:3857 meters)."""
    x, y = point or service.extent.center
    answer = draft.expect(
        "application/json",
        request="GetFeatureInfo",
        info_format="application/json",
        query_layers=service.index_name,
        i=1,
        j=1,
        **_window(service.index_name, Bounds3857.around(x, y, 1.5), (3, 3)),
    )
    try:
        found = json.loads(answer.body)["features"]
    except (ValueError, KeyError, TypeError) as err:
        raise draft.failure("GetFeatureInfo answered something else than features", answer) from err
    if point is not None and not found:
        raise draft.failure(f"GetFeatureInfo knows no frame at {x:.1f} {y:.1f}", answer)


def _draw(draft: DraftServer, service: Service, bounds: Bounds3857, size: tuple[int, int]) -> Answer:
    """Return the answer to GetMap, surely of type PNG; `size` as width and height."""
    return draft.expect("image/png", request="GetMap", **_window(service.service_name, bounds, size))


def _window(layer: str, bounds: Bounds3857, size: tuple[int, int]) -> dict[str, str | int]:
    """Return the parameters of WMS 1.3.0 that say what to look at; `size` as width and height."""
    return {
        "version": "1.3.0",
        "layers": layer,
        "styles": "",
        "crs": "EPSG:3857",
        "bbox": ",".join(map(str, bounds)),
        "width": size[0],
        "height": size[1],
        "format": "image/png",
        "transparent": "true",
    }


def _opacity(draft: DraftServer, answer: Answer) -> NDArray[np.uint8]:
    """Return the alpha of a map, shape (rows, columns), 0 where transparent and 255 where opaque."""
    # only here: importing rasterio takes 0.12 s, which each task of a collection would pay when it starts
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError  # noqa: PLC0415

    from cogmill.cog.rasters import rasterio  # noqa: PLC0415

    file = draft.folder / "answer.png"
    file.write_bytes(answer.body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(file, driver="PNG") as image:
                bands: NDArray[np.uint8] = image.read()
    except RasterioIOError as err:
        raise draft.failure("GetMap answered no readable PNG", answer) from err
    if len(bands) != 4:  # noqa: PLR2004
        raise draft.failure("GetMap answered a PNG without transparency", answer)
    alpha: NDArray[np.uint8] = bands[3]
    return alpha
