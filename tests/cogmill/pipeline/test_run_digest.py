from __future__ import annotations

import datetime as dt

import pytest
from cogmill.domain.keys import parse_upload
from cogmill.pipeline import ingest, run_digest

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
FRAMES, SHEETS, MOSAICS = (f"bw/Travis/USDA_1951/{product}/" for product in ("frames", "index", "mosaic"))


def digest(sample, folder, since=LONG_AGO):
    return run_digest.digest(sample.archive, f"travis_usda_1951_{folder.split('/')[-2]}", since)


def publish(sample, *keys):
    """Take keys all the way to the map, one collection."""
    for key in keys:
        sample.put(key, key.encode())
    ingest.ingest_uploads(sample.archive)
    collection = parse_upload(keys[0]).collection
    sample.build(collection)
    sample.publish(collection)


@pytest.mark.parametrize(
    ("folder", "upload", "expected"),
    [
        (FRAMES, "03-22-51_4-173.tif", "03-22-51_4-173.tif"),
        (SHEETS, "USDA_1951_01.tif", "USDA_1951_01.tif"),
        (SHEETS, "USDA_1951_01_2.tif", "USDA_1951_01.tif"),
        (SHEETS, "USDA_1951_01_800dpi_2.TIF", "USDA_1951_01_800dpi.tif"),
    ],
)
def test_asks_once_for_a_scan_that_is_missing_and_says_where_it_belongs(sample, folder, upload, expected):
    publish(sample, f"{folder}georef/{upload}")

    first = digest(sample, folder)
    later = digest(sample, folder, dt.datetime.now(dt.UTC))

    assert [missing.key for missing in first.missing_scans] == [f"{folder}georef/{upload}"]
    assert first.text.endswith(
        f"No scan for {folder}georef/{upload}; please upload the original as {folder}scanned/{expected}."
    )
    assert later.missing_scans == []


@pytest.mark.parametrize(
    ("folder", "upload", "scan"),
    [
        (FRAMES, "03-22-51_4-173.tif", "03-22-51_4-173.TIF"),
        (FRAMES, "03-22-51_4-173.TIF", "03-22-51_4-173.tif"),
        (SHEETS, "USDA_1951_01.tif", "USDA_1951_01.tif"),
        (SHEETS, "USDA_1951_01_2.tif", "USDA_1951_01.tif"),
        (SHEETS, "USDA_1951_01_800dpi_2.tif", "USDA_1951_01_800dpi.TIF"),
        (MOSAICS, "mosaic_1.tif", None),
    ],
)
def test_gives_no_false_alarm_when_the_scan_is_there_or_none_is_due(sample, folder, upload, scan):
    if scan:
        sample.put(f"{folder}scanned/{scan}")

    publish(sample, f"{folder}georef/{upload}")

    assert (digest(sample, folder).published, digest(sample, folder).missing_scans) == (1, [])
