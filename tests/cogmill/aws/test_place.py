"""Which of two buckets a key lies in: one list, that of what is public."""

from __future__ import annotations

import pytest
from cogmill.aws.place import ArchivePlace
from cogmill.domain.keys import OPEN_COPY
from cogmill.domain.screening import key_fault

COG = "bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.0123456789ab.tif"
INDEX = "bw/Travis/USDA_1951/frames/cog/tile_index/Travis_USDA_1951_frames_idx.zip"
SCAN = "bw/Travis/USDA_1951/frames/scanned/03-22-51_4-1.tif"
UPLOAD = "bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif"
ONE, TWO = ArchivePlace("uploads", "aerials/"), ArchivePlace("uploads", "aerials/", "open")


@pytest.mark.parametrize(
    "key",
    [COG, INDEX, "geojson/compiled_historical_indexes.fgb", "catalog/x/scans/bw/y.webp", "thumbnails/x_256.webp",
     "stac/catalog.json", "viewer/index.html", "nc/Travis/USDA_1951/frames/cog/by_others.tif"],
)  # fmt: skip
def test_what_is_written_for_the_public_lies_in_the_public_bucket(key):
    assert TWO.at(key) == {"Bucket": "open", "Key": f"aerials/{key}"}
    assert TWO.uri(key) == f"s3://open/aerials/{key}"
    assert TWO.gdal_root(key) == "/vsis3/open/aerials/"


@pytest.mark.parametrize(
    "key",
    [UPLOAD, SCAN, "mapfiles/x.map", "overviews/x/1/2_3.0123456789ab.tif", "reports/ledger.json", "proj/us_noaa.tif",
     "quarantine/" + COG, "quarantine/catalog/index.html", "catalog/upload.tif", "viewer/upload.tif", "bw/Travis/cog/x.tif",
     "catalog", "", "bw/"],
)  # fmt: skip
def test_everything_else_lies_beside_the_uploads(key):
    assert TWO.at(key) == {"Bucket": "uploads", "Key": f"aerials/{key}"}
    assert TWO.gdal_root(key) == "/vsis3/uploads/aerials/"


@pytest.mark.parametrize("key", [COG, SCAN, OPEN_COPY + SCAN, "catalog/index.html", ""])
def test_without_a_public_bucket_there_is_one_whatever_the_key(key):
    assert ONE.at(key) == {"Bucket": "uploads", "Key": f"aerials/{key}"}
    assert ONE.name(key, ONE.sides[0]) == key
    assert len(ONE.sides) == 1


@pytest.mark.parametrize("key", [COG, SCAN, UPLOAD, "catalog/upload.tif", "catalog/index.html", "mapfiles/x.map"])
def test_a_name_leads_back_to_the_object_that_it_was_given_to(key):
    uploads, public = TWO.sides
    names = {side.bucket: TWO.name(key, side) for side in (uploads, public)}

    assert TWO.at(names["open"]) == {"Bucket": "open", "Key": f"aerials/{key}"}
    assert names["uploads"] is None or TWO.at(names["uploads"]) == {"Bucket": "uploads", "Key": f"aerials/{key}"}
    assert (names["uploads"] is None) == (names["open"] == key), (
        "what belongs into the public bucket and lies beside the uploads"
    )


def test_no_upload_is_called_as_the_copy_of_another():
    assert "stands for another bucket" in key_fault(OPEN_COPY + SCAN)
