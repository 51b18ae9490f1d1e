"""Where on Earth an upload claims to lie, and whether it may."""

from __future__ import annotations

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import osr

from cogmill.cog.arrays.polygons import densify, rectangle
from cogmill.cog.source.crs import crs_name, from_epsg
from cogmill.cog.source.inspect import SourceRaster
from cogmill.cog.source.position import MOST_DEGREES
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.geo import EARTH_RADIUS_M, Bounds4326

MOST_UNITS = 1e9
"""Largest coordinate that can mean anything in meters or feet. `MOST_DEGREES` is that in degrees: PROJ turns longitudes of 1e53 degrees
round and round for ever."""

HALF_TURN, POLE, ROUNDING = 180.0, 90.000001, 1e-6
"""Degrees."""

MAX_LATITUDE = 85.06
"""Where the square of web mercator ends, degrees."""


def apply_transform(transform: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return map coordinates (x, y), shape (n, 2), of pixel coordinates (column, row) of that shape."""
    linear = np.array([(transform.a, transform.d), (transform.b, transform.e)])
    moved: NDArray[np.float64] = points @ linear + np.array([transform.c, transform.f])
    return moved


def degree_bounds(raster: SourceRaster) -> Bounds4326:
    """Return the bounds of the frame's corners and the middles of its sides.

    Good enough to choose an operation and to test an area: the shift between datums is left to PROJ's first guess.

    Raises:
        InvalidFrameError: outside_area when its coordinates are impossible, no_transformation when its CRS leads nowhere.
    """
    corners = apply_transform(raster.transform, densify(rectangle(raster.width, raster.height), 2))
    if np.abs(corners).max() > (MOST_DEGREES if raster.srs.IsGeographic() else MOST_UNITS):
        raise InvalidFrameError(
            Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system: {corners[0]}"
        )
    try:
        to_degrees = osr.CoordinateTransformation(raster.srs, from_epsg(Bounds4326.EPSG))
    except RuntimeError as err:
        detail = f"no operation that is installed leads from {crs_name(raster.srs)} to WGS 84 ({str(err) or 'PROJ knows none'})"
        raise InvalidFrameError(Reason.NO_TRANSFORMATION, detail) from err
    try:
        moved = np.array(to_degrees.TransformPoints(corners.tolist()))[:, :2]
    except RuntimeError as err:
        raise InvalidFrameError(
            Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system ({err})"
        ) from err
    _check_web_mercator(moved)
    west, south = moved.min(axis=0).tolist()
    east, north = moved.max(axis=0).tolist()
    return Bounds4326(max(west, -HALF_TURN), south, min(east, HALF_TURN), north)


def _check_web_mercator(corners: NDArray[np.float64]) -> None:
    """Check that an outline in degrees, shape (n, 2), lies in the square of web mercator and is not cut by its sides.

    Raises:
        InvalidFrameError: beyond_web_mercator; outside_area where there is no Earth at all.
    """
    longitudes, latitudes = corners.T
    if not np.isfinite(corners).all() or np.abs(latitudes).max() > POLE:
        raise InvalidFrameError(Reason.OUTSIDE_AREA, f"its corners lie nowhere, such as {corners[0]}")
    if np.abs(latitudes).max() > MAX_LATITUDE:
        detail = f"it reaches from latitude {latitudes.min():.2f} to {latitudes.max():.2f}"
        raise InvalidFrameError(Reason.BEYOND_WEB_MERCATOR, detail)
    steps = np.abs(np.diff(longitudes, append=longitudes[0]))
    if steps.max() > HALF_TURN + ROUNDING or np.abs(longitudes).max() > HALF_TURN + ROUNDING:
        raise InvalidFrameError(Reason.BEYOND_WEB_MERCATOR, "it lies across longitude 180")


def pixel_size_m(raster: SourceRaster) -> float:
    """Return the size of a pixel on the ground in meters, about: the side of a square of its area."""
    transform = raster.transform
    side = abs(transform.a * transform.e - transform.b * transform.d) ** 0.5
    if raster.srs.IsGeographic():
        return float(side * raster.srs.GetAngularUnits() * EARTH_RADIUS_M)
    return float(side * raster.srs.GetLinearUnits())


def check_area(bounds: Bounds4326, allowed: Bounds4326 | None) -> None:
    """Check that a frame and the allowed area have something in common, and that the frame is not the larger one.

    Raises:
        InvalidFrameError: outside_area.
    """
    if allowed is None:
        return
    if not bounds.intersects(allowed) or bounds.width > allowed.width or bounds.height > allowed.height:
        raise InvalidFrameError(Reason.OUTSIDE_AREA, f"it lies at {_degrees(bounds)}, allowed is {_degrees(allowed)}")


def _degrees(bounds: Bounds4326) -> str:
    """Return bounds in words."""
    west, south, east, north = bounds
    return f"longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"
