"""The outline of a frame's valid pixels on the ground."""

from __future__ import annotations

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry.polygon import orient

from cogmill.domain.errors import InvalidFrameError, Reason

SPECK = 0.01
"""Share of the valid area below which a separate part is dust and not a part of the outline."""

TOLERANCE_PX = 1.2
"""How far, in pixels of the level, the simplified outline may leave the staircase of pixels: just enough that a slanted
edge becomes one line, which lies within 0.7 px of the true edge; with 0.75 it keeps 190 corners."""


def footprint(is_valid: NDArray[np.bool_], transform: Affine) -> bytes:
    """Return the outline of the valid pixels as one polygon.

    Parts of a frame that are not connected are enclosed by their convex hull; holes are not cut out.

    Args:
        is_valid: Shape (rows, columns), True is valid; a coarse overview is enough.
        transform: From (column, row) of that level to EPSG:3857 meters (x, y), north up.

    Returns:
        Well-known binary of a polygon in EPSG:3857, counter-clockwise, within about a pixel of the level.

    Raises:
        InvalidFrameError: all_blank when no pixel is valid.
    """
    rows, firsts, lasts = _runs(is_valid)
    boxes = shapely.box(firsts, rows, lasts, rows + 1)
    if not len(boxes):
        raise InvalidFrameError(Reason.ALL_BLANK, "no valid pixel")
    parts = shapely.get_parts(shapely.union_all(boxes))
    large = parts[shapely.area(parts) >= SPECK * shapely.area(parts).sum()]
    filled = shapely.polygons(shapely.get_exterior_ring(large))
    outline = filled[0] if len(filled) == 1 else shapely.convex_hull(shapely.union_all(filled))
    simple = shapely.simplify(outline, TOLERANCE_PX)
    ground = shapely.transform(simple, lambda points: points * (transform.a, transform.e) + (transform.c, transform.f))
    return bytes(shapely.to_wkb(orient(ground), byte_order=1))


def _runs(is_valid: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return row, first column and last column (exclusive) of every run of True along a row, each of shape (runs,)."""
    steps = np.diff(np.pad(is_valid, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, firsts = np.nonzero(steps == 1)
    return rows, firsts, np.nonzero(steps == -1)[1]
