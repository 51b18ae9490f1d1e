"""What it costs to add one frame to a collection that has few or many: every step of a run after the COG is built."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from osgeo import gdal

from include.cogmill.pipeline import Mill, publish

TURNS = 25
"""Frames added to each collection; the collections take turns, so that a busy moment of the machine hits both."""

BUILT = """
INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, date, roll, frame_num, acquired_from,
    acquired_to, scan_stem, source_sha256, recipe, cog_key, cog_size, cog_sha256, footprint, cpu_s, built_at)
SELECT collection_id, %(key)s, bands, %(key)s, etag, size, now(), 'built', date, roll, frame_num, acquired_from, acquired_to, %(key)s,
    source_sha256, recipe, replace(cog_key, stem, %(key)s), cog_size, cog_sha256, ST_Translate(footprint, 1, -1), cpu_s, now()
FROM cogmill.frame WHERE id = (SELECT max(id) FROM cogmill.frame WHERE collection_id = %(collection)s AND state = 'published')
RETURNING cog_key, ST_XMin(footprint), ST_YMax(footprint)
"""

PIXELS, PIXEL_M = 256, 20
"""The added frame has real pixels, because MapServer draws it for the proof."""


@dataclass(slots=True)
class Costs:
    """Seconds of each step, one entry per added frame."""

    index: list[float]
    draft: list[float]
    """Reading extent and dates of the whole collection, and rendering."""
    publish: list[float]
    """The same again, with the proof by MapServer, the PUT and the frames marked as published."""
    export: list[float]

    def ledger(self) -> list[float]:
        """Return what index and mapfile cost without MapServer and the bucket."""
        return [index + draft for index, draft in zip(self.index, self.draft, strict=True)]


def add_frames(mill: Mill, client: Any, libpq: dict[str, Any], collections: tuple[str, ...]) -> dict[str, Costs]:
    """Add frames to collections in turn and return what each step cost."""
    costs = {collection: Costs([], [], [], []) for collection in collections}
    with psycopg.connect(**libpq, autocommit=True) as connection:
        for turn in range(TURNS + 1):
            for collection, cost in costs.items():
                _put_frame(connection, client, mill.store.bucket, collection)
                for name, seconds in _steps(mill, collection):
                    if turn:  # the first opens connections and caches
                        getattr(cost, name).append(seconds)
    return costs


def _put_frame(connection: psycopg.Connection[Any], client: Any, bucket: str, collection: str) -> None:
    values = {"collection": collection, "key": f"added-{uuid.uuid4().hex}"}
    ((key, west, north),) = connection.execute(BUILT.encode(), values)
    path = "/vsimem/added.tif"
    dataset = gdal.GetDriverByName("GTiff").Create(path, PIXELS, PIXELS, 1, gdal.GDT_Byte)
    dataset.SetGeoTransform((west, PIXEL_M, 0, north, 0, -PIXEL_M))
    dataset.SetProjection("EPSG:3857")
    dataset.GetRasterBand(1).Fill(100)
    dataset = None
    client.put_object(Bucket=bucket, Key=key, Body=bytes(gdal.VSIGetMemFileBuffer_unsafe(path)))
    gdal.Unlink(path)


def _steps(mill: Mill, collection: str) -> Iterator[tuple[str, float]]:
    yield "index", timed(lambda: publish.update_tile_index(mill, collection))
    yield "draft", timed(lambda: publish.draft(mill, collection))
    yield "publish", timed(lambda: publish.publish_mapfile(mill, collection))
    yield "export", timed(lambda: publish.export_index(mill, collection))


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
