"""How well the outline of a COG tells which of its pixels are valid."""

from __future__ import annotations

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import is_all_valid, strips
from cogmill.cog.arrays.polygons import rasterize

MARGIN_PX = 2
"""How far, in pixels of the level that was outlined, valid pixels and outline may differ: tolerance, staircase and the level's own
rounding."""


def outline_margin(outline: bytes, mask: NDArray[np.uint8], transform: Affine, pixel: int) -> float | None:
    """Return how far from an outline the valid pixels and the outline may differ, EPSG:3857 meters.

    Who knows that may leave out what lies below a frame: the outline alone does not tell holes, nor parts that were enclosed.

    Args:
        outline: What `footprint` returned for a level.
        mask: Shape (rows, columns) at full resolution, 255 where valid and 0 where not.
        transform: From (column, row) to EPSG:3857 meters (x, y), north up.
        pixel: Side of a pixel of the level that was outlined, in pixels of the mask.

    Returns:
        None when a pixel further inside is not valid, or one further outside is.
    """
    to_pixel = ~transform
    ground = shapely.from_wkb(outline)
    polygon = shapely.transform(ground, lambda xy: xy * (to_pixel.a, to_pixel.e) + (to_pixel.c, to_pixel.f))
    margin = MARGIN_PX * pixel
    inner, outer = (shapely.buffer(polygon, by, join_style="mitre") for by in (-margin, margin))
    if inner.is_empty or inner.geom_type != "Polygon":
        return None
    if not is_all_valid(mask):
        for rows in strips(mask.shape[0]):
            inside, around = (_inside(shape, rows, mask.shape[1]) for shape in (inner, outer))
            valid = mask[rows] != 0
            if (inside & ~valid).any() or (valid & ~around).any():
                return None
    return float(margin * transform.a)


def _inside(polygon: shapely.Polygon, rows: slice, width: int) -> NDArray[np.bool_]:
    """Return which pixels of some rows have their middle in a polygon without holes, shape (rows, width)."""
    corners = np.asarray(polygon.exterior.coords)[:-1] - (0, rows.start)
    inside: NDArray[np.bool_] = rasterize(corners, np.zeros((rows.stop - rows.start, width), np.uint8)) != 0
    return inside
