"""Datum shifts: the grid that a site installs moves a frame, and without one a site may allow what is left, which is recorded."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands, BuiltCog
from osgeo import gdal, osr

from tests.cogmill.cog.engine_scenes import photograph, read_cog, upload

ORIGIN = (620_000, 3_350_000)
"""Upper left corner of the frame, in EPSG:26714: UTM of NAD27."""

SHIFT_SECONDS = (10.0, -20.0)
"""What our grid adds to latitude and longitude east: far more than the true one, so that nothing else can be the cause."""


@pytest.fixture
def grids() -> Iterator[Path]:
    """A folder for grids that the confined worker can reach."""
    with tempfile.TemporaryDirectory(prefix="cogmill-grids-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def engine_with(grids: Path, limits: Limits) -> Iterator[Engine]:
    """Start a worker whose PROJ looks for grids in a folder before it looks in the system's.

    Only the worker: PROJ in this process would remember the folder after it is gone.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROJ_DATA", f"{grids}:/usr/share/proj")
        with Engine(limits) as engine:
            yield engine


def install_grid(folder: Path) -> None:
    """Write a grid under the name by which PROJ's database knows that of the United States, for Texas and the same everywhere."""
    west, north, step, side = -107.0, 37.0, 0.5, 30
    path = str(folder / "us_noaa_conus.tif")
    dataset = gdal.GetDriverByName("GTiff").Create(path, side, side, 2, gdal.GDT_Float32)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4267)
    dataset.SetProjection(reference.ExportToWkt())
    dataset.SetGeoTransform((west - step / 2, step, 0, north + step / 2, 0, -step))
    dataset.SetMetadata({"TYPE": "HORIZONTAL_OFFSET", "AREA_OR_POINT": "Point"})
    for number, (name, seconds) in enumerate(
        zip(("latitude_offset", "longitude_offset"), SHIFT_SECONDS, strict=True), 1
    ):
        band = dataset.GetRasterBand(number)
        band.WriteArray(np.full((side, side), seconds, np.float32))
        band.SetDescription(name)
        band.SetUnitType("arc-second")
    dataset.GetRasterBand(2).SetMetadataItem("positive_value", "east")
    dataset = None
    Path(path).chmod(0o644)


def wanted_corner() -> tuple[float, float]:
    """Return where the middle of the frame lies in EPSG:3857 when our grid is used, computed without PROJ's grids."""
    utm, geographic, web = (osr.SpatialReference() for _ in range(3))
    for reference, code in ((utm, 26714), (geographic, 4267), (web, 3857)):
        reference.ImportFromEPSG(code)
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    x, y, _ = osr.CoordinateTransformation(utm, geographic).TransformPoint(ORIGIN[0] + 200, ORIGIN[1] - 200)
    radius, degrees = 6378137.0, (x + SHIFT_SECONDS[1] / 3600, y + SHIFT_SECONDS[0] / 3600)
    east, north = np.radians(degrees)
    return radius * east, radius * np.log(np.tan(np.pi / 4 + north / 2))


def build(engine: Engine, source: Path) -> BuiltCog:
    profile = dataclasses.replace(PROFILES["bw"], collar=False)
    return engine.build(source, source.with_suffix(".out"), bands=Bands.BW, profile=profile, provenance={}, area=None)


def nad27(path: Path) -> Path:
    return upload(path, photograph(400, 400), epsg=26714, gsd=1, origin=ORIGIN)


def test_a_grid_that_is_installed_moves_a_frame_to_its_place(grids: Path, tmp_path: Path) -> None:
    install_grid(grids)
    source = nad27(tmp_path / "a.tif")

    with engine_with(grids, Limits()) as engine:
        cog = build(engine, source)

    west, width, _, north, _, height = gdal.Open(str(cog.path)).GetGeoTransform()
    rows, columns = np.nonzero(read_cog(cog.path)[1])
    middle = (west + width * (columns.mean() + 0.5), north + height * (rows.mean() + 0.5))
    assert np.abs(np.subtract(middle, wanted_corner())).max() < 1
    assert cog.adjustments == ""


def test_without_the_grid_a_frame_is_rejected_unless_the_site_allows_what_is_left(grids: Path, tmp_path: Path) -> None:
    source = nad27(tmp_path / "a.tif")

    with (
        engine_with(grids, Limits()) as engine,
        pytest.raises(InvalidFrameError, match=r"no_transformation: .*not installed"),
    ):
        build(engine, source)
    with engine_with(grids, Limits(area_error_m=12)) as engine:
        cog = build(engine, source)

    assert cog.adjustments.startswith("shift_within_")
