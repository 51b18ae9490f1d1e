"""The items of a collection as STAC GeoParquet: one file for any number of photographs, read by columns and by place.

Version 1.1 of https://github.com/radiantearth/stac-geoparquet-spec: properties are columns of their own, times are timestamps.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from cogmill.public.facts import CollectionFacts, PublishedFrame, polygons
from cogmill.public.stac.item import FILE_WORDS, items
from cogmill.public.stac.stac_links import Json

SPECIFICATION = "1.1.0"
"""Version of STAC GeoParquet."""

ROWS = 5_000
"""Items per row group: what a reader fetches at least."""

OBJECTS = 500
"""Items that are held in memory as objects: a thousand dictionaries cost Python's garbage collector more than they cost to make."""

_MOMENT = pa.timestamp("ms", tz="UTC")

_TEXT = pa.string()

_NUMBERS = pa.list_(pa.float64())

_FILE = [("href", _TEXT), ("title", _TEXT), ("type", _TEXT), ("roles", pa.list_(_TEXT)), ("file:size", pa.int64())]

_COG = [
    *_FILE,
    ("file:checksum", _TEXT),
    ("data_type", _TEXT),
    ("raster:sampling", _TEXT),
    ("raster:spatial_resolution", pa.float64()),
    ("proj:code", _TEXT),
    ("proj:bbox", _NUMBERS),
    ("proj:shape", pa.list_(pa.int64())),
    ("proj:transform", _NUMBERS),
]

PROPERTIES = {
    "title": _TEXT,
    "datetime": _MOMENT,
    "start_datetime": _MOMENT,
    "end_datetime": _MOMENT,
    "gsd": pa.float64(),
    "description": _TEXT,
    **{f"cogmill:{word}": _TEXT for word in FILE_WORDS},
    "cogmill:dated": _TEXT,
    "cogmill:date": _TEXT,
    "cogmill:roll": _TEXT,
    "cogmill:frame": _TEXT,
    "cogmill:agency": _TEXT,
    "cogmill:county": _TEXT,
    "cogmill:product": _TEXT,
    "cogmill:bands": _TEXT,
    "cogmill:source_crs": _TEXT,
    "cogmill:adjustments": _TEXT,
    "cogmill:shift_accuracy": pa.float64(),
    "cogmill:uploaded": _MOMENT,
    "film:id": _TEXT,
    "film:negative_sequence": pa.int64(),
}
"""Every property that an item may have, and its type."""

SCHEMA = pa.schema(
    {
        "id": _TEXT,
        "stac_version": _TEXT,
        "stac_extensions": pa.list_(_TEXT),
        "geometry": pa.binary(),
        "bbox": pa.struct([(edge, pa.float64()) for edge in ("xmin", "ymin", "xmax", "ymax")]),
        "links": pa.list_(pa.struct([(name, _TEXT) for name in ("href", "rel", "type", "title")])),
        "assets": pa.struct([("cog", pa.struct(_COG)), ("scan", pa.struct(_FILE))]),
        "collection": _TEXT,
        **PROPERTIES,
    }
)


def item_table(facts: CollectionFacts, frames: Sequence[PublishedFrame], collection: Json) -> bytes:
    """Return all items of a collection as one file. Equal items give equal bytes.

    Args:
        facts: Of the collection.
        frames: Its photographs, the rows in their order.
        collection: The STAC collection, which the file holds too.
    """
    target = io.BytesIO()
    schema = SCHEMA.with_metadata({"geo": _geo(facts), "stac-geoparquet": _about(collection)})
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for start in range(0, len(frames), ROWS):
            group = frames[start : start + ROWS]
            parts = [_rows(facts, group[first : first + OBJECTS]) for first in range(0, len(group), OBJECTS)]
            # in one piece, so that the bytes do not tell how the rows were made
            table = pa.concat_tables(parts).combine_chunks()
            writer.write_table(table.cast(schema), row_group_size=ROWS)
    return target.getvalue()


def _rows(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> pa.Table:
    outlines = polygons(frames)
    rows = [_row(item) for item in items(facts, frames, outlines)]
    columns = {name: [row.get(name) for row in rows] for name in SCHEMA.names if name != "geometry"}
    columns["geometry"] = shapely.to_wkb(outlines, byte_order=1)
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _row(item: Json) -> Json:
    properties = item["properties"]
    for name, kind in PROPERTIES.items():
        if kind == _MOMENT and properties[name] is not None:
            properties[name] = dt.datetime.fromisoformat(properties[name])
    return {**item, **properties, "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), item["bbox"], strict=True))}


def _geo(facts: CollectionFacts) -> str:
    """Return the metadata of GeoParquet; without a CRS it is OGC:CRS84, longitude and latitude."""
    column = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "orientation": "counterclockwise",
        "bbox": list(facts.bounds),
        "covering": {"bbox": {edge: ["bbox", edge] for edge in ("xmin", "ymin", "xmax", "ymax")}},
    }
    return json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}})


def _about(collection: Json) -> str:
    return json.dumps({"version": SPECIFICATION, "collections": {collection["id"]: collection}})
