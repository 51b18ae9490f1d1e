"""Files for QGIS and for OpenStreetMap's editors hold what those programs ask for."""

from __future__ import annotations

import datetime as dt
import json

import jsonschema
import pytest
import shapely
from cogmill.config.site import Site
from cogmill.public import layer_files
from cogmill.public.layer_files import covered_area
from lxml import etree

from tests.cogmill.public.conftest import SITE, TRAVIS, frame

DATE = {"type": "string", "pattern": r"^\d\d\d\d(-\d\d(-\d\d)?)?$"}
TEXT = {"type": "string"}
RULES = {
    "required": ["id", "type", "url", "name"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[-_.A-Za-z0-9]+$"},
        "type": {"const": "tms"},
        "category": {"enum": ["photo", "historicphoto"]},
        "url": TEXT, "name": TEXT, "description": TEXT, "license_url": TEXT, "privacy_policy_url": TEXT,
        "permission_osm": {"enum": ["explicit", "implicit", "no"]},
        "country_code": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "max_zoom": {"type": "integer", "minimum": 1}, "min_zoom": {"type": "integer", "minimum": 0},
        "start_date": DATE, "end_date": DATE,
        "attribution": {
            "properties": {"url": TEXT, "text": TEXT, "html": TEXT, "required": {"type": "boolean"}},
            "additionalProperties": False,
        },
    },
}  # fmt: skip
"""What schema.json of github.com/osmlab/editor-layer-index asks of the properties that are used here."""
FRAMES = [frame(number, f"03-22-51_4-{number}") for number in range(5)]


def documents(facts, frames=FRAMES):
    return {
        document.key.removeprefix(f"catalog/{TRAVIS.id}/"): document
        for document in layer_files.collection_documents(facts, frames)
    }


@pytest.mark.parametrize("site", [SITE, Site()], ids=["all stated", "nothing stated"])
def test_entry_passes_the_schema_and_the_rules_of_the_index(facts, site):
    entry = json.loads(documents(facts(FRAMES, site=site))["editor-layer-index.geojson"].body)

    jsonschema.validate(entry["properties"], RULES)
    about, geometry = entry["properties"], shapely.geometry.shape(entry["geometry"])
    # what scripts/check.py of the index asks beyond its schema
    assert all(part in about["url"] for part in ("{zoom}", "{x}", "{y}"))
    assert "{z}" not in about["url"]
    assert "{{" not in about["url"]
    assert "available_projections" not in about
    assert about.get("min_zoom") != 0
    assert about["country_code"] == (site.country_code or "ZZ")
    assert geometry.geom_type in {"Polygon", "MultiPolygon"}
    assert geometry.is_valid
    assert ("license_url" in about, "attribution" in about) == (site is SITE, site is SITE)


def test_dates_of_the_entry_are_as_exact_as_known(facts):
    whole = (dt.date(1951, 1, 1), dt.date(1952, 12, 31))

    vague = json.loads(documents(facts(FRAMES, days=whole))["editor-layer-index.geojson"].body)["properties"]
    exact = json.loads(documents(facts(FRAMES))["editor-layer-index.geojson"].body)["properties"]

    assert (vague["start_date"], vague["end_date"]) == ("1951", "1952")
    assert (exact["start_date"], exact["end_date"]) == ("1951-03-22", "1951-03-22")


@pytest.mark.parametrize("count", [1, 2, 50])
def test_area_of_the_entry_holds_all_photographs(count):
    outlines = shapely.from_wkb([frame(number).outline_wkb for number in range(count)])

    area = covered_area(outlines)

    assert area.is_valid
    assert shapely.area(shapely.difference(shapely.union_all(outlines), area)) < 0.05 * area.area


def test_layer_file_names_the_service_and_its_layer(facts):
    root = etree.fromstring(documents(facts(FRAMES))[f"{TRAVIS.id}.qlr"].body)
    (wms, tiles) = root.findall("maplayers/maplayer/datasource")

    assert f"layers={TRAVIS.service_name}" in wms.text
    assert "url=https%3A%2F%2Fmaps.example.org%2Fwms%2F%3Fmap%3D" in wms.text
    assert "{z}/{x}/{y}.png" in tiles.text
    assert [layer.get("checked") for layer in root.iter("layer-tree-layer")] == ["Qt::Checked", "Qt::Unchecked"]


def test_layer_file_opens_whatever_stands_in_a_title(facts):
    title = "<b>\"'&]]> Straße \x00\x08\ufffe"
    root = etree.fromstring(documents(facts(FRAMES, title=title))[f"{TRAVIS.id}.qlr"].body)

    assert root.find("maplayers/maplayer/layername").text == "<b>\"'&]]> Straße    "


def test_footprints_and_list_of_cogs_name_each_photograph(facts):
    written = documents(facts(FRAMES))
    features = json.loads(written["photographs.geojson"].body)["features"]
    cogs = written["cogs.txt"].body.decode().splitlines()

    assert [feature["properties"]["cog"] for feature in features] == cogs
    assert len(cogs) == len(FRAMES)
    assert shapely.geometry.shape(features[0]["geometry"]).exterior.is_ccw


@pytest.mark.parametrize(("gsd_m", "zoom"), [(None, 24), (0.6, 18), (0.001, 24), (1e6, 0)])
def test_zooms_end_where_there_is_no_more_detail(facts, gsd_m, zoom):
    known = facts(FRAMES, gsd_m=gsd_m)

    assert (
        layer_files.layer_index_entry(known, shapely.from_wkb([frame.outline_wkb for frame in FRAMES]))["properties"][
            "max_zoom"
        ]
        == zoom
    )
    assert f"zmax={zoom}&amp;".encode() in layer_files.layer_file(known)
