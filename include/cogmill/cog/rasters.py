"""rasterio, for all who read pixels outside of the confined worker.

Whenever it starts its environment, it tells PROJ that all of `PROJ_DATA` is the name of one folder. Where that names several, no coordinate
system would be known in this process any more: neither those of collection files nor that of the index files.
"""

from __future__ import annotations

import os

import rasterio
from osgeo import osr
from rasterio import _env

__all__ = ["rasterio"]


def _look_in_each(folders: str) -> None:
    """Let PROJ look in each of the folders of `PROJ_DATA`."""
    osr.SetPROJSearchPaths(folders.split(os.pathsep))


# Private, and the only place: rasterio offers no other way to say it.
_env.set_proj_data_search_path = _look_in_each
if named := os.environ.get("PROJ_DATA") or os.environ.get("PROJ_LIB"):
    _look_in_each(named)
