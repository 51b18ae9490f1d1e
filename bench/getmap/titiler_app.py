"""titiler as its users would start it, for mosaics and for single files, and a way to make it forget what it read.

Runs in an environment of its own (`rivals.py`), so it imports nothing of this project.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import rasterio
from cogeo_mosaic.backends import MosaicBackend
from fastapi import FastAPI
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.core.factory import TilerFactory
from titiler.mosaic.errors import MOSAIC_STATUS_CODES
from titiler.mosaic.factory import MosaicTilerFactory

GDAL = ctypes.CDLL(str(next((Path(rasterio.__file__).parents[1] / "rasterio.libs").glob("libgdal*.so*"))))
"""The library that rasterio has loaded: its wheel offers no other way to empty the cache of `/vsis3/`."""

app = FastAPI()
app.include_router(
    MosaicTilerFactory(backend=MosaicBackend, router_prefix="/mosaic", add_part=True).router, prefix="/mosaic"
)
app.include_router(TilerFactory(router_prefix="/file").router, prefix="/file")
add_exception_handlers(app, DEFAULT_STATUS_CODES)
add_exception_handlers(app, MOSAIC_STATUS_CODES)


@app.get("/forget")
def forget() -> dict[str, str]:
    """Forget everything that was read over HTTP."""
    GDAL.VSICurlClearCache()
    return {}


@app.get("/versions")
def versions() -> dict[str, str]:
    """Return what runs here."""
    return {"rasterio": rasterio.__version__, "gdal": rasterio.__gdal_version__}
