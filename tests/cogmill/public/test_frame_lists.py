"""The lists of a collection's photographs, read back by GDAL and as JSON."""

from __future__ import annotations

import json
import math
from datetime import date

import pytest
import shapely
from cogmill.domain import keys
from cogmill.index.columnar import read_flatgeobuf
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public import frame_lists
from cogmill.public.document import Document
from cogmill.public.facts import acquired_text

from tests.viewer.static_archive import collection_facts, published_frame

ADDRESSES = ArchiveAddresses("https://bucket.example.org", "https://maps.example.org")
NAMES = ["03-22-51_4-173", "03-22-51_5-51 50% Süd+", "03-22-51_6-&#x27,(evil)", "unknown_7-1"]


def documents(names: list[str] = NAMES) -> list[Document]:
    uploads = [keys.parse_upload(f"bw/Travis/USDA_V12/frames/georef/{name}.tif") for name in names]
    frames = [
        published_frame(upload, keys.cog_key(upload.collection, upload.bands, upload.stem, "0" * 12), square(number), None)
        for number, upload in enumerate(uploads)
    ]  # fmt: skip
    return list(frame_lists.documents(collection_facts(uploads[0].collection, frames, ADDRESSES), frames))


def square(number: int) -> shapely.Polygon:
    return shapely.box(1000 * number, 0, 1000 * number + 700, 700)


@pytest.fixture
def lists() -> dict[str, bytes]:
    return {document.key.rpartition("/")[2]: document.body for document in documents()}


def test_flatgeobuf_holds_each_photograph_once(lists, tmp_path):
    (tmp_path / "frames.fgb").write_bytes(lists["frames.fgb"])
    features = {
        values[0]: (dict(zip(frame_lists.NAMES, values, strict=True)), polygon)
        for batch in read_flatgeobuf(tmp_path / "frames.fgb", frame_lists.NAMES)
        for values, polygon in zip(batch.values, batch.polygons, strict=True)
    }

    assert set(features) == set(NAMES)
    known, outline = features[NAMES[1]]
    assert known["acquired"] == "1951-03-22"
    assert known["dl_georef"] == (
        "https://bucket.example.org/bw/Travis/USDA_V12/frames/cog/03-22-51_5-51%2050%25%20S%C3%BCd%2B.000000000000.tif"
    )
    assert known["dl_orig"] is None
    assert known["link"].startswith("https://bucket.example.org/catalog/travis_usda_v12_frames/photographs/bw/")
    assert outline.bounds == pytest.approx([math.degrees(x / 6378137) for x in (1000, 0, 1700, 700)], abs=1e-6)
    assert features["unknown_7-1"][0]["acquired"] is None


def test_search_list_names_a_place_within_the_outline(lists):
    content = json.loads(lists["frames.json"])

    assert content["columns"] == ["name", "roll", "frame", "date", "lon", "lat"]
    assert [entry[:4] for entry in content["frames"]][::3] == [
        ["bw/03-22-51_4-173", "4", "173", "1951-03-22"], ["bw/unknown_7-1", "7", "1", "unknown"],
    ]  # fmt: skip
    for number, (*_, lon, lat) in enumerate(content["frames"]):
        east, north = (math.radians(degrees) * 6378137 for degrees in (lon, lat))
        assert square(number).contains(shapely.Point(east, north))


def test_the_same_photographs_give_the_same_bytes():
    assert [document.body for document in documents()] == [document.body for document in documents()]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (None, None),
        ((date(1951, 3, 22), date(1951, 3, 22)), "1951-03-22"),
        ((date(1951, 1, 1), date(1951, 12, 31)), "1951"),
        ((date(1951, 1, 1), date(1951, 11, 30)), "1951-01-01/1951-11-30"),
    ],
)
def test_days_are_said_as_exactly_as_they_are_known(days, text):
    assert acquired_text(days) == text
