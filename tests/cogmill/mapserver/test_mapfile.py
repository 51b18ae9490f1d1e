"""The text of mapfiles, as far as no MapServer is needed to judge it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import Any

import pytest
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Collection, Product
from cogmill.mapserver.mapfile import Service, render
from cogmill.mapserver.titles import service_title
from cogmill.mapserver.urls import service_url

from demo.stack.role import ROLE


def service(**changes: Any) -> Service:
    given = Service(
        collection_id="travis_usda_1951_frames",
        service_name="Travis_USDA_1951_frames",
        title="Travis USDA 1951 Frames",
        product=Product.FRAMES,
        extent=Bounds3857(-10900000.5, 3548876.2, -10898876.1, 3550000.9),
        online_resource=service_url("https://maps.example.org", "travis_usda_1951_frames"),
    )
    return dataclasses.replace(given, **changes)


KEPT = {
    "MAP": [
        'NAME "TRAVISUSDA1951FRAMES"',
        "STATUS ON",
        "IMAGECOLOR 255 255 255",
        '"wms_title" "Travis USDA 1951 Frames"',
        '"wms_onlineresource" "https://maps.example.org/wms/?map=/mapfiles/travis_usda_1951_frames.map&"',
        '"init=epsg:3857"',
    ],
    "raster": [
        'NAME "Travis_USDA_1951_frames"',
        'TILEINDEX "Travis_USDA_1951_frames_index"',
        'TILEITEM "location"',
        'TILESRS "src_srs"',
        "STATUS ON",
        "TYPE RASTER",
        '"init=epsg:3857"',
    ],
    "footprints": [
        'NAME "Travis_USDA_1951_frames_index"',
        "CONNECTIONTYPE POSTGIS",
        "TYPE POLYGON",
        "STATUS ON",
        'TEMPLATE "WMSGetFeatureInfo"',
        "OUTLINECOLOR 100 250 100",
        "WIDTH 2",
        'PROCESSING "CLOSE_CONNECTION=DEFER"',
        '"init=epsg:3857"',
    ],
}
"""What the predecessor's template said and this one says too, block by block."""

MENDED = {
    "UNITS DD": "UNITS METERS",
    '"wms_enable_request" "*"': '"wms_enable_request"',
    '"RESAMPLE=NEAREST"': '"RESAMPLE=AVERAGE"',
    '"gml_include_items" "all"': '"gml_include_items"',
    '"wms_include_items" "all"': '"wms_include_items"',
    "MS_ERRORFILE": '"ON_MISSING_DATA" "LOG"',
    "password=": 'CONNECTION "service=cogmill"',
}
"""What it said, and what stands in its place."""


def test_directives_of_the_predecessor_are_kept_or_mended() -> None:
    head, raster, footprints, _facts = re.split(r"^  LAYER$", render(service()), flags=re.MULTILINE)

    for block, lines in zip((head, raster, footprints), KEPT.values(), strict=True):
        assert [line for line in lines if line not in map(str.strip, block.splitlines())] == []
    text = render(service())
    assert [old for old in MENDED if old in text] == []
    assert [new for new in MENDED.values() if new not in text] == []
    assert "USING UNIQUE oid USING SRID=3857" in footprints


def test_extent_is_floor_and_ceiling_with_a_hundred_metres_around() -> None:
    assert service().map_extent == (-10900101, 3548776, -10898776, 3550101)
    assert "\n  EXTENT -10900101 3548776 -10898776 3550101\n" in render(service())


def test_text_is_equal_when_services_are_equal() -> None:
    assert render(service()) == render(service())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Travis_USDA_1951_frames", "TRAVISUSDA1951FRAMES"),
        ("Travis_USDA_1951_index", "TRAVISUSDA1951INDEX"),
        ("plain", "PLAINMAP"),
    ],
)
def test_map_name_differs_from_every_layer_name_in_any_spelling(name: str, expected: str) -> None:
    given = service(service_name=name)

    assert given.map_name == expected
    assert given.map_name.lower() not in {given.service_name.lower(), given.index_name.lower()}


