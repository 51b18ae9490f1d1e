"""A service of many small frames in a stack of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil
import psycopg
import rasterio
from affine import Affine
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Product
from cogmill.mapserver.mapfile import Service, render
from cogmill.mapserver.urls import service_url
from rasterio.io import MemoryFile
from rasterio.shutil import copy

from bench.getmap.range_server import Whole, running
from demo.stack import Stack
from demo.stack.role import role_variables
from tests.system.probes import PNG, ask, command, put_mapfile, wait_until

WEST, NORTH = -10_880_000.0, 3_540_000.0
GSD_M, SIDE_PX = 2.0, 64
STEP_M = SIDE_PX * GSD_M
LATENCY_S = 0.02
"""What S3 takes until the first byte."""
LAYER = "Many_USDA_1951_frames"
REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/')
ROW = (
    "INSERT INTO cogmill.tile_index"
    " (oid, cog_key, location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, geom, collection_id)"
    # no frame of the ledger has a number as high: frames of other tests would take these rows
    " VALUES ((SELECT greatest(max(oid), 1000000000) + 1 FROM cogmill.tile_index), 'x', %s, 'EPSG:3857', '1951', '1', '1', '', '', '',"
    " ST_MakeEnvelope(%s, %s, %s, %s, 3857), %s)"
)


TAKEN, QUEUED = "03", "02"
"""States of a connection to a worker, as the kernel writes them."""


def busy(stack: Stack, *states: str) -> int:
    """Count the requests that workers have, and those that wait for one, as the kernel shows them."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()]
    sockets = {str(stack.paths.mapserv_socket), str(stack.paths.costly_socket)}
    return sum(line[-1] in sockets and line[5] in (states or (TAKEN, QUEUED)) for line in lines)


def workers(stack: Stack, name: str = "mapserv", program: str = "/mapserv") -> list[psutil.Process]:
    """Return the workers of a pool, or with `program` other than MapServer those who watch them."""
    quick = f"request_budget.py {role_variables()['__mapserver_quick']} "
    found = []
    for parent in psutil.Process(stack.supervisor.pid()).children():
        words = command(parent)
        if "multiwatch" in words and (quick in words) == (name == "mapserv"):
            found += [
                one for one in parent.children(recursive=True) if command(one).partition(" ")[0].endswith(program)
            ]
    return found


@dataclass(frozen=True)
class ManyFrames:
    """Frames side by side, each a COG of its own, in a folder of mapfiles that is a real s3fs mount."""

    stack: Stack
    side: int
    """Rows, and columns."""
    collection: str = "many_usda_1951_frames"
    address: str = ""
    """Where the COGs are, such as that of a slow server; empty: in the bucket."""

    def publish(self) -> None:
        """Put the COGs, their rows and the mapfile where the stack looks for them."""
        client, bucket, rows = self.stack.s3_client(), self.stack.settings.bucket, []
        for number in range(self.side**2):
            row, column = divmod(number, self.side)
            key, (west, north) = f"{self.collection}/cog/{row}-{column}.tif", corner(row, column)
            if not self.address:
                client.put_object(Bucket=bucket, Key=key, Body=cog(row, column))
            place = f"/vsicurl/{self.address}/{key}" if self.address else f"/vsis3/{bucket}/{key}"
            rows.append((place, west, north - STEP_M, west + STEP_M, north, self.collection))
        with psycopg.connect(self.stack.dsn("owner")) as ledger:
            for constraint in ("tile_index_oid_fkey", "tile_index_collection_id_fkey"):
                ledger.execute(f"ALTER TABLE cogmill.tile_index DROP CONSTRAINT IF EXISTS {constraint}")
            ledger.cursor().executemany(ROW, rows)
        put_mapfile(self.stack, self.collection, self.mapfile().encode())

    def mapfile(self) -> str:
        """Return the text of the service."""
        service = Service(
            collection_id=self.collection,
            service_name=LAYER,
            title="Many frames",
            product=Product.FRAMES,
            extent=Bounds3857(WEST, NORTH - self.side * STEP_M, WEST + self.side * STEP_M, NORTH),
            online_resource=service_url(self.stack.settings.front_url, self.collection),
        )
        return render(service)

    def query(
        self,
        frames: float,
        *,
        column: float = 0,
        row: float = 0,
        side_px: int = 256,
        collection: str = "",
        **words: str,
    ) -> str:
        """Ask for a square of `frames` times `frames` frames; column and row, from north-west, are those of the first.

        `collection` names another mapfile of the same frames, `words` other parameters of the request.
        """
        west, north = corner(row, column)
        usual = {
            "service": "WMS",
            "version": "1.1.1",
            "request": "GetMap",
            "layers": LAYER,
            "styles": "",
            "srs": "EPSG:3857",
            "bbox": f"{west + 1},{north - frames * STEP_M + 1},{west + frames * STEP_M - 1},{north - 1}",
            "width": side_px,
            "height": side_px,
            "format": "image/png",
        }
        return f"map=/mapfiles/{collection or self.collection}.map&{urlencode(usual | words)}"

    def requests(self) -> list[tuple[str, str]]:
        """Return what the S3 server was asked until now: method and path of each request."""
        log = (self.stack.paths.log / "moto.log").read_text(encoding="utf-8", errors="replace")
        return [(found["method"], found["path"]) for found in map(REQUEST.search, log.splitlines()) if found]


@contextmanager
def slow_server() -> Iterator[str]:
    """Serve every frame by byte ranges, each answer `LATENCY_S` after it was asked for; yields the address.

    So a drawing of many frames takes a time that does not depend on the machine.
    """

    def frame(path: str) -> Whole:
        return Whole(cog(*map(int, path.rpartition("/")[2].removesuffix(".tif").split("-"))))

    with running(frame, LATENCY_S) as (_, address):
        yield address


@contextmanager
def slow_frames(stack: Stack, side: int) -> Iterator[ManyFrames]:
    """Publish frames whose COGs come from a slow server, and wait for a map of them."""
    with slow_server() as address:
        frames = ManyFrames(stack, side, "slow_usda_1951_frames", address)
        frames.publish()
        wait_until(lambda: ask(stack, frames.query(1)).content.startswith(PNG), 20)
        yield frames


def corner(row: float, column: float) -> tuple[float, float]:
    """Return west and north of a frame in EPSG:3857 metres."""
    return WEST + column * STEP_M, NORTH - row * STEP_M


@cache
def cog(row: int, column: int) -> bytes:
    """Return the COG of a frame, of one band and one grey."""
    west, north = corner(row, column)
    profile = {"driver": "GTiff", "width": SIDE_PX, "height": SIDE_PX, "count": 1, "dtype": "uint8", "crs": "EPSG:3857"}
    with MemoryFile() as raw, MemoryFile(ext=".tif") as made:
        with raw.open(**profile, transform=Affine(GSD_M, 0, west, 0, -GSD_M, north)) as frame:
            frame.write(np.full((1, SIDE_PX, SIDE_PX), 120, np.uint8))
        with rasterio.open(raw.name) as frame:
            copy(frame, made.name, driver="COG", compress="DEFLATE")
        return bytes(made.getbuffer())
