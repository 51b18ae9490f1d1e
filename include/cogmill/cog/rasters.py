"""rasterio, for all who read pixels outside of the confined worker.

Once imported, it tells PROJ that all of `PROJ_DATA` is the name of one folder. Where that names several, no coordinate system would be
known in this process any more: neither those of collection files nor that of the index files.
"""

from __future__ import annotations

import os

import rasterio
from osgeo import osr

from cogmill.cog.libraries import proj_folders

__all__ = ["rasterio"]

if os.environ.get("PROJ_DATA") or os.environ.get("PROJ_LIB"):
    osr.SetPROJSearchPaths([str(folder) for folder in proj_folders()])
