"""Random requests for maps: good ones, nearly good ones, and what curious people and scanners send."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from tests.system.many_frames import LAYER

CENTER, SIDE_M = (-10_879_600.0, 3_539_600.0), 800.0
"""Where `many_frames.ManyFrames` of a few frames lie, EPSG:3857 meters."""

NUMBERS = [
    "0",
    "-1",
    "1e308",
    "1e-308",
    "nan",
    "inf",
    "-inf",
    "0x10",
    "99999999999999999999",
    "1,5",
    "",
    " ",
    "1.5",
    "٣",
    "1e",
    "--1",
    "4097",
]
TEXTS = [
    "", " ", "'", '"', "' OR '1'='1", "'; DROP TABLE cogmill.frame; --", "$(id)", "`id`", "|id", "../../etc/passwd", "/etc/passwd",
    "file:///etc/passwd", "http://127.0.0.1:1/", "/vsicurl/http://127.0.0.1:1/x.tif", "/vsizip//etc/passwd", "\x00", "\x01\x02", "\r\nX: y",
    "%", "%%", "%u0041", "%s%n%s%n", "%rows%", "[date]", "<script>alert(1)</script>", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", "A" * 3000,
    "\u202e", "ü", "\ufffe", "🛩", "1951-01-29", "1951-01-29/P1D", "all", "default", "current", LAYER, f"{LAYER}_index", f"{LAYER}_tiles",
    ",".join([LAYER] * 40), "image/png", "image/jpeg", "image/svg+xml", "application/openlayers", "application/json", "text/html",
    "application/vnd.mapbox-vector-tile", "kml", "GDAL/GTiff", "cairopdf", "EPSG:3857", "EPSG:4326", "EPSG:0", "EPSG:999999", "AUTO:42001,9001,1,1",
    "+init=epsg:3857", "+proj=pipeline +step +proj=push", "urn:ogc:def:crs:EPSG::3857",
]  # fmt: skip
NAMES = [
    "SERVICE", "VERSION", "WMTVER", "REQUEST", "LAYERS", "STYLES", "SRS", "CRS", "BBOX", "WIDTH", "HEIGHT", "FORMAT", "TRANSPARENT", "BGCOLOR",
    "EXCEPTIONS", "TIME", "ELEVATION", "DIM_X", "QUERY_LAYERS", "INFO_FORMAT", "FEATURE_COUNT", "I", "J", "X", "Y", "RADIUS", "LAYER", "STYLE",
    "RULE", "SCALE", "SLD", "SLD_BODY", "SLD_VERSION", "FILTER", "CQL_FILTER", "ANGLE", "MODE", "TILE", "TILEMODE", "TILED", "BUFFER",
    "map.imagetype", "map_imagetype", "map.resolution", "MAP_RESOLUTION", "map.layer[0].data", "map_web", "map.size", "map.extent", "map",
    "context", "queryfile", "savequery", "template", "qstring", "qitem", "qlayer", "mapext", "mapxy", "img.x", "imgext", "shapeindex", "tileindex",
    "searchmap", "icon", "id", "DPI", "FORMAT_OPTIONS", "LANGUAGE", "UPDATESEQUENCE", "BBOX_PIXEL_IS_POINT", "_", "", "=", "a[]", "a b", "%00", "ü",
]  # fmt: skip
REQUESTS = [
    "GetMap",
    "map",
    "GetCapabilities",
    "capabilities",
    "GetFeatureInfo",
    "feature_info",
    "GetLegendGraphic",
    "DescribeLayer",
    "GetStyles",
    "x",
]


def random_queries(seed: int, count: int, collection: str) -> Iterator[str]:
    """Yield queries that are the same for the same seed, none of them longer than a client can send."""
    chance = random.Random(seed)  # noqa: S311  # not for secrets
    for _ in range(count):
        words = _usual(chance)
        for _ in range(chance.choice([0, 0, 0, 1, 1, 2, 3, 6])):
            _spoil(words, chance)
        if chance.random() < 0.2:
            chance.shuffle(words)
        query = "&".join(_spelled(name, value, chance) for name, value in words)
        yield f"map=/mapfiles/{collection}.map&{query}"[:7000]


def _usual(chance: random.Random) -> list[tuple[str, str]]:
    """Return the parameters of a request that a client would send."""
    if chance.random() < 0.15:
        zoom = chance.randrange(0, 20)
        column, row = (str(chance.randrange(2**zoom)) for _ in range(2))
        words = [
            ("mode", "tile"),
            ("tilemode", "gmap"),
            ("tile", f"{column} {row} {zoom}"),
            ("layers", chance.choice([LAYER, "all"])),
        ]
        return words + [("map.imagetype", chance.choice(["mvt", "png", "jpeg"]))] * chance.randrange(2)
    version = chance.choice(["1.0.0", "1.1.0", "1.1.1", "1.1.1", "1.3.0", "1.3.0"])
    request = chance.choices(REQUESTS, [30, 3, 5, 1, 20, 1, 3, 1, 1, 1])[0]
    size = chance.choices([1, 64, 256, 512, 1024, 4096], [5, 20, 40, 30, 5, 1])[0]
    half = SIDE_M * 2 ** chance.uniform(-6, 3) / 2
    x, y = (center + chance.uniform(-1, 1) * SIDE_M for center in CENTER)
    words = [
        ("SERVICE", "WMS"),
        ("VERSION", version),
        ("REQUEST", request),
        ("LAYERS", chance.choice([LAYER, LAYER, f"{LAYER}_index", f"{LAYER},{LAYER}_index", "MANYUSDA1951FRAMES"])),
        ("STYLES", ""),
        ("CRS" if version == "1.3.0" else "SRS", "EPSG:3857"),
        ("BBOX", f"{x - half},{y - half},{x + half},{y + half}"),
        ("WIDTH", str(size)),
        ("HEIGHT", str(size)),
        ("FORMAT", chance.choice(["image/png", "image/jpeg", "PNG"])),
    ]
    if "info" in request.lower():
        kind = chance.choice(["text/plain", "application/json", "application/vnd.ogc.gml", "text/html"])
        words += [
            ("QUERY_LAYERS", f"{LAYER}_index"),
            ("INFO_FORMAT", kind),
            ("FEATURE_COUNT", str(chance.randrange(20))),
        ]
        words += [(name, str(chance.randrange(size))) for name in (("I", "J") if version == "1.3.0" else ("X", "Y"))]
    return words


def _spoil(words: list[tuple[str, str]], chance: random.Random) -> None:
    """Change a request in one place."""
    place = chance.randrange(len(words)) if words else 0
    value = chance.choice([*TEXTS, *NUMBERS, ",".join(chance.choices(NUMBERS, k=4)), str(chance.uniform(-1e7, 1e7))])
    kind = chance.randrange(6) if words else 0
    if kind <= 1:
        words.insert(place, (chance.choice(NAMES), value))
    elif kind == 2:
        words.append((words[place][0], value))
    elif kind == 3:
        del words[place]
    else:
        words[place] = (words[place][0], value)


def _spelled(name: str, value: str, chance: random.Random) -> str:
    """Write a parameter in one of the ways that clients write it."""
    name = chance.choice([str, str.lower, str.upper, str.title])(name)
    escape = chance.choice([quote, quote_plus, lambda text: quote(text, safe="/:,")])
    if chance.random() < 0.02:
        return quote(name, safe=".[]") + chance.choice(["", "==", "&&", "=%", "=%zz", "=%2", ";a=b", "=+"])
    return f"{quote(name, safe='.[]')}={escape(value)}"
