from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise

import jsonschema
import pyarrow.parquet as pq
import pytest
from cogmill.config.settings import Settings
from cogmill.domain.errors import VerificationError
from cogmill.domain.model import Collection, Product
from cogmill.index import columnar
from cogmill.pipeline import export as compilation
from cogmill.pipeline import ingest
from osgeo import gdal

from tests.small_archive import TRAVIS

TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.INDEX)
GEOJSON, FGB, PARQUET = (compilation.COMPILED + suffix for suffix in compilation.FORMATS)
POSITION = {
    "type": "array", "minItems": 2, "maxItems": 2,
    "prefixItems": [{"type": "number", "minimum": -180, "maximum": 180}, {"type": "number", "minimum": -90, "maximum": 90}],
}  # fmt: skip
TEXT = {"type": ["string", "null"]}
RFC_7946 = {
    "type": "object",
    "required": ["type", "features"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {"items": {
            "required": ["type", "properties", "geometry"],
            "properties": {
                "type": {"const": "Feature"},
                "properties": {
                    "required": ["tablename", "collection", "dl_orig", "dl_georef", "dl_index"],
                    "additionalProperties": TEXT,
                },
                "geometry": {
                    "required": ["type", "coordinates"],
                    "properties": {
                        "type": {"const": "Polygon"},
                        "coordinates": {"items": {"type": "array", "minItems": 4, "items": POSITION}},
                    },
                },
            },
        }},
    },
}  # fmt: skip


@pytest.fixture
def compiled(sample):
    sample.published(TXDOT, 2).published(TRAVIS, 3)
    return compilation.compile_indexes(sample.archive)


def geojson(sample):
    return json.loads(sample.archive.store.read(GEOJSON))


def test_fulfils_the_contract_of_the_old_consumers(sample, compiled):
    document = geojson(sample)

    jsonschema.validate(document, RFC_7946)
    assert compiled.features == len(document["features"]) == 5
    first = document["features"][0]["properties"]
    assert list(first) == ["tablename", "collection", "dl_orig", "dl_georef", "dl_index"]
    assert first["tablename"] == "elpaso_txdot_1985_index"
    assert first["collection"] == "ELPASO TXDOT 1985"
    assert re.fullmatch(r"http.*/scanned/TxDOT_1985_01\.tif", first["dl_orig"])
    assert re.fullmatch(r"http.*/cog/TxDOT_1985_01\.[0-9a-f]{12}\.tif", first["dl_georef"])
    assert first["dl_index"].endswith("/cog/tile_index/ElPaso_TxDOT_1985_index_idx.zip")


def test_lists_features_by_collection_and_location(sample, compiled):
    del compiled
    named = [(f["properties"]["tablename"], f["properties"]["dl_georef"]) for f in geojson(sample)["features"]]

    assert named == sorted(named)


def test_winds_rings_counter_clockwise_in_longitude_and_latitude(sample, compiled):
    del compiled
    for feature in geojson(sample)["features"]:
        (ring,) = feature["geometry"]["coordinates"]
        area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))
        assert area > 0
        assert ring[0] == ring[-1]
        assert -99 < ring[0][0] < -97


def test_says_the_same_in_all_formats(sample, compiled, tmp_path):
    (tmp_path / "a.fgb").write_bytes(sample.archive.store.read(FGB))
    (tmp_path / "a.parquet").write_bytes(sample.archive.store.read(PARQUET))
    flatgeobuf = gdal.OpenEx(str(tmp_path / "a.fgb"))
    layer = flatgeobuf.GetLayer(0)
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "4326"
    assert layer.GetFeatureCount() == compiled.features
    layer.SetSpatialFilterRect(-97.9, 29, -97.89, 31)
    found = {feature["dl_georef"] for feature in layer}
    table = pq.read_table(tmp_path / "a.parquet")
    about = json.loads(pq.read_metadata(tmp_path / "a.parquet").metadata[b"geo"])
    assert about["columns"]["geometry"]["geometry_types"] == ["Polygon"]
    assert about["columns"]["geometry"]["bbox"][0] < -97
    assert 0 < len(found) < 5
    assert found <= set(table.column("dl_georef").to_pylist())
    assert table.num_rows == compiled.features


