"""A grid of our own under the name of a real one, a frame in NAD27 that needs it, and where that frame lies by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from osgeo import gdal, osr

GRID = "us_noaa_conus.tif"
"""Name by which PROJ's database knows the grid of the United States."""

EPSG = 26714
"""UTM of NAD27."""

ORIGIN = (620_000, 3_350_000)
"""Upper left corner of the frame in it, meters."""

SHIFT_SECONDS = (10.0, -20.0)
"""What our grid adds to latitude and longitude east: far more than the true one, so that nothing else can be the cause."""

OTHER_SECONDS = (11.0, -20.0)
"""Of another grid of the same size."""

EARTH_RADIUS_M = 6378137.0


def write_grid(folder: Path, seconds: tuple[float, float] = SHIFT_SECONDS) -> Path:
    """Write a grid for Texas that shifts by the same everywhere."""
    gdal.UseExceptions()
    west, north, step, side = -107.0, 37.0, 0.5, 30
    path = folder / GRID
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), side, side, 2, gdal.GDT_Float32)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4267)
    dataset.SetProjection(reference.ExportToWkt())
    dataset.SetGeoTransform((west - step / 2, step, 0, north + step / 2, 0, -step))
    dataset.SetMetadata({"TYPE": "HORIZONTAL_OFFSET", "AREA_OR_POINT": "Point"})
    for number, (name, offset) in enumerate(zip(("latitude_offset", "longitude_offset"), seconds, strict=True), 1):
        band = dataset.GetRasterBand(number)
        band.WriteArray(np.full((side, side), offset, np.float32))
        band.SetDescription(name)
        band.SetUnitType("arc-second")
    dataset.GetRasterBand(2).SetMetadataItem("positive_value", "east")
    dataset = None
    path.chmod(0o644)
    return path


CLARKE_1866, WGS_84 = (6378206.4, 294.978698213898), (EARTH_RADIUS_M, 298.257223563)
"""Semi-major axis (m) and inverse flattening."""

TRANSLATION_M = (-8.0, 159.0, 175.0)
"""NAD27 to WGS 84 for the western United States, which claims 7 m: x, y, z in meters."""


def place_by_grid(east_m: float, north_m: float, seconds: tuple[float, float] = SHIFT_SECONDS) -> tuple[float, float]:
    """Return where a point of EPSG:26714 lies in EPSG:3857 by our grid; shift and projection are the textbook's."""
    longitude, latitude = nad27_degrees(east_m, north_m)
    return mercator(longitude + seconds[1] / 3600, latitude + seconds[0] / 3600)


def place_without_grid(east_m: float, north_m: float) -> tuple[float, float]:
    """Return where a point of EPSG:26714 lies in EPSG:3857 by a translation of the ellipsoid, the textbook's too."""
    longitude, latitude = np.radians(nad27_degrees(east_m, north_m))
    radius, e2 = _prime_vertical(latitude, *CLARKE_1866)
    level = radius * np.cos(latitude)
    point = (level * np.cos(longitude), level * np.sin(longitude), radius * (1 - e2) * np.sin(latitude))
    x, y, z = np.add(point, TRANSLATION_M)
    for _ in range(10):
        radius, e2 = _prime_vertical(latitude, *WGS_84)
        latitude = np.arctan2(z + e2 * radius * np.sin(latitude), np.hypot(x, y))
    return mercator(*np.degrees((np.arctan2(y, x), latitude)))


def nad27_degrees(east_m: float, north_m: float) -> tuple[float, float]:
    """Return longitude and latitude in NAD27 of a point of EPSG:26714; PROJ needs no grid for them."""
    utm, geographic = (osr.SpatialReference() for _ in range(2))
    for reference, code in ((utm, EPSG), (geographic, 4267)):
        reference.ImportFromEPSG(code)
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    x, y, _ = osr.CoordinateTransformation(utm, geographic).TransformPoint(east_m, north_m)
    return x, y


def mercator(longitude: float, latitude: float) -> tuple[float, float]:
    """Return the EPSG:3857 meters of degrees in WGS 84."""
    east, north = np.radians((longitude, latitude))
    return EARTH_RADIUS_M * east, EARTH_RADIUS_M * np.log(np.tan(np.pi / 4 + north / 2))


def _prime_vertical(latitude: float, axis_m: float, inverse_flattening: float) -> tuple[float, float]:
    """Return the radius of curvature across the meridian in meters, and the squared eccentricity."""
    e2 = (2 - 1 / inverse_flattening) / inverse_flattening
    return axis_m / np.sqrt(1 - e2 * np.sin(latitude) ** 2), e2
