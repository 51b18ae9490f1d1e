from __future__ import annotations

import pytest
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from osgeo import gdal


@pytest.fixture(scope="module")
def engine():
    """An engine that is warm for all tests of a module."""
    with Engine(Limits()) as warm:
        yield warm


@pytest.fixture(scope="module")
def as_in_the_worker():
    """Give this process the two settings of the worker that writing needs."""
    gdal.SetConfigOption("GDAL_MEM_ENABLE_OPEN", "YES")
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
    yield
    gdal.SetConfigOption("GDAL_MEM_ENABLE_OPEN", None)
    gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", None)
