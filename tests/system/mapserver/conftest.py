"""A private PostGIS, an S3 server and the real `mapserv`, for the tests of mapfiles; nothing outlives the session."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import logging
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import numpy as np
import psycopg
import pytest
import rasterio
import shapely
from moto.server import ThreadedMotoServer
from osgeo import gdal, osr
from PIL import Image

from include.cogmill.mapfile import Service, online_resource
from include.cogmill.model import FrameName, Product
from include.cogmill.tile_index import IndexAddress, IndexedFrame, IndexRow, index_row

gdal.UseExceptions()

BUCKET = "cogmill"
SECRET = "canary-secret-7f3a"  # must never turn up in any answer
AS_POSTGRES = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

TILE_INDEX = """
CREATE EXTENSION postgis; CREATE EXTENSION btree_gist; CREATE SCHEMA cogmill;
CREATE TABLE cogmill.tile_index (oid bigint PRIMARY KEY, location text, src_srs text, date text, roll text,
  frame_num text, dl_orig text, dl_georef text, dl_index text, geom geometry(Polygon, 3857) NOT NULL,
  collection_id text NOT NULL, acquired date);
CREATE INDEX ON cogmill.tile_index USING gist (collection_id, geom);
CREATE ROLE cogmill_reader LOGIN PASSWORD 'canary-secret-7f3a';
GRANT USAGE ON SCHEMA cogmill TO cogmill_reader; GRANT SELECT ON cogmill.tile_index TO cogmill_reader;
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class PostGis:
    """A running cluster with an empty tile index."""

    folder: Path
    port: int

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host="127.0.0.1", port=self.port, dbname="cogmill", user="postgres", autocommit=True)

    def publish(self, row: IndexRow, collection_id: str) -> None:
        values = [getattr(row, field.name) for field in dataclasses.fields(row)]
        marks = "%s,%s,%s,%s,%s,%s,%s,%s,%s,ST_GeomFromWKB(%s,3857),%s"
        columns = "oid,location,src_srs,date,roll,frame_num,dl_orig,dl_georef,dl_index,geom,acquired,collection_id"
        with self.connect() as connection:
            connection.execute(
                f"INSERT INTO cogmill.tile_index ({columns}) VALUES ({marks},%s)",  # noqa: S608
                [*values, collection_id],
            )

    def clear(self) -> None:
        with self.connect() as connection:
            connection.execute("TRUNCATE cogmill.tile_index")

    @property
    def environment(self) -> dict[str, str]:
        return {"PGSERVICEFILE": str(self.folder / "pg_service.conf")}


def as_postgres(program: str, *arguments: str | Path) -> None:
    """Run a program of the newest installed PostgreSQL; it refuses to work for root."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
    command = [*AS_POSTGRES, binaries / program, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def start_cluster(folder: Path, port: int) -> None:
    as_postgres("initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "-N")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    as_postgres("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")


@pytest.fixture(scope="session")
def postgis() -> Iterator[PostGis]:
    folder = Path(tempfile.mkdtemp(prefix="cogmill-pg-"))
    if AS_POSTGRES:
        shutil.chown(folder, "postgres")
    folder.chmod(0o755)
    cluster = PostGis(folder, free_port())
    start_cluster(folder, cluster.port)
    try:
        with psycopg.connect(host="127.0.0.1", port=cluster.port, user="postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE cogmill")
        with cluster.connect() as connection:
            connection.execute(TILE_INDEX)
        service = f"host=127.0.0.1\nport={cluster.port}\ndbname=cogmill\nuser=cogmill_reader\npassword={SECRET}\n"
        (folder / "pg_service.conf").write_text(f"[cogmill]\n{service}")
        yield cluster
    finally:
        as_postgres("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Store:
    """A bucket on a local S3 server."""

    port: int
    client: Any

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_S3_ENDPOINT": f"127.0.0.1:{self.port}",
            "AWS_HTTPS": "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_ACCESS_KEY_ID": "cogmill",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def put(self, key: str, path: Path) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # one line per request says nothing
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="cogmill",
        aws_secret_access_key=SECRET,
    )
    client.create_bucket(Bucket=BUCKET)
    yield Store(port, client)
    server.stop()


@pytest.fixture(scope="session")
def make_cog(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of COGs from `(bands, rows, columns)` pixels and a `(rows, columns)` mask, True = valid."""

    def make(
        pixels: np.ndarray, valid: np.ndarray, origin: tuple[float, float], gsd_m: float = 2.0, **options: str
    ) -> Path:
        target = tmp_path_factory.mktemp("cog") / "frame.tif"
        bands, rows, columns = pixels.shape
        raw = gdal.GetDriverByName("MEM").Create("", columns, rows, bands)
        raw.SetGeoTransform((origin[0], gsd_m, 0, origin[1], 0, -gsd_m))
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(3857)
        raw.SetProjection(reference.ExportToWkt())
        raw.WriteArray(pixels)
        raw.CreateMaskBand(gdal.GMF_PER_DATASET)
        raw.GetRasterBand(1).GetMaskBand().WriteArray(np.where(valid, 255, 0).astype(np.uint8))
        wanted = {"BLOCKSIZE": "128", "COMPRESS": "DEFLATE", "RESAMPLING": "AVERAGE", **options}
        gdal.Translate(str(target), raw, format="COG", creationOptions=[f"{k}={v}" for k, v in wanted.items()])
        return target

    return make


