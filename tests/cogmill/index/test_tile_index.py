"""Rows and files of the tile index."""

from __future__ import annotations

import dataclasses
import datetime as dt
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapely
from cogmill.domain.model import FrameName, Product
from cogmill.index.tile_index import (
    TEXT_COLUMNS,
    IndexAddress,
    IndexedFrame,
    IndexRow,
    index_row,
    write_index_files,
)
from cogmill.mapserver.urls import download_url
from osgeo import ogr, osr

DAY = dt.date(1951, 3, 22)
FOLDER = "bw/Travis/USDA_1951/frames"
BOX = shapely.box(-10900000, 3540000, -10890000, 3550000).wkb
ADDRESS = IndexAddress(
    Product.FRAMES,
    "/vsis3/cogmill/",
    "https://s3.amazonaws.com/cogmill",
    f"{FOLDER}/cog/tile_index/Travis_USDA_1951_frames_idx.zip",
)


def frame(**changes: Any) -> IndexedFrame:
    name = FrameName("03-22-51", "4", "173", (DAY, DAY), "03-22-51_4-173")
    given = IndexedFrame(7, name, f"{FOLDER}/cog/03-22-51_4-173.abc.tif", f"{FOLDER}/scanned/03-22-51_4-173.TIF", BOX)
    return dataclasses.replace(given, **changes)


def row(stem: str = "a", **changes: Any) -> IndexRow:
    return dataclasses.replace(index_row(frame(cog_key=f"{FOLDER}/cog/{stem}.tif"), ADDRESS), **changes)


def test_columns_are_the_legacy_ones_in_their_order() -> None:
    names = [field.name for field in dataclasses.fields(IndexRow)]

    assert names == ["oid", *TEXT_COLUMNS, "geom_wkb", "acquired"]
    assert all(len(name) <= 10 for name in TEXT_COLUMNS)


def test_row_points_to_what_really_exists_when_the_scan_has_capital_letters() -> None:
    built = index_row(frame(), ADDRESS)

    assert built.location == f"/vsis3/cogmill/{FOLDER}/cog/03-22-51_4-173.abc.tif"
    assert built.src_srs == "EPSG:3857"
    assert (built.date, built.roll, built.frame_num) == ("03-22-51", "4", "173")
    assert built.dl_orig == f"https://s3.amazonaws.com/cogmill/{FOLDER}/scanned/03-22-51_4-173.TIF"
    assert built.dl_georef == f"https://s3.amazonaws.com/cogmill/{FOLDER}/cog/03-22-51_4-173.abc.tif"
    assert built.dl_index.endswith("/cog/tile_index/Travis_USDA_1951_frames_idx.zip")
    assert built.acquired == DAY


def test_county_stays_element_five_of_a_link_when_urls_have_path_style() -> None:
    link = index_row(frame(), ADDRESS).dl_orig

    assert link is not None
    assert link.split("/")[5] == "Travis"


def test_link_is_absent_when_the_scan_is_missing() -> None:
    assert index_row(frame(scan_key=None), ADDRESS).dl_orig is None


def test_link_says_not_applicable_when_the_product_has_no_scans() -> None:
    address = dataclasses.replace(ADDRESS, product=Product.MOSAIC)

    assert index_row(frame(scan_key=None), address).dl_orig == "N/A"


@pytest.mark.parametrize("acquired", [None, (dt.date(1951, 1, 1), dt.date(1951, 12, 31))])
def test_day_is_absent_when_only_a_year_is_known(acquired: tuple[dt.date, dt.date] | None) -> None:
    name = dataclasses.replace(frame().name, acquired=acquired)

    assert index_row(frame(name=name), ADDRESS).acquired is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a b+c%.tif", "a%20b%2Bc%25.tif"),
        ("ä/#?.tif", "%C3%A4/%23%3F.tif"),
        ("plain-._~.tif", "plain-._~.tif"),
        ('"<&>.tif', "%22%3C%26%3E.tif"),
    ],
)
def test_url_is_percent_encoded_when_a_key_has_special_characters(key: str, expected: str) -> None:
    assert download_url("https://cdn.example.org/", key) == f"https://cdn.example.org/{expected}"


