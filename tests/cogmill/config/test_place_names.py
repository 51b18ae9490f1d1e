"""The file of places beside the site file: what is taken from it, and what is refused."""

from __future__ import annotations

import json

import pytest
from cogmill.config.place_names import load_places
from cogmill.domain.errors import ConfigurationError

TOWN = {"type": "Point", "coordinates": [-97.7431234567, 30.2672]}
COUNTY = {"type": "Polygon", "coordinates": [[[-98, 30], [-97, 30], [-97, 31], [-98, 30]]]}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def written(tmp_path, content):
    file = tmp_path / "places.geojson"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_geometries_and_names_are_taken_and_nothing_else(tmp_path):
    known = [feature(TOWN, name="<b>Austin", secret="x"), feature(COUNTY)]

    places = load_places(written(tmp_path, {"type": "FeatureCollection", "features": known}))

    town, county = places["features"]
    assert town == {"type": "Feature", "properties": {"name": "<b>Austin"}, "geometry": {"type": "Point", "coordinates": [-97.74312, 30.2672]}}  # fmt: skip
    assert county["properties"] == {"name": ""}
    assert county["geometry"]["type"] == "Polygon"


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        "{}",
        {"features": 7},
        {"features": [None]},
        {"features": [feature(None)]},
        {"features": [feature({"type": "Point", "coordinates": [620_000, 3_350_000]}, name="meters")]},
        {"features": [feature({"type": "Point", "coordinates": []})]},
        {"features": [feature({"type": "Point", "coordinates": ["x", 1]})]},
        {"features": [feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]})]},
        "[" * 100_000,
    ],
)
def test_what_is_no_list_of_places_is_refused_by_name(tmp_path, content):
    with pytest.raises(ConfigurationError, match=r"places\.geojson: not a GeoJSON FeatureCollection in degrees"):
        load_places(written(tmp_path, content))


def test_a_missing_and_a_huge_file_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="named by the key places, but not readable"):
        load_places(tmp_path / "places.geojson")
    with pytest.raises(ConfigurationError, match="larger than 8 MiB"):
        load_places(written(tmp_path, " " * (9 << 20)))
