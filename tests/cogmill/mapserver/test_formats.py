"""MapServer opens GeoTIFF and nothing else: on hosts, in containers, in the embedded stack, and when a draft is verified."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cogmill.mapserver.cgi import closed_formats
from osgeo import gdal

from demo.stack.render import render

NEEDED = {"GTiff", "MEM", "GeoJSON", "Memory"}
"""GeoTIFF is read, and what GetFeatureInfo answers is written as GeoJSON; the others hold things in memory."""

LIST = "from osgeo import gdal; print(*(gdal.GetDriver(i).ShortName for i in range(gdal.GetDriverCount())), sep='|')"

MAPFILE = """
MAP
  NAME "formats" STATUS ON SIZE 8 8 EXTENT 0 0 8 8
  LAYER NAME "picture" TYPE RASTER STATUS DEFAULT DATA "{data}" END
END
"""


def test_of_all_formats_of_this_gdal_only_the_needed_ones_are_left() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST], env={**os.environ, **closed_formats()}, capture_output=True, check=True, text=True
    )

    assert set(done.stdout.strip().split("|")) <= NEEDED
    assert "GTiff" in done.stdout


@pytest.fixture
def draw(tmp_path: Path):
    config = tmp_path / "mapserver.conf"
    config.write_text(
        render("mapserver.conf.j2", mapfile_folder=str(tmp_path), extra={}, curl_cache_bytes=1000000, block_cache_mb=16)
    )

    def ask(data: str) -> bytes:
        (tmp_path / "formats.map").write_text(MAPFILE.format(data=data))
        query = f"map={tmp_path}/formats.map&mode=map&layers=picture"
        environment = {"MAPSERVER_CONFIG_FILE": str(config), "REQUEST_METHOD": "GET", "QUERY_STRING": query}
        return subprocess.run(["mapserv"], env=environment, capture_output=True, check=False, timeout=60).stdout

    return ask


@pytest.mark.parametrize(
    ("name", "driver"), [("a.tif", "GTiff"), ("a.vrt", "VRT"), ("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.img", "HFA")]
)
def test_mapserver_draws_geotiff_and_opens_no_other_format(draw, tmp_path: Path, name: str, driver: str) -> None:
    source = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "source.tif"), 8, 8, 1)
    source.SetGeoTransform((0, 1, 0, 8, 0, -1))
    source.WriteArray(np.full((8, 8), 77, np.uint8))
    source.FlushCache()
    gdal.GetDriverByName(driver).CreateCopy(str(tmp_path / name), source).FlushCache()

    answer = draw(str(tmp_path / name))

    assert (b"Content-Type: image/" in answer) == (driver == "GTiff"), answer[:300]
