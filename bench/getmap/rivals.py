"""What GetMap is compared with: titiler with MosaicJSON and GDAL's tile index (GTI), in a virtual environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import shapely
from osgeo import ogr, osr
from rasterio.warp import transform_bounds

from bench.getmap.frames import Survey
from bench.getmap.pictures import Window
from demo.stack.temporary_stack import free_ports

PACKAGES = ("titiler.mosaic==2.4.0", "cogeo-mosaic==9.2.0", "rasterio==1.4.4", "uvicorn", "matplotlib")
"""The wheel of this rasterio carries GDAL 3.10 with the driver GTI."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cogmill-bench-getmap"
"""Where the virtual environment is: not in the checkout, whose modules are all looked at by its tests."""

MOSAIC = """
import json, sys
from cogeo_mosaic.mosaic import MosaicJSON
features = json.load(open(sys.argv[1]))
mosaic = MosaicJSON.from_features(features, minzoom=int(sys.argv[3]), maxzoom=18, quadkey_zoom=int(sys.argv[3]))
open(sys.argv[2], "w").write(mosaic.model_dump_json(exclude_none=True))
"""

QUADKEY_ZOOM = 13
"""A tile of it is a little larger than a frame, as cogeo-mosaic chooses it by default: from the lowest zoom of the COGs."""

SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
    "CPL_VSIL_CURL_CACHE_SIZE": "200000000",
    "GDAL_CACHEMAX": "200",
}
"""What titiler's documentation advises for COGs in S3."""


def environment(folder: Path = CACHE) -> Path:
    """Make the virtual environment, once, and return its Python."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "rivals" / "bin" / "python"
    wanted = folder / "rivals" / "packages.json"
    if not wanted.exists() or json.loads(wanted.read_text()) != list(PACKAGES):
        uv = [sys.executable, "-m", "uv"] if not (own := Path(sys.executable).with_name("uv")).exists() else [str(own)]
        subprocess.run([*uv, "venv", "-q", "--clear", "--python", sys.executable, folder / "rivals"], check=True)
        subprocess.run([*uv, "pip", "install", "-q", "--python", python, *PACKAGES], check=True)
        wanted.write_text(json.dumps(PACKAGES))
    return python


def write_mosaic(python: Path, survey: Survey, bucket: str, folder: Path) -> Path:
    """Write the MosaicJSON of a survey."""
    features = [
        {
            "type": "Feature",
            "properties": {"path": f"s3://{bucket}/{survey.key(row, column)}"},
            "geometry": json.loads(shapely.to_geojson(shapely.box(*transform_bounds("EPSG:3857", "EPSG:4326", *box)))),
        }
        for row, column, box in survey.places()
    ]
    listed, target = folder / f"{survey.frames}.features.json", folder / f"{survey.frames}.mosaic.json"
    listed.write_text(json.dumps(features))
    subprocess.run([python, "-c", MOSAIC, listed, target, str(QUADKEY_ZOOM)], check=True)
    return target


def write_gti(survey: Survey, bucket: str, folder: Path) -> Path:
    """Write the index of GDAL's driver GTI: a GeoPackage of footprints, and what one frame tells of all."""
    target, index = folder / f"{survey.frames}.gti", folder / f"{survey.frames}.gti.gpkg"
    index.unlink(missing_ok=True)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(3857)
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(index))
    layer = source.CreateLayer("index", reference, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("location", ogr.OFTString))
    source.StartTransaction()
    for row, column, box in survey.places():
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("location", f"/vsis3/{bucket}/{survey.key(row, column)}")
        feature.SetGeometry(ogr.CreateGeometryFromWkb(shapely.to_wkb(shapely.box(*box))))
        layer.CreateFeature(feature)
    source.CommitTransaction()
    del layer, source
    west, south, east, north = survey.extent
    size_m = survey.original.gsd_m
    target.write_text(
        f"<GDALTileIndexDataset><IndexDataset>{index}</IndexDataset><IndexLayer>index</IndexLayer>"
        f"<LocationField>location</LocationField><SRS>EPSG:3857</SRS><ResX>{size_m}</ResX><ResY>{size_m}</ResY>"
        f"<MinX>{west}</MinX><MinY>{south}</MinY><MaxX>{east}</MaxX><MaxY>{north}</MaxY>"
        '<Band band="1" dataType="Byte"><ColorInterp>Gray</ColorInterp></Band><MaskBand>true</MaskBand>'
        "</GDALTileIndexDataset>"
    )
    return target


class Titiler:
    """A running titiler."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.process = process

    def forget(self) -> None:
        """Forget what was read."""
        httpx.get(f"{self.address}/forget", trust_env=False, timeout=60)

    def memory(self) -> int:
        """Return resident memory, bytes."""
        return int(self.process.memory_info().rss)

    def url(self, kind: str, source: Path, window: Window) -> str:
        """Return the address of a picture of 512 px; `kind` is `mosaic` or `file`."""
        place = ",".join(map(str, window.bounds))
        size = f"{window.size}x{window.size}"
        return f"{self.address}/{kind}/bbox/{place}/{size}.png?url={source}&coord_crs=EPSG:3857&dst_crs=EPSG:3857"


@contextmanager
def titiler(python: Path, endpoint: str, log: Path) -> Iterator[Titiler]:
    """Start one process of titiler that reads from an S3 endpoint."""
    (port,) = free_ports(1)
    secret = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
    store = {"AWS_S3_ENDPOINT": endpoint, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE", **secret}
    command = [python, "-m", "uvicorn", "--app-dir", Path(__file__).parent, "titiler_app:app", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--log-level", "warning"],
            env={"PATH": os.environ["PATH"], **SETTINGS, **store},
            stdout=output,
            stderr=output,
        )
    try:
        running = Titiler(port, psutil.Process(process.pid))
        _wait(running.address, process)
        yield running
    finally:
        process.kill()
        process.wait()


def _wait(address: str, process: subprocess.Popen[Any]) -> None:
    """Wait until the server answers.

    Raises:
        RuntimeError: It has ended, or says nothing for a minute.
    """
    for _ in range(600):
        try:
            httpx.get(f"{address}/versions", trust_env=False)
        except httpx.TransportError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("titiler does not start; see its log in bench/results/getmap")


def plot(python: Path, results: Path, target: Path) -> None:
    """Draw the results with the matplotlib of the environment."""
    subprocess.run([python, Path(__file__).with_name("plot.py"), results, target], check=True)
