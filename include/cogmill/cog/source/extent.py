"""Where on Earth an upload claims to lie, and whether it may."""

from __future__ import annotations

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import osr

from cogmill.cog.arrays.polygons import densify, rectangle
from cogmill.cog.source.crs import crs_name
from cogmill.cog.source.inspect import Upload
from cogmill.domain.errors import InvalidFrameError, Reason

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

FARTHEST_DEGREES, FARTHEST_UNITS = 720.0, 1e9
"""Largest coordinate that can mean anything; PROJ turns longitudes of 1e53 degrees round and round for ever."""


def apply_transform(transform: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return map coordinates (x, y), shape (n, 2), of pixel coordinates (column, row) of that shape."""
    linear = np.array([(transform.a, transform.d), (transform.b, transform.e)])
    moved: NDArray[np.float64] = points @ linear + np.array([transform.c, transform.f])
    return moved


def degree_bounds(upload: Upload) -> Bounds:
    """Return the frame's bounds in degrees, good enough to choose an operation and to test an area.

    Raises:
        InvalidFrameError: outside_area when its coordinates are impossible, no_transformation when its CRS leads nowhere.
    """
    wgs84 = osr.SpatialReference()
    wgs84.ImportFromEPSG(4326)
    wgs84.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    corners = apply_transform(upload.transform, densify(rectangle(upload.width, upload.height), 2))
    if np.abs(corners).max() > (FARTHEST_DEGREES if upload.srs.IsGeographic() else FARTHEST_UNITS):
        raise InvalidFrameError(
            Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system: {corners[0]}"
        )
    try:
        to_degrees = osr.CoordinateTransformation(upload.srs, wgs84)
    except RuntimeError as err:
        raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"{crs_name(upload.srs)} leads nowhere ({err})") from err
    try:
        moved = np.array(to_degrees.TransformPoints(corners.tolist()))[:, :2]
    except RuntimeError as err:
        raise InvalidFrameError(
            Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system ({err})"
        ) from err
    west, south = moved.min(axis=0).tolist()
    east, north = moved.max(axis=0).tolist()
    if not (np.isfinite(moved).all() and -180 <= west <= east <= 180 and -85.06 <= south <= north <= 85.06):  # noqa: PLR2004
        raise InvalidFrameError(Reason.OUTSIDE_AREA, f"its corners lie at {_degrees((west, south, east, north))}")
    return west, south, east, north


def refuse_outside(bounds: Bounds, allowed: Bounds | None) -> None:
    """Raise outside_area when a frame has nothing in common with the allowed area, or is larger than it."""
    if allowed is None:
        return
    west, south, east, north = bounds
    apart = east < allowed[0] or west > allowed[2] or north < allowed[1] or south > allowed[3]
    larger = east - west > allowed[2] - allowed[0] or north - south > allowed[3] - allowed[1]
    if apart or larger:
        raise InvalidFrameError(Reason.OUTSIDE_AREA, f"it lies at {_degrees(bounds)}, allowed is {_degrees(allowed)}")


def _degrees(bounds: Bounds) -> str:
    west, south, east, north = bounds
    return f"longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"