def test_shapefile_reads_back_when_texts_have_umlauts(tmp_path: Path) -> None:
    files = write_index_files([row(date="Frühjahr", dl_orig=None)], tmp_path, "Travis_USDA_1951_frames")

    source = ogr.Open(str(tmp_path / "Travis_USDA_1951_frames.shp"))
    layer = source.GetLayer()
    feature = layer.GetNextFeature()

    assert [path.suffix for path in files.parts] == [".cpg", ".dbf", ".shp", ".shx", ".prj"]
    assert all(path.stat().st_size for path in files.parts)
    assert [field.GetName() for field in layer.schema] == list(TEXT_COLUMNS)
    assert feature["date"] == "Frühjahr"
    assert feature["dl_orig"] is None
    assert feature["roll"] == "4"
    assert shapely.from_wkb(bytes(feature.geometry().ExportToWkb())).equals(shapely.from_wkb(BOX))


def test_crs_and_encoding_are_told_when_the_shapefile_is_written(tmp_path: Path) -> None:
    write_index_files([row()], tmp_path, "x")

    reference = osr.SpatialReference((tmp_path / "x.prj").read_text())
    wanted = osr.SpatialReference()
    wanted.ImportFromEPSG(3857)

    assert reference.IsSame(wanted)
    assert (tmp_path / "x.cpg").read_text().strip() == "UTF-8"


def test_zip_members_are_named_alike_when_collections_differ(tmp_path: Path) -> None:
    files = write_index_files([row()], tmp_path, "Travis_USDA_1951_frames")

    with zipfile.ZipFile(files.zip_file) as zip_file:
        assert files.zip_file.name == "Travis_USDA_1951_frames_idx.zip"
        assert sorted(zip_file.namelist()) == [f"tile_index.{part}" for part in ("cpg", "dbf", "prj", "shp", "shx")]
        assert zip_file.read("tile_index.shp") == (tmp_path / "Travis_USDA_1951_frames.shp").read_bytes()


def test_bytes_are_equal_when_rows_come_later_and_in_another_order(tmp_path: Path) -> None:
    rows = [row(f"f{number}", roll=str(number)) for number in range(5)]
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()

    one = write_index_files(rows, first, "x")
    time.sleep(2.1)  # a zip counts in steps of two seconds
    two = write_index_files(rows[::-1], second, "x")

    for left, right in zip([*one.parts, one.zip_file], [*two.parts, two.zip_file], strict=True):
        assert left.read_bytes() == right.read_bytes(), left.name
    assert (first / "x.dbf").read_bytes()[1:4] == struct.pack("3B", 80, 1, 1)


def test_records_follow_the_byte_order_of_keys(tmp_path: Path) -> None:
    write_index_files([row("b"), row("a"), row("B"), row("ä")], tmp_path, "x")

    source = ogr.Open(str(tmp_path / "x.shp"))
    stems = [Path(feature["location"]).stem for feature in source.GetLayer()]

    assert stems == ["B", "a", "b", "ä"]


def test_link_is_left_empty_instead_of_cut_when_it_is_too_long_for_dbf(tmp_path: Path) -> None:
    too_long = "https://example.org/" + "%C3%A4" * 40
    fits = "https://example.org/" + "x" * 234

    files = write_index_files([row("a", dl_orig=too_long, dl_georef=fits)], tmp_path, "x")

    source = ogr.Open(str(tmp_path / "x.shp"))
    feature = source.GetLayer().GetNextFeature()
    assert feature["dl_orig"] is None
    assert feature["dl_georef"] == fits
    assert files.left_empty == 1


def test_shapefile_is_valid_when_a_collection_is_empty(tmp_path: Path) -> None:
    files = write_index_files([], tmp_path, "x")

    source = ogr.Open(str(tmp_path / "x.shp"))
    assert source.GetLayer().GetFeatureCount() == 0
    assert files.left_empty == 0


def test_geometry_is_refused_when_it_is_no_polygon(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one polygon, not POINT"):
        write_index_files([row(geom_wkb=shapely.Point(1, 2).wkb)], tmp_path, "x")
