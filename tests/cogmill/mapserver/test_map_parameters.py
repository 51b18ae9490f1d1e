"""What the door before MapServer lets in, and in which spelling: the real nginx with the real door, and no MapServer behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

import httpx
import pytest

BOX = "BBOX=0,0,100,100"
MAP = (
    f"SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=a&STYLES=&SRS=EPSG:3857&{BOX}&WIDTH=64&HEIGHT=64&FORMAT=image/png"
)
INFO = f"{MAP.replace('GetMap', 'GetFeatureInfo')}&QUERY_LAYERS=a&INFO_FORMAT=text/plain"
TILE = "mode=tile&tilemode=gmap&tile=1+2+3&layers=all"


@pytest.fixture(scope="module")
def ask(front: str) -> Iterator[Callable[[str], httpx.Response]]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield lambda query: client.send(httpx.Request("GET", f"{front}door?map=/mapfiles/x.map&{query}"))


def let_in(answer: httpx.Response) -> dict[str, str]:
    """Return what MapServer would read, each name once."""
    assert answer.headers.get("x-let-in") == "1", answer.text
    words = parse_qs(answer.text, keep_blank_values=True, strict_parsing=True)
    assert [name for name, values in words.items() if len(values) > 1] == []
    return {name: values[0] for name, values in words.items()}


CLIENTS = {
    "qgis": f"{MAP}&TRANSPARENT=true&DPI=96&MAP_RESOLUTION=96&FORMAT_OPTIONS=dpi:96",
    "qgis, 8 bit": MAP.replace("image/png", "image/png;%20mode%3D8bit"),
    "openlayers": f"{MAP.replace('VERSION=1.1.1', 'VERSION=1.3.0').replace('SRS', 'CRS')}&TRANSPARENT=true&TILED=true",
    "leaflet": "service=WMS&request=GetMap&version=1.1.1&layers=a&styles=&format=image%2Fpng&transparent=true&srs=EPSG%3A3857"
    "&width=256&height=256&bbox=-10884000.123,3536500,-10878000,3542500.456",
    "gdal": f"{MAP}&BGCOLOR=0xFFFFFF&EXCEPTIONS=application/vnd.ogc.se_xml",
    "owslib": MAP.replace("&STYLES=", ""),
    "old client": f"WMTVER=1.0.0&REQUEST=map&LAYERS=a&SRS=EPSG:4326&BBOX=-98,30,-97,31&WIDTH=64&HEIGHT=64&FORMAT=PNG&{'STYLES='}",
    "arcgis": f"{MAP.replace('VERSION=1.1.1', 'VERSION=1.3.0').replace('SRS=EPSG:3857', 'CRS=urn:ogc:def:crs:EPSG::3857')}&EXCEPTIONS=XML",
    "other authority": MAP.replace("EPSG:3857", "ESRI:102100"),
    "time": f"{MAP}&TIME=1951-01-29/1951-03-22",
    "times": f"{MAP}&TIME=1951-01-29T00:00:00.000Z,1951-03-22",
    "degrees, latitude first": "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=a&STYLES=&CRS=EPSG:4326&BBOX=30,-98,31,-94.5"
    "&WIDTH=700&HEIGHT=200&FORMAT=image/png",
    "numbers with exponents": MAP.replace(BOX, "BBOX=-1.5e%2B02,-1.e2,1E2,+.5e3"),
    "layers with umlauts": MAP.replace("LAYERS=a", "LAYERS=Stra%C3%9Fe_1951,b"),
    "info": f"{INFO}&X=3&Y=60&FEATURE_COUNT=10",
    "info 1.3.0": f"{INFO.replace('1.1.1', '1.3.0').replace('SRS', 'CRS')}&I=3.5&J=60&FEATURE_COUNT=&RADIUS=5",
    "capabilities": "service=WMS&request=GetCapabilities",
    "capabilities 1.0": "REQUEST=capabilities&WMTVER=1.0.0&UPDATESEQUENCE=0",
    "picture tile": TILE,
    "vector tile": f"{TILE}&map.imagetype=mvt",
    "vector tile, other spelling": f"{TILE}&map_imagetype=mvt",
    "vector tile by wms": MAP.replace("image/png", "application/vnd.mapbox-vector-tile"),
    "cache buster": f"{MAP}&_=1732810000&nocache=0.3&token=abc%2Fd==&",
}


@pytest.mark.parametrize("query", CLIENTS.values(), ids=CLIENTS.keys())
def test_requests_of_clients_pass(ask, query: str) -> None:
    words = let_in(ask(query))

    assert words.get("REQUEST") or words.get("MODE")
    assert not {"MAP", "map", "TILED", "DPI", "FORMAT_OPTIONS", "_", "TOKEN"} & set(words)


def test_case_order_and_escapes_make_no_difference(ask) -> None:
    turned = "&".join(reversed(MAP.lower().replace("wms", "WMS").replace("getmap", "GetMap").split("&")))
    turned = turned.replace("epsg:3857", "%45PSG%3A3857")

    assert ask(turned).text == ask(MAP).text
    assert let_in(ask(MAP)) == {name: values[0] for name, values in parse_qs(MAP, keep_blank_values=True).items()}


def test_resolution_of_a_screen_passes_and_one_that_fakes_the_scale_does_not(ask) -> None:
    asked = {
        text: let_in(ask(f"{MAP}&map.resolution={text}"))["map.resolution"] for text in ("96", "1", "0.001", "99999")
    }

    assert asked == {"96": "96", "1": "72", "0.001": "72", "99999": "2400"}


FORBIDDEN = {
    "style sheet": f"{MAP}&SLD=http://127.0.0.1:1/x.sld",
    "its body": f"{MAP}&sld_body=%3Ca%2F%3E",
    "escaped name": f"{MAP}&s%6Cd=x",
    "filter": f"{MAP}&FILTER=(%3CFilter%2F%3E)",
    "context": f"{MAP}&CONTEXT=/etc/passwd",
    "change of the map": f"{MAP}&map.layer[a].data=x",
    "change of the map, other spelling": f"{MAP}&MAP_LAYER_a=x",
    "size by another name": f"{MAP}&map.size=9999+9999",
    "second map": f"{MAP}&MAP=/etc/passwd",
    "other service": "SERVICE=WFS&REQUEST=GetCapabilities",
    "other mode": "mode=map&layers=all",
    "other kind of picture": f"{TILE}&map.imagetype=svg",
    "nothing that is a request": "layers=a",
}


@pytest.mark.parametrize("query", ["", "TILED=true"])
def test_bare_address_of_a_service_tells_what_there_is(ask, query: str) -> None:
    assert let_in(ask(query)) == {"SERVICE": "WMS", "REQUEST": "GetCapabilities"}


@pytest.mark.parametrize("query", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_ways_to_more_than_a_picture_are_forbidden(ask, query: str) -> None:
    answer = ask(query)

    assert answer.status_code == 403
    assert "x-let-in" not in answer.headers


WRONG = {
    "twice": f"{MAP}&layers=b",
    "too wide": MAP.replace("WIDTH=64", "WIDTH=4097"),
    "too high": MAP.replace("HEIGHT=64", "HEIGHT=99999999999"),
    "no height": MAP.replace("&HEIGHT=64", ""),
    "negative": MAP.replace("WIDTH=64", "WIDTH=-5"),
    "nothing wide": MAP.replace("WIDTH=64", "WIDTH=0"),
    "hexadecimal": MAP.replace("WIDTH=64", "WIDTH=0x40"),
    "not a number": MAP.replace(BOX, "BBOX=nan,0,1,1"),
    "infinite": MAP.replace(BOX, "BBOX=0,0,inf,1"),
    "beyond all numbers": MAP.replace(BOX, "BBOX=0,0,1e99,1e99"),
    "out of the world": MAP.replace(BOX, "BBOX=0,0,1e12,1e12"),
    "three numbers": MAP.replace(BOX, "BBOX=0,0,1"),
    "five numbers": MAP.replace(BOX, "BBOX=0,0,1,1,1"),
    "turned around": MAP.replace(BOX, "BBOX=100,0,0,100"),
    "a point": MAP.replace(BOX, "BBOX=1,1,1,1"),
    "a line that shows a whole collection": MAP.replace("WIDTH=64", "WIDTH=4096").replace("HEIGHT=64", "HEIGHT=1"),
    "the same, turned": MAP.replace(BOX, "BBOX=0,0,64,4096").replace("WIDTH=64", "WIDTH=4096"),
    "many layers": MAP.replace("LAYERS=a", f"LAYERS={','.join('a' * 9)}"),
    "line break": MAP.replace("LAYERS=a", "LAYERS=a%0Ab"),
    "NUL": MAP.replace("LAYERS=a", "LAYERS=a%00b"),
    "other request": "SERVICE=WMS&REQUEST=DescribeLayer&LAYERS=a",
    "projection by parameters": MAP.replace("EPSG:3857", "AUTO:42001,9001,-97,30"),
    "projection by parameters that are left out": MAP.replace("EPSG:3857", "AUTO:42001"),
    "projection by file": MAP.replace("EPSG:3857", "+init=/etc/passwd"),
    "page with a viewer": MAP.replace("image/png", "application/openlayers"),
    "time that is none": f"{MAP}&TIME='%20OR%201=1",
    "many times": f"{MAP}&TIME={','.join(['1951-01-29'] * 17)}",
    "all features": f"{INFO}&X=1&Y=1&FEATURE_COUNT=1000000",
    "pixel outside": f"{INFO}&X=4096&Y=1",
    "radius": f"{INFO}&X=1&Y=1&RADIUS=bbox",
    "tile of no zoom": TILE.replace("1+2+3", "1+2"),
    "tile too deep": TILE.replace("1+2+3", "1+2+25"),
    "tile outside": TILE.replace("1+2+3", "8+2+3"),
    "color": f"{MAP}&BGCOLOR=red",
}


@pytest.mark.parametrize("query", WRONG.values(), ids=WRONG.keys())
def test_values_out_of_bounds_are_answered_with_a_sentence(ask, query: str) -> None:
    answer = ask(query)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.endswith((".\n", "parts.\n"))


def test_legend_is_an_empty_picture_that_mapserver_never_hears_of(ask) -> None:
    answer = ask(
        "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetLegendGraphic&LAYER=a&FORMAT=image/png&SLD_VERSION=1.1.0&STYLE=default"
    )

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    assert "x-let-in" not in answer.headers
