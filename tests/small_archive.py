"""An archive in a real bucket and a real ledger, without pixels: what the layers look like after frames were published."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psycopg
import shapely
from cogmill.aws.s3 import PutOptions
from cogmill.domain import keys
from cogmill.domain.model import Bands, BuiltCog, Collection, Product
from cogmill.index.tile_index import IndexAddress, IndexedFrame, index_row
from cogmill.ledger.collections import Candidate
from cogmill.ledger.frames import CogVersion, Job
from cogmill.pipeline import Archive, build_cogs, ingest, publish, update_overviews
from cogmill.pipeline.batches import plan_batches
from osgeo import gdal, osr

TRAVIS = Collection("Travis", "USDA", "1951", Product.FRAMES)
MAPFILE = "MAP END\n"
SIDE_M = 1000
"""Metres along one side of a frame without pixels."""


@dataclass(frozen=True)
class SmallArchive:
    archive: Archive
    client: Any
    libpq: dict[str, object]

    def put(self, key: str, body: bytes = b"x") -> None:
        self.client.put_object(**self.archive.store.place.at(key), Body=body)

    def delete(self, key: str) -> None:
        self.client.delete_object(**self.archive.store.place.at(key))

    def listed(self, prefix: str = "") -> list[str]:
        """Return the names of all objects, of both buckets where there are two."""
        where, pages = self.archive.store.place, self.archive.store.pages
        found = [(o.key, side) for side in where.sides for page in pages(prefix, side=side) for o in page.objects]
        return sorted(where.name(key, side) or f"astray: {key}" for key, side in found)

    def etag(self, key: str) -> str:
        return self.client.head_object(**self.archive.store.place.at(key))["ETag"].strip('"')

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(**self.libpq, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def upload(self, collection: Collection = TRAVIS, frames: int = 3, first: int = 1, body: bytes = b"x") -> list[str]:
        prefix = collection.prefix(Bands.BW)
        stems = [self.stem(collection, number) for number in range(first, first + frames)]
        for stem in stems:
            if collection.product != Product.MOSAIC:
                self.put(f"{prefix}scanned/{stem}.tif")
            self.put(f"{prefix}georef/{stem}.tif", body)
        return [f"{prefix}georef/{stem}.tif" for stem in stems]

    @staticmethod
    def stem(collection: Collection, number: int) -> str:
        names = {Product.FRAMES: f"03-22-51_4-{number}", Product.MOSAIC: f"mosaic_{number}"}
        return names.get(collection.product, f"{collection.agency}_{collection.year}_{number:02d}")

    def build(self, collection: Collection = TRAVIS) -> int:
        """Stand in for the engine: store some bytes as the COG of each frame that is due."""
        ledger = self.archive.ledger
        jobs = ledger.frames.claim([f.id for f in ledger.frames.due(collection.id, 10_000)], "tests", 60)
        for job in jobs:
            body = self.cog_body(job)
            sha256 = hashlib.sha256(body).hexdigest()
            key = keys.cog_key(job.collection, job.bands, job.stem, sha256[:12])
            with TemporaryDirectory(prefix="cogmill-test-") as folder:
                path = Path(folder) / "cog.tif"
                path.write_bytes(body)
                self.archive.store.create(key, path, sha256, PutOptions("image/tiff"))
            ledger.frames.mark_built(job, "tests", CogVersion(key, sha256, "recipe"), _cog(job.id, len(body), sha256))
        return len(jobs)

    def cog_body(self, job: Job) -> bytes:
        return f"COG of {job.source_key} {job.etag}".encode()

    def publish(self, collection: Collection = TRAVIS, mapfile: str = MAPFILE) -> None:
        ledger = self.archive.ledger
        ledger.collections.change_index(
            collection.id, lambda frames: [self._row(collection, frame) for frame in frames]
        )
        revision = ledger.collections.state(collection.id).revision
        for bands in ledger.collections.bands_of(collection.id):
            for key in keys.index_file_keys(collection, bands):
                self.archive.store.replace(key, b"x", PutOptions("application/zip").with_sha256("0" * 64))
        ledger.collections.mark_exported(collection.id, revision)
        self.put(keys.mapfile_key(collection.id), mapfile.encode())
        sha256 = hashlib.sha256(mapfile.encode()).hexdigest()
        ledger.collections.mark_published(collection.id, revision, sha256)
        for size in keys.THUMBNAIL_SIZES:
            self.put(keys.thumbnail_key(collection.id, size))
        self.sql("UPDATE cogmill.collection SET overview_revision = revision WHERE id = %s", collection.id)

    def _row(self, collection: Collection, frame: Candidate) -> dict[str, Any]:
        zip_key = keys.index_zip_key(collection, frame.bands)
        root = self.archive.store.place.gdal_root(frame.cog_key)
        address = IndexAddress(collection.product, root, self.archive.settings.public_url, zip_key)
        known = IndexedFrame(frame.id, frame.name, frame.cog_key, frame.scan_key, frame.footprint_wkb)
        values = asdict(index_row(known, address))
        del values["geom_wkb"]
        return values

    def upload_real(self, number: int, collection: Collection = TRAVIS, seed: int = 1) -> str:
        """Upload a small real frame, 128 px of 2 m, beside its neighbours."""
        key = f"{collection.prefix(Bands.BW)}georef/{self.stem(collection, number)}.tif"
        self.put(key, geotiff(-10_900_000 + 200 * number, seed))
        return key

    def run(self, collection: Collection = TRAVIS, *, overviews: bool = True) -> None:
        """Do what a run of the collection's DAG does, to its last task or to the one before."""
        ingest.ingest_uploads(self.archive)
        for batch in plan_batches(self.archive, collection.id):
            build_cogs.build_batch(self.archive, batch["frame_ids"], "tests")
        publish.update_tile_index(self.archive, collection.id)
        publish.export_index(self.archive, collection.id)
        publish.publish_mapfile(self.archive, collection.id)
        if overviews:
            update_overviews.update_overviews(self.archive, collection.id)

    def published(self, collection: Collection = TRAVIS, frames: int = 3) -> SmallArchive:
        """Take a collection all the way from its uploads to its mapfile."""
        self.upload(collection, frames)
        ingest.ingest_uploads(self.archive)
        self.build(collection)
        self.publish(collection)
        return self

    def states(self, collection: Collection = TRAVIS) -> Sequence[str]:
        query = "SELECT state FROM cogmill.frame WHERE collection_id = %s ORDER BY source_key"
        return [state for (state,) in self.sql(query, collection.id)]


