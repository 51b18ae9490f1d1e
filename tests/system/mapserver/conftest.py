"""COGs in a bucket, their rows in PostGIS, and the real `mapserv` that draws them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
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
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import FrameName, Product
from cogmill.index.tile_index import IndexAddress, IndexedFrame, IndexRow, index_row
from cogmill.mapserver.mapfile import Service
from cogmill.mapserver.urls import service_url
from osgeo import gdal, osr

from tests.system.mapserver.cgi import MapServer

gdal.UseExceptions()

BUCKET = "cogmill-maps"
SECRET = "canary-for-s3"  # moto takes any key; like the password `only-for-tests` it must never turn up in an answer


@dataclass(frozen=True)
class PostGis:
    """A database of which only the tile index matters here."""

    libpq: Mapping[str, object]
    """Parameters of the owner."""
    service_file: Path

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.libpq, autocommit=True)

    def publish(self, row: IndexRow, collection_id: str) -> None:
        values = [getattr(row, field.name) for field in dataclasses.fields(row)]
        marks = "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,ST_GeomFromWKB(%s,3857),%s"
        columns = (
            "cog_key,oid,location,src_srs,date,roll,frame_num,dl_orig,dl_georef,dl_index,geom,acquired,collection_id"
        )
        with self.connect() as connection:
            connection.execute(
                f"INSERT INTO cogmill.tile_index ({columns}) VALUES ({marks},%s)",  # noqa: S608
                [row.location, *values, collection_id],
            )

    def clear(self) -> None:
        with self.connect() as connection:
            connection.execute("TRUNCATE cogmill.tile_index")

    @property
    def environment(self) -> dict[str, str]:
        return {"PGSERVICEFILE": str(self.service_file)}


@pytest.fixture(scope="session")
def postgis(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostGis]:
    """The real schema, except that index rows need no frame in the ledger here."""
    name = "maps"
    service_file = tmp_path_factory.mktemp("libpq") / "pg_service.conf"
    reader = postgres.parameters(name, "cogmill_reader")
    service_file.write_text("\n".join(["[cogmill]", *(f"{key}={value}" for key, value in reader.items()), ""]))
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
        cluster = PostGis(postgres.parameters(name), service_file)
        with cluster.connect() as own:
            for constraint in ("tile_index_oid_fkey", "tile_index_collection_id_fkey"):
                own.execute(f"ALTER TABLE cogmill.tile_index DROP CONSTRAINT {constraint}")
        yield cluster
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Store:
    """A bucket on a local S3 server."""

    address: str
    """Host and port."""
    client: Any

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_S3_ENDPOINT": self.address,
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
def store(s3_server: str) -> Iterator[Store]:
    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name="us-east-1",
        aws_access_key_id="cogmill",
        aws_secret_access_key=SECRET,
    )
    client.create_bucket(Bucket=BUCKET)
    yield Store(s3_server.removeprefix("http://"), client)
    client.close()


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
        address = IndexAddress(
            Product.FRAMES, f"/vsis3/{BUCKET}/", f"https://s3.example.org/{BUCKET}", f"{key}_idx.zip"
        )
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
            extent=Bounds3857(min(west), min(south), max(east), max(north)),
            online_resource=service_url("https://maps.example.org", self.collection_id),
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
