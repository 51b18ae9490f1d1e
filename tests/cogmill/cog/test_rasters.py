"""Coordinate systems stay known in processes that import rasterio, wherever PROJ's files are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[3] / "include" / "cogmill"


def test_coordinate_systems_are_known_where_proj_data_names_several_folders(tmp_path):
    program = """
from cogmill.cog.rasters import rasterio
from cogmill.cog.source.crs import from_epsg
with rasterio.Env():
    print(from_epsg(26914).GetName())
"""
    environment = {**os.environ, "PROJ_DATA": f"{tmp_path}:/usr/share/proj"}

    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )

    assert ended.stdout == "NAD83 / UTM zone 14N\n", ended.stderr


def test_nobody_else_imports_rasterio_itself():
    importing = re.compile(r"^\s*import rasterio\b", re.MULTILINE)

    found = [file.name for file in PROGRAM.rglob("*.py") if importing.search(file.read_text("utf-8"))]

    assert found == ["rasters.py"]