def test_footprint_layer_is_named_twice_index_when_the_product_is_index() -> None:
    text = render(service(service_name="Travis_USDA_1951_index", product=Product.INDEX))

    assert 'NAME "Travis_USDA_1951_index_index"' in text
    assert 'TILEINDEX "Travis_USDA_1951_index_index"' in text


@pytest.mark.parametrize(
    ("product", "raster", "footprints"),
    [
        (Product.FRAMES, "Frame", "Frame Boundary"),
        (Product.INDEX, "Index Sheet", "Index Sheet Boundary"),
        (Product.MOSAIC, "Mosaic", "Mosaic Boundary"),
    ],
)
def test_titles_name_the_product(product: Product, raster: str, footprints: str) -> None:
    titles = re.findall(r'"wms_title" "(.*)"', render(service(product=product)))

    assert titles == ["Travis USDA 1951 Frames", raster, footprints]


def test_agencies_keep_their_case_in_titles() -> None:
    assert service_title(Collection("Travis", "TxDOT", "1985", Product.INDEX)) == "Travis TxDOT 1985 Index"
    assert service_title(Collection("", "USAF", "M7", Product.MOSAIC)) == "USAF M7 Mosaic"


def test_time_is_offered_only_when_dates_are_known() -> None:
    days = (dt.date(1951, 1, 29), dt.date(1951, 3, 22))

    assert "wms_time" not in render(service())
    assert render(service(dates=days)).count('"wms_timeextent" "1951-01-29/1951-03-22"') == 2


def test_no_path_credential_or_host_of_the_back_end_is_written() -> None:
    text = render(service())

    assert "/vsis3/" not in text
    assert "AWS_" not in text
    assert "password" not in text.lower()
    assert 'CONNECTION "service=cogmill"' in text


@pytest.mark.parametrize("name", ["", "a,b", "a\nb", "a\x00b", "a--b", "a-__-b", "--><x/>", "x" * 201])
def test_name_is_refused_when_no_layer_can_be_called_so(name: str) -> None:
    with pytest.raises(ValueError, match="a layer name has"):
        service(service_name=name)


@pytest.mark.parametrize("extent", [(0, 0, -1, 1), (0, 1, 1, 0), (float("nan"), 0, 1, 1), (0, 0, float("inf"), 1)])
def test_extent_is_refused_when_it_is_none(extent: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="bounds are four finite numbers"):
        service(extent=Bounds3857(*extent))


@pytest.mark.parametrize("srs", [(), ("EPSG:3857 ",), ('EPSG:1"',), ("epsg:3857",)])
def test_coordinate_system_is_refused_when_it_is_no_code(srs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a coordinate system is written"):
        service(srs=srs)


def test_address_is_percent_encoded_when_an_id_has_special_characters() -> None:
    assert service_url("https://m.org/", "el paso_ä") == "https://m.org/wms/?map=/mapfiles/el%20paso_%C3%A4.map&"


@pytest.mark.parametrize("base", ["https://m.org", "https://m.org/", "https://m.org/wms", "https://m.org/wms/"])
def test_address_is_the_same_when_the_base_names_the_shared_path(base: str) -> None:
    assert service_url(base, "x") == "https://m.org/wms/?map=/mapfiles/x.map&"


def test_digest_that_the_web_server_is_told_changes_with_anything_else_in_the_file() -> None:
    def digest(**changes: object) -> str:
        found = re.search(r"'([^']*)' AS digest|U&'([^']*)' AS digest", render(service(**changes)))
        assert found
        return found[0]

    assert digest() == digest()
    assert len({digest(), digest(title="Another"), digest(overview_levels=(15, 12)), digest(srs=("EPSG:3857",))}) == 4


def test_zooms_of_the_archive_begin_where_those_of_services_do() -> None:
    text = (ROLE / "files/archive.map").read_text(encoding="utf-8")

    found = re.findall(r'^ +"([0-9]+)" "([0-9]+)"$', text, flags=re.MULTILINE)

    levels = render(service(overview_levels=tuple(range(24, -1, -1))))
    assert found == [("0", "25"), *re.findall(r'"([0-9]+)" ".* AND level = ([0-9]+)[)]', levels)]
    assert len(found) == 26
