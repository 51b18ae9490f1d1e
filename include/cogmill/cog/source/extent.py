"""Where on Earth an upload claims to lie, and whether it may."""

from __future__ import annotations

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import osr

from cogmill.cog.arrays.polygons import densify, rectangle
from cogmill.cog.source.crs import crs_name, from_epsg
from cogmill.cog.source.inspect import SourceRaster
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.geo import Bounds4326

FARTHEST_DEGREES, FARTHEST_UNITS = 720.0, 1e9
"""Largest coordinate that can mean anything; PROJ turns longitudes of 1e53 degrees round and round for ever."""

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
    if np.abs(corners).max() > (FARTHEST_DEGREES if raster.srs.IsGeographic() else FARTHEST_UNITS):
        raise InvalidFrameError(
            Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system: {corners[0]}"
        )
    try:
        to_degrees = osr.CoordinateTransformation(raster.srs, from_epsg(Bounds4326.EPSG))
    except RuntimeError as err:
        raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"{crs_name(raster.srs)} leads nowhere ({err})") from err
    try:
        moved = np.array(to_degrees.TransformPoints(corners.tolist()))[:, :2]
    except RuntimeError as err:
        raise InvalidFrameError(
            Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system ({err})"
        ) from err
    west, south = moved.min(axis=0).tolist()
    east, north = moved.max(axis=0).tolist()
    try:
        bounds = Bounds4326(west, south, east, north)
    except ValueError as err:
        raise InvalidFrameError(Reason.OUTSIDE_AREA, f"its corners lie nowhere: {err}") from err
    if south < -MAX_LATITUDE or north > MAX_LATITUDE:
        raise InvalidFrameError(Reason.OUTSIDE_AREA, f"its corners lie at {_degrees(bounds)}")
    return bounds


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