def test_uploads_nothing_when_nothing_changed(sample, compiled):
    assert len(compiled.uploaded) == 3

    again = compilation.compile_indexes(sample.archive)

    assert (again.uploaded, again.hash) == ([], compiled.hash)


@pytest.mark.parametrize(("acl", "public"), [("", False), ("public-read", True)])
def test_is_open_to_the_public_by_acl_only_when_configured(sample, acl, public):
    settings = Settings(_env_file=None, bucket=sample.archive.store.bucket, public_acl=acl)

    compilation.compile_indexes(replace(sample.archive, settings=settings))

    for key in (GEOJSON, FGB, PARQUET):
        grants = sample.client.get_object_acl(Bucket=sample.archive.store.bucket, Key=key)["Grants"]
        assert any(grant["Grantee"].get("URI", "").endswith("/AllUsers") for grant in grants) == public


def test_uploads_only_what_a_new_frame_changes(sample, compiled):
    sample.upload(TRAVIS, 1, first=9)
    ingest.ingest_uploads(sample.archive)
    sample.build(TRAVIS)
    sample.publish(TRAVIS)

    again = compilation.compile_indexes(sample.archive)

    assert again.features == 6
    assert again.hash != compiled.hash
    assert len(again.uploaded) == 3


@pytest.mark.parametrize("x", ["'NaN'", "1e300", "2.1e7"])
def test_reports_a_broken_collection_and_keeps_the_others(sample, compiled, x):
    del compiled
    broken = f"ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY[ST_MakePoint({x},0), ST_MakePoint({x},9), ST_MakePoint(9,9), ST_MakePoint({x},0)])), 3857)"
    last = "SELECT max(oid) FROM cogmill.tile_index WHERE collection_id = %s"
    sample.sql(f"UPDATE cogmill.tile_index SET geom = {broken} WHERE oid = ({last})", TRAVIS.id)  # noqa: S608

    result = compilation.compile_indexes(sample.archive)

    assert [entry.collection_id for entry in result.broken] == [TRAVIS.id]
    assert result.features == 2
    assert {f["properties"]["tablename"] for f in geojson(sample)["features"]} == {TXDOT.id}


def test_leaves_out_what_is_not_public(sample, compiled):
    del compiled
    sample.sql("UPDATE cogmill.collection SET mapfile_sha256 = NULL WHERE id = %s", TXDOT.id)

    assert compilation.compile_indexes(sample.archive).features == 3


def test_compiles_an_empty_archive(sample):
    assert compilation.compile_indexes(sample.archive).features == 0
    jsonschema.validate(geojson(sample), RFC_7946)


def test_adds_more_properties_only_when_configured(sample, compiled):
    del compiled
    archive = replace(
        sample.archive,
        settings=Settings(_env_file=None, bucket=sample.archive.store.bucket, compile_extra_properties=True),
    )

    compilation.compile_indexes(archive)

    properties = geojson(sample)["features"][-1]["properties"]
    assert list(properties)[5:] == ["date", "roll", "frame_num", "acquired", "shift_accuracy_m"]
    assert (properties["frame_num"], properties["acquired"]) == ("3", "1951-03-22")


def test_uploads_nothing_when_the_formats_differ(sample, compiled, monkeypatch):
    del compiled
    sample.publish(TRAVIS)
    before = sample.archive.store.read(GEOJSON)
    writer, _ = columnar.FORMATS[".parquet"]
    monkeypatch.setitem(columnar.FORMATS, ".parquet", (writer, lambda *_: iter(())))

    with pytest.raises(VerificationError, match=r"\.parquet holds 0 features"):
        compilation.compile_indexes(sample.archive)

    assert sample.archive.store.read(GEOJSON) == before
