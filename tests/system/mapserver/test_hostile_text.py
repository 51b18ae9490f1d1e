"""Names and titles that try to be more than text: MapServer must read them as text, and draw the same picture."""

from __future__ import annotations

import re
import unicodedata

import mapbox_vector_tile
import numpy as np
import pytest
from cogmill.mapserver.mapfile import LAYER_NAME, render
from lxml import etree

pytestmark = pytest.mark.system

X, Y = -10870000.0, 3540000.0
KEY = "bw/Travis/USDA_1951/frames/cog/1.tif"
WMS = "{http://www.opengis.net/wms}"

HOSTILE = [
    'x" END LAYER NAME "evil',
    "x' END LAYER NAME 'evil",
    "x\nEND\nEND\nLAYER\nNAME evil\nEND",
    "x\r\nEND # comment",
    "back\\slash",
    "ends in backslash\\",
    'ends in backslash and quote\\"',
    '\\" CONFIG "MS_ERRORFILE" "/tmp/evil',
    '"i',
    "'i",
    "END",
    "LAYER",
    "# comment",
    "%x%",
    "%map%",
    "%PATH%",
    "${PATH}",
    "`date`",
    "$(date)",
    "[location]",
    "[item]",
    "([location] = 'x')",
    "/regex/",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "{# comment #}",
    "INCLUDE 'x.map'",
    'INCLUDE "/etc/passwd"',
    "<script>alert(1)</script>",
    "]]><x/>",
    "&amp; & &#34; &evil;",
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
    "../../etc/passwd",
    "/etc/passwd",
    "CON",
    "-rf",
    "'; DROP TABLE cogmill.tile_index; --",
    "x' OR '1'='1",
    "') AS t USING UNIQUE location USING SRID=4326 --",
    "x using unique y using srid=1",
    "!BOX!",
    "geom FROM pg_shadow",
    "U&'\\0041'",
    "\\000041",
    "Größe ÄÖÜ ß",
    "\u202egnp.exe",
    "\u0422ravis",
    "日本語",
    "😀",
    "%s%n%d",
    "x" * 190,
    "http://169.254.169.254/",
    "/vsicurl/http://127.0.0.1/",
]


def shown(text: str) -> str:
    """Return what a client may see of a text: itself, with blanks for control and format characters."""
    return "".join(" " if unicodedata.category(char).startswith("C") else char for char in text)


@pytest.fixture(scope="module")
def frame(make_cog):
    return make_cog(np.full((1, 128, 128), 120, np.uint8), np.ones((128, 128), bool), (X, Y))


@pytest.mark.parametrize("word", HOSTILE)
def test_title_and_name_are_nothing_but_text(archive, frame, mapserver, get_map, word: str) -> None:
    bounds = archive.add(KEY, frame)
    name = word if re.fullmatch(LAYER_NAME, word) else archive.name
    service = archive.service(title=word, service_name=name)
    text = render(service)

    answer = mapserver.ask(text, "service=WMS&version=1.3.0&request=GetCapabilities")
    root = etree.fromstring(answer.body, etree.XMLParser(resolve_entities=False, no_network=True))
    told = [layer.findtext(f"{WMS}Name") for layer in root.iter(f"{WMS}Layer")]
    drawn = mapserver.ask(text, get_map(shown(name), bounds, (16, 16))).rgba

    assert told == [shown(service.map_name), shown(name), shown(service.index_name)]
    assert " ".join((root.findtext(f".//{WMS}Title") or "").split()) == " ".join(shown(word).split())
    assert np.all(drawn == (120, 120, 120, 255))


@pytest.mark.parametrize("collection_id", HOSTILE)
def test_collection_is_found_by_its_exact_id(archive, frame, mapserver, get_map, collection_id: str) -> None:
    archive.collection_id = collection_id
    bounds = archive.add(KEY, frame)
    text = render(archive.service(title="Travis"))
    stranger = render(archive.service(title="Travis", collection_id=f"{collection_id}."))

    drawn = mapserver.ask(text, get_map(archive.name, bounds, (16, 16))).rgba
    other = mapserver.ask(stranger, get_map(archive.name, bounds, (16, 16))).rgba

    assert np.all(drawn == (120, 120, 120, 255))
    assert not other[..., 3].any()


@pytest.mark.parametrize("word", HOSTILE[:10])
def test_attribute_is_nothing_but_text(archive, frame, mapserver, word: str) -> None:
    archive.add(KEY, frame, frame_num=word)
    text = render(archive.service())
    count = 2**14
    half = 20037508.342789244
    column, row = int((X / half + 1) / 2 * count), int((1 - Y / half) / 2 * count)

    query = f"mode=tile&tilemode=gmap&tile={column}+{row}+14&layers=all&map.imagetype=mvt"
    (feature,) = mapbox_vector_tile.decode(mapserver.ask(text, query).body)[f"{archive.name}_index"]["features"]

    assert feature["properties"]["frame_num"] == word