@dataclass(frozen=True)
class Answer:
    """What the program `mapserv` said to one request."""

    content_type: str
    body: bytes
    log: str

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def rgba(self) -> np.ndarray:
        """Pixels of a PNG, `(rows, columns, 4)`."""
        assert self.content_type.startswith("image/png"), self.text
        return np.asarray(Image.open(io.BytesIO(self.body)).convert("RGBA")).astype(int)


@dataclass(frozen=True)
class MapServer:
    """The local `mapserv` with one folder of mapfiles."""

    folder: Path
    environment: Mapping[str, str]

    def ask(self, mapfile: str, query: str, **environment: str) -> Answer:
        path = self.folder / "draft.map"
        path.write_text(mapfile, encoding="utf-8")
        env = {
            **self.environment,
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": f"map={path}&{query}",
            "SERVER_NAME": "maps.example.org",
            "SERVER_PORT": "80",
            "SCRIPT_NAME": "/wms/",
            **environment,
        }
        done = subprocess.run(["mapserv"], env=env, capture_output=True, check=False, timeout=60, cwd=self.folder)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        content_type = next(
            (line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-type")), b""
        )
        return Answer(content_type.decode(), body, done.stderr.decode())


@pytest.fixture(scope="session")
def mapserver(postgis: PostGis, store: Store, tmp_path_factory: pytest.TempPathFactory) -> MapServer:
    folder = tmp_path_factory.mktemp("mapfiles")
    config = folder / "mapserver.conf"
    config.write_text(f'CONFIG\nENV\nMS_MAP_PATTERN "^{folder}/[a-z0-9_]+\\.map$"\nEND\nEND\n')
    environment = {
        "PATH": os.environ["PATH"],
        "MAPSERVER_CONFIG_FILE": str(config),
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
        "GDAL_PAM_ENABLED": "NO",
        "MS_ERRORFILE": "stderr",
        **postgis.environment,
        **store.environment,
    }
    return MapServer(folder, environment)


Bounds = tuple[float, float, float, float]


class Archive:
    """A bucket with COGs and their tile index, filled by the tests."""

    collection_id = "travis_usda_1951_frames"
    name = "Travis_USDA_1951_frames"

    def __init__(self, postgis: PostGis, store: Store) -> None:
        self.postgis = postgis
        self.store = store
        self.extents: list[Bounds] = []

    def add(self, key: str, cog: Path, *, day: dt.date | None = None, **text: str) -> Bounds:
        """Upload a COG below `bw/Travis/...`, publish its row and return its bounds."""
        with rasterio.open(cog) as source:
            bounds: Bounds = tuple(source.bounds)
        acquired = (day, day) if day else None
        name = FrameName(text.get("date", "01-29-51"), "4", text.get("frame_num", "173"), acquired, None)
        oid = len(self.extents)
        frame = IndexedFrame(oid, name, key, key.replace("/cog/", "/scanned/"), shapely.box(*bounds).wkb)
        address = IndexAddress(Product.FRAMES, BUCKET, f"https://s3.example.org/{BUCKET}", f"{key}_idx.zip")
        self.store.put(key, cog)
        self.postgis.publish(index_row(frame, address), self.collection_id)
        self.extents.append(bounds)
        return bounds

    def service(self, **changes: Any) -> Service:
        west, south, east, north = zip(*self.extents, strict=True)
        given = Service(
            collection_id=self.collection_id,
            service_name=self.name,
            title="Travis USDA 1951 Frames",
            product=Product.FRAMES,
            extent=(min(west), min(south), max(east), max(north)),
            online_resource=online_resource("https://maps.example.org", self.collection_id),
        )
        return dataclasses.replace(given, **changes)


@pytest.fixture
def archive(postgis: PostGis, store: Store) -> Iterator[Archive]:
    yield Archive(postgis, store)
    postgis.clear()


@pytest.fixture(scope="session")
def get_map() -> Callable[..., str]:
    """Return a writer of GetMap queries; `bounds` in the axis order of version and CRS."""

    def query(layer: str, bounds: Bounds, size: tuple[int, int], crs: str = "EPSG:3857", version: str = "1.1.1") -> str:
        words = {
            "service": "WMS",
            "version": version,
            "request": "GetMap",
            "layers": layer,
            "styles": "",
            "crs" if version == "1.3.0" else "srs": crs,
            "bbox": ",".join(map(str, bounds)),
            "width": size[0],
            "height": size[1],
            "format": "PNG" if version == "1.0.0" else "image/png",
            "transparent": "true",
        }
        return urlencode(words)

    return query