def geotiff(west: float, seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(60, 200, (8, 8), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    return raster(pixels, west, 3_500_000, 2)


def raster(pixels: np.ndarray, west: float, north: float, pixel_m: float, *, epsg: int = 3857) -> bytes:
    """Write a GeoTIFF of pixels, shape (rows, columns) or (bands, rows, columns)."""
    gdal.UseExceptions()
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    path = f"/vsimem/{uuid.uuid4().hex}.tif"
    bands, rows, columns = (1, *pixels.shape)[-3:]
    dataset = gdal.GetDriverByName("GTiff").Create(path, columns, rows, bands, gdal.GDT_Byte)
    dataset.SetGeoTransform((west, pixel_m, 0, north, 0, -pixel_m))
    dataset.SetProjection(reference.ExportToWkt())
    dataset.WriteArray(pixels)
    dataset = None
    body = bytes(gdal.VSIGetMemFileBuffer_unsafe(path))
    gdal.Unlink(path)
    return body


def west_of(number: int) -> float:
    """Return where a frame without pixels begins; neighbours overlap by 200 m."""
    return -10_900_000 + 800 * number


def _cog(number: int, size: int, sha256: str) -> BuiltCog:
    west = west_of(number)
    footprint = shapely.box(west, 3_500_000, west + SIDE_M, 3_500_000 + SIDE_M)
    return BuiltCog("x", size, sha256, shapely.to_wkb(footprint), 10, 10, 1.0, "EPSG:26914", "none", 0.5, 1)
