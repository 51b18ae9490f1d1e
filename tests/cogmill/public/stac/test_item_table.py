from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import rustac
import shapely
from cogmill.public.stac import item_table
from cogmill.public.stac.stac_documents import collection_documents

from tests.cogmill.public.stac.conftest import about, photograph

TABLE = "stac/travis_usda_1951_frames/items.parquet"


def written(frames):
    return {document.key: document for document in collection_documents(about(frames), frames)}


def without_own_link(item):
    return {**item, "links": [link for link in item["links"] if link["rel"] != "self"]}


def test_another_program_reads_the_same_items_as_there_are_as_json(various, tmp_path):
    documents = written(various)
    (tmp_path / "items.parquet").write_bytes(documents[TABLE].body)

    found = json.loads(
        json.dumps(rustac.read_sync(str(tmp_path / "items.parquet"))["features"])
    )  # its boxes are tuples

    alone = [json.loads(document.body) for key, document in documents.items() if "/items/" in key]
    assert found == [without_own_link(item) for item in alone]


def test_says_what_the_two_specifications_ask_for(various):
    documents = written(various)
    table = pq.ParquetFile(io.BytesIO(documents[TABLE].body))

    about_it = json.loads(table.metadata.metadata[b"stac-geoparquet"])
    geo = json.loads(table.metadata.metadata[b"geo"])
    collection = json.loads(documents["stac/travis_usda_1951_frames/collection.json"].body)
    embedded = about_it["collections"]["travis_usda_1951_frames"]
    assert about_it["version"] == "1.1.0"
    assert {**collection, "links": [link for link in collection["links"] if link["rel"] != "item"]} == embedded
    assert geo["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    rows = table.read()
    outlines = shapely.from_wkb(rows["geometry"].to_pylist())
    assert [list(box.values()) for box in rows["bbox"].to_pylist()] == shapely.bounds(outlines).tolist()
    west, south, east, north = geo["columns"]["geometry"]["bbox"]
    assert shapely.box(west - 1e-6, south - 1e-6, east + 1e-6, north + 1e-6).contains(shapely.union_all(outlines))


def test_rows_come_in_groups_that_leave_nothing_out(monkeypatch):
    monkeypatch.setattr(item_table, "ROWS", 3)
    frames = [photograph(number) for number in range(1, 9)]

    table = pq.ParquetFile(io.BytesIO(written(frames)[TABLE].body))

    assert [table.metadata.row_group(n).num_rows for n in range(table.num_row_groups)] == [3, 3, 2]
    assert table.read(["id"])["id"].to_pylist() == [f"bw_{frame.stem}" for frame in frames]
