"""A service of many small frames in a stack of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
import psycopg
import rasterio
from affine import Affine
from cogmill.domain.model import Product
from cogmill.mapserver.mapfile import Service, online_resource, render
from rasterio.io import MemoryFile
from rasterio.shutil import copy

from demo.stack import Stack
from tests.system.probes import put_mapfile

WEST, NORTH = -10_880_000.0, 3_540_000.0
GSD_M, SIDE_PX = 2.0, 64
STEP_M = SIDE_PX * GSD_M
COLLECTION = "many_usda_1951_frames"
LAYER = "Many_USDA_1951_frames"
REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/')
ROW = (
    "INSERT INTO cogmill.tile_index"
    " (oid, location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id)"
    " VALUES (%s, %s, 'EPSG:3857', '1951', '1', '1', '', '', '', ST_MakeEnvelope(%s, %s, %s, %s, 3857), %s)"
)


@dataclass(frozen=True)
class ManyFrames:
    """Frames side by side, each a COG of its own, in a folder of mapfiles that is a real s3fs mount."""

    stack: Stack
    side: int
    """Rows, and columns."""

    def publish(self) -> None:
        """Put the COGs, their rows and the mapfile where the stack looks for them."""
        client, bucket, rows = self.stack.s3_client(), self.stack.settings.bucket, []
        for number in range(self.side**2):
            row, column = divmod(number, self.side)
            west, north = WEST + column * STEP_M, NORTH - row * STEP_M
            key = f"bw/Many/USDA_1951/frames/cog/{row}-{column}.tif"
            client.put_object(Bucket=bucket, Key=key, Body=_cog(west, north))
            bounds = (west, north - STEP_M, west + STEP_M, north)
            rows.append((number + 1, f"/vsis3/{bucket}/{key}", *bounds, COLLECTION))
        with psycopg.connect(self.stack.dsn("owner")) as ledger:
            for constraint in ("tile_index_oid_fkey", "tile_index_collection_id_fkey"):
                ledger.execute(f"ALTER TABLE cogmill.tile_index DROP CONSTRAINT {constraint}")
            ledger.cursor().executemany(ROW, rows)
        put_mapfile(self.stack, COLLECTION, self.mapfile().encode())

    def mapfile(self) -> str:
        """Return the text of the service."""
        service = Service(
            collection_id=COLLECTION,
            service_name=LAYER,
            title="Many frames",
            product=Product.FRAMES,
            extent=(WEST, NORTH - self.side * STEP_M, WEST + self.side * STEP_M, NORTH),
            online_resource=online_resource(self.stack.settings.front_url, COLLECTION),
        )
        return render(service)

    def query(self, frames: int, *, column: int = 0, row: int = 0, collection: str = COLLECTION) -> str:
        """Ask for a square of `frames` times `frames` frames; column and row, from north-west, are those of the first."""
        west, north = WEST + column * STEP_M, NORTH - row * STEP_M
        words = {
            "service": "WMS",
            "version": "1.1.1",
            "request": "GetMap",
            "layers": LAYER,
            "styles": "",
            "srs": "EPSG:3857",
            "bbox": f"{west + 1},{north - frames * STEP_M + 1},{west + frames * STEP_M - 1},{north - 1}",
            "width": 256,
            "height": 256,
            "format": "image/png",
        }
        return f"map=/mapfiles/{collection}.map&{urlencode(words)}"

    def requests(self) -> list[tuple[str, str]]:
        """Return what the S3 server was asked until now: method and path of each request."""
        log = (self.stack.home.log / "moto.log").read_text(encoding="utf-8", errors="replace")
        return [(found["method"], found["path"]) for found in map(REQUEST.search, log.splitlines()) if found]


def _cog(west: float, north: float) -> bytes:
    profile = {"driver": "GTiff", "width": SIDE_PX, "height": SIDE_PX, "count": 1, "dtype": "uint8", "crs": "EPSG:3857"}
    with MemoryFile() as raw, MemoryFile(ext=".tif") as cog:
        with raw.open(**profile, transform=Affine(GSD_M, 0, west, 0, -GSD_M, north)) as frame:
            frame.write(np.full((1, SIDE_PX, SIDE_PX), 120, np.uint8))
        with rasterio.open(raw.name) as frame:
            copy(frame, cog.name, driver="COG", compress="DEFLATE")
        return bytes(cog.getbuffer())
