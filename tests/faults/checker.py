"""One function that says everything in which the layers of an archive disagree: bucket, ledger, index, overviews, mapfiles, public files.

It shares nothing with `cogmill.maintenance.compare`: objects come from a client of its own, rows by its own SQL, pixels from GDAL, and
what is right follows from the uploads alone. It is for archives whose uploads are good frames in EPSG:3857.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from osgeo import gdal, ogr
from psycopg.rows import dict_row

EXTRA = ("reports/", "geojson/compiled_historical_indexes.")
"""Where objects of the archive as a whole begin."""

DIGEST = re.compile(r"^(overviews/|.*/cog/).*\.[0-9a-f]{12}\.tif$")
"""Names of COGs and cells. Maintenance deletes those that nothing names, days later."""

TOLERANCE = 12
"""Gray levels by which a cell of an overview may differ from the frame it shows: it is compressed and drawn at another scale."""

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(frozen=True)
class Picture:
    """Pixels of a raster with a mask of which are valid (True), both (rows, columns), and where they lie."""

    data: np.ndarray
    valid: np.ndarray
    bounds: Bounds


class Layers:
    """What is there now, of all five layers.

    The archive may be at work meanwhile. What the ledger names is stored before and stays for days after, so the ledger is read first,
    as of one moment. A mapfile is written after the rows that it shows: those are asked for once more behind the bucket.
    """

    def __init__(self, client: Any, bucket: str, libpq: Mapping[str, Any]) -> None:
        self.bucket = bucket
        self._read_ledger(libpq)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        self.objects = {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        with psycopg.connect(**libpq) as connection:
            indexed = connection.execute("SELECT DISTINCT collection_id FROM cogmill.tile_index")
            self.indexed = {row["collection_id"] for row in self.index.values()} | {name for (name,) in indexed}

    def _read_ledger(self, libpq: Mapping[str, Any]) -> None:
        with psycopg.connect(**libpq, row_factory=dict_row) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self.frames = {row["source_key"]: row for row in connection.execute("SELECT * FROM cogmill.frame")}
            self.index = {
                row["oid"]: row
                for row in connection.execute("SELECT *, ST_AsText(ST_Envelope(geom)) AS box FROM cogmill.tile_index")
            }
            self.collections = connection.execute("SELECT * FROM cogmill.collection").fetchall()
            self.cells = connection.execute("SELECT * FROM cogmill.overview").fetchall()
            retired = "SELECT key FROM cogmill.retired_cog UNION SELECT key FROM cogmill.retired_overview"
            self.retired = {row["key"] for row in connection.execute(retired)}
            public = connection.execute("SELECT key, sha256 FROM cogmill.public_document")
            self.public = {row["key"]: row["sha256"] for row in public}


def disagreements(client: Any, bucket: str, libpq: Mapping[str, Any], uploads: Mapping[str, bytes]) -> list[str]:
    """Return what is lost, wrong or left over once everything has come to rest, in words; empty when nothing is.

    Args:
        client: A boto3 client that reaches the bucket itself, whatever stands in between for others.
        bucket: Name of the bucket.
        libpq: Parameters that reach the database itself, with the role of its owner.
        uploads: Key and bytes of all that people have uploaded and not deleted: good frames.
    """
    layers = Layers(client, bucket, libpq)
    return [
        *lies(client, bucket, libpq),
        *_wrong_uploads(layers, uploads),
        *_wrong_rows(layers, uploads),
        *_wrong_collections(layers),
        *_wrong_overviews(layers, uploads),
        *_wrong_public(layers),
        *_left_over(layers, uploads),
    ]


def lies(client: Any, bucket: str, libpq: Mapping[str, Any]) -> list[str]:
    """Return what the public sees and cannot have, which must not be at any moment: also in the middle of a fault."""
    layers = Layers(client, bucket, libpq)
    root = f"/vsis3/{bucket}/"
    shown = [row["location"].removeprefix(root) for row in layers.index.values()]
    found = [f"index: row of {key}, which is not in the bucket" for key in shown if key not in layers.objects]
    hashes = {frame["cog_key"]: frame["cog_sha256"] for frame in layers.frames.values()}
    found += [f"index: {key} has other bytes than were verified" for key in shown if _other(layers, key, hashes)]
    for cell in layers.cells:
        if cell["key"] not in layers.objects:
            found.append(f"overviews: {cell['key']} is shown and not in the bucket")
        elif _sha256(layers.objects[cell["key"]]) != cell["sha256"]:
            found.append(f"overviews: {cell['key']} has other bytes than are shown")
    for collection in layers.collections:
        mapfile = layers.objects.get(f"mapfiles/{collection['id']}.map")
        if mapfile is not None and collection["id"] not in layers.indexed:
            found.append(f"mapfile: {collection['id']} is offered without a frame")
    return found


def _other(layers: Layers, key: str, hashes: Mapping[str, str]) -> bool:
    return key in layers.objects and key in hashes and _sha256(layers.objects[key]) != hashes[key]


def _wrong_uploads(layers: Layers, uploads: Mapping[str, bytes]) -> Iterator[str]:
    for key, body in uploads.items():
        if layers.objects.get(key) != body:
            yield f"bucket: upload {key} is gone or has other bytes"
        frame = layers.frames.get(key)
        if fault := _frame_fault(frame, body):
            yield f"ledger: {key} {fault}"
    for key, frame in layers.frames.items():
        if key not in uploads and frame["state"] != "withdrawn":
            yield f"ledger: {key} is {frame['state']}, and nobody uploaded it"


def _frame_fault(frame: dict[str, Any] | None, body: bytes) -> str:
    if frame is None:
        return "is unknown"
    if frame["state"] != "published":
        return f"is {frame['state']}: {frame['reason']} {frame['detail']}"
    if frame["etag"] != hashlib.md5(body, usedforsecurity=False).hexdigest():
        return "stands for other bytes"
    if frame["source_sha256"] != _sha256(body):
        return "has a COG of other bytes"
    return "is still leased" if frame["lease_owner"] is not None else ""


def _wrong_rows(layers: Layers, uploads: Mapping[str, bytes]) -> Iterator[str]:
    wanted = {layers.frames[key]["id"]: key for key in uploads if key in layers.frames}
    for number in layers.index.keys() - wanted.keys():
        yield f"index: row {number} belongs to no upload"
    for number, key in wanted.items():
        frame, row = layers.frames[key], layers.index.get(number)
        if row is None:
            yield f"index: no row of {key}"
            continue
        if row["location"] != f"/vsis3/{layers.bucket}/{frame['cog_key']}":
            yield f"index: row of {key} names {row['location']}"
        source, cog = _picture(uploads[key]), _picture(layers.objects.get(frame["cog_key"], b""))
        if source is None or cog is None or source.bounds != cog.bounds or not np.array_equal(source.data, cog.data):
            yield f"bucket: the COG of {key} shows something else than the upload"
        elif _box(row["box"]) != source.bounds:
            yield f"index: the row of {key} lies elsewhere"


def _wrong_collections(layers: Layers) -> Iterator[str]:
    for collection in layers.collections:
        name = collection["id"]
        rows = [row for row in layers.index.values() if row["collection_id"] == name]
        mapfile = layers.objects.get(f"mapfiles/{name}.map")
        if rows and mapfile is None:
            yield f"mapfile: {name} has none"
        if mapfile is not None and _sha256(mapfile) != collection["mapfile_sha256"]:
            yield f"mapfile: that of {name} is not the one that was published"
        for revision in ("exported_revision", "mapfile_revision", "overview_revision"):
            if rows and collection[revision] != collection["revision"]:
                yield f"ledger: {revision} of {name} is {collection[revision]} of {collection['revision']}"
        folders = {row["location"].rpartition("/")[0].split("/", 3)[3] for row in rows}
        for folder in sorted(folders):
            located = sorted(row["location"] for row in rows if f"/{folder}/" in row["location"])
            key = f"{folder}/tile_index/{folder.split('/')[1]}_{'_'.join(folder.split('/')[2:4])}.shp"
            if (exported := _exported(layers, key)) != located:
                yield f"index files: {key} names {exported}"


def _wrong_overviews(layers: Layers, uploads: Mapping[str, bytes]) -> Iterator[str]:
    finest = max((cell["level"] for cell in layers.cells), default=None)
    pictures = {
        cell["key"]: _picture(layers.objects.get(cell["key"], b"")) for cell in layers.cells if cell["level"] == finest
    }
    for key, body in uploads.items():
        source = _picture(body)
        if finest is None or source is None:
            continue
        parts = [part for picture in pictures.values() if picture and (part := _middle(picture, source.bounds)).size]
        wanted = float(_middle(source, source.bounds).mean())
        seen = float(np.concatenate([part.ravel() for part in parts]).mean()) if parts else -1.0
        if abs(seen - wanted) > TOLERANCE:
            yield f"overviews: {key} has gray {wanted:.0f} and is shown as {seen:.0f}"


def _wrong_public(layers: Layers) -> Iterator[str]:
    for key, sha256 in layers.public.items():
        if key not in layers.objects:
            yield f"public: {key} is recorded and not in the bucket"
        elif _sha256(layers.objects[key]) != sha256:
            yield f"public: {key} has other bytes than are recorded"


def _left_over(layers: Layers, uploads: Mapping[str, bytes]) -> Iterator[str]:
    """Say what nobody knows of. Whole objects with a digest in their names, which a run that was interrupted has left, are not shown to anybody."""
    named = {frame["cog_key"] for frame in layers.frames.values()} | {cell["key"] for cell in layers.cells}
    for key in layers.objects.keys() - uploads.keys() - named - layers.retired - layers.public.keys():
        known = "/tile_index/" in key or key.startswith(("mapfiles/", "thumbnails/", *EXTRA))
        if not known and not DIGEST.search(key):
            yield f"bucket: nobody knows of {key}"


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@contextmanager
def _in_memory(body: bytes, name: str) -> Iterator[str]:
    path = f"/vsimem/{uuid.uuid4().hex}/{name}"
    gdal.FileFromMemBuffer(path, body)
    try:
        yield path
    finally:
        gdal.Unlink(path)


def _picture(body: bytes) -> Picture | None:
    gdal.UseExceptions()
    with _in_memory(body, "picture.tif") as path:
        try:
            dataset = gdal.Open(path)
            west, width, _, north, _, height = dataset.GetGeoTransform()
            edges = (west, north + height * dataset.RasterYSize, west + width * dataset.RasterXSize, north)
            band = dataset.GetRasterBand(1)
            return Picture(band.ReadAsArray(), band.GetMaskBand().ReadAsArray() > 0, edges)
        except RuntimeError:  # cannot be read
            return None


def _middle(picture: Picture, bounds: Bounds) -> np.ndarray:
    """Return the valid pixels of a picture in the middle third of some bounds, where no neighbor covers a frame."""
    rows, columns = picture.data.shape
    west, south, east, north = picture.bounds
    across, down = (bounds[2] - bounds[0]) / 3, (bounds[3] - bounds[1]) / 3
    first_column, last_column = (
        round((x - west) / (east - west) * columns) for x in (bounds[0] + across, bounds[2] - across)
    )
    first_row, last_row = (round((north - y) / (north - south) * rows) for y in (bounds[3] - down, bounds[1] + down))
    window = (slice(max(first_row, 0), max(last_row, 0)), slice(max(first_column, 0), max(last_column, 0)))
    part: np.ndarray = picture.data[window][picture.valid[window]]
    return part


def _box(text: str) -> Bounds:
    west, east, south, north = ogr.CreateGeometryFromWkt(text).GetEnvelope()
    return (west, south, east, north)


def _exported(layers: Layers, key: str) -> list[str]:
    """Return what the attribute `location` of a shapefile says, sorted."""
    folder = f"/vsimem/{uuid.uuid4().hex}"
    for end in (".shp", ".dbf", ".shx"):
        gdal.FileFromMemBuffer(f"{folder}/index{end}", layers.objects.get(key.removesuffix(".shp") + end, b""))
    try:
        dataset = ogr.Open(f"{folder}/index.shp")  # must outlive its layer
        return sorted(feature.GetField("location") for feature in dataset.GetLayer() if feature.GetGeometryRef().Area())
    except (RuntimeError, AttributeError, KeyError):
        return ["nothing that can be read"]
    finally:
        for end in (".shp", ".dbf", ".shx"):
            gdal.Unlink(f"{folder}/index{end}")
