"""Finds the wedges of plain black or white that remain where a frame was rotated before it came here."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import connected, keep_edge_connected, mask_from_nodata, strips
from cogmill.cog.arrays.polygons import Ring, area
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar.preview import Preview
from cogmill.cog.source.decode import Pixels

WEDGE_NOISE = 3
"""Grey levels by which JPEG spoils the plain black or white of a wedge."""

MIN_WEDGE = 0.002
"""Least share of the frame that plain corners must cover to be wedges of a rotation."""

RECTANGULAR = 0.85
"""Share of its smallest rectangle that a rotated frame fills."""


def wedge_box(pixels: Pixels, thumb: Preview, arena: ScratchArrays) -> Ring | None:
    """Return the rectangle of a frame that was rotated into plain black or white before it came here."""
    empty = thumb.empty.copy()
    if pixels.mask is None:
        for value in (0, 255):
            plain = np.asarray((np.abs(thumb.data - value) <= WEDGE_NOISE).all(axis=0))
            wedges = connected(plain, _corners(plain))
            if wedges.mean() < MIN_WEDGE:
                continue
            empty |= wedges
    if empty.mean() < MIN_WEDGE:
        return None
    picture = _largest_part(~empty)
    if picture is None:
        return None
    box = _smallest_box(picture)
    if box is None or np.count_nonzero(picture) < RECTANGULAR * area(box):
        _mask_wedges(pixels, arena)
        return None
    thumb.empty[:] = empty
    ring: Ring = box * thumb.factor
    return ring


def _largest_part(filled: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the part of the filled pixels around the middle, without what is written into a plain black collar."""
    rows, columns = np.nonzero(filled)
    if not rows.size:
        return None
    middle = np.hypot(rows - filled.shape[0] / 2, columns - filled.shape[1] / 2).argmin()
    seed = np.zeros_like(filled)
    seed[rows[middle], columns[middle]] = True
    part = connected(filled, seed)
    return part if np.count_nonzero(part) >= RECTANGULAR * rows.size else filled


def _smallest_box(picture: NDArray[np.bool_]) -> Ring | None:
    """Return the smallest rectangle, at any angle, around the pixels of a picture."""
    rows = np.flatnonzero(picture.any(axis=1))
    first, last = picture[rows].argmax(axis=1), picture.shape[1] - picture[rows, ::-1].argmax(axis=1)
    ends = [np.stack([columns, rows + below], axis=1) for columns in (first, last) for below in (0, 1)]
    box = shapely.minimum_rotated_rectangle(shapely.multipoints(np.concatenate(ends)))
    if box.geom_type != "Polygon":
        return None
    corners = shapely.get_coordinates(box)[:-1]
    clockwise: Ring = corners if area(corners) > 0 else corners[::-1]
    return clockwise


def _corners(plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    seeds = np.zeros_like(plain)
    seeds[np.ix_([0, -1], [0, -1])] = True
    return seeds & plain


def _mask_wedges(pixels: Pixels, arena: ScratchArrays) -> None:
    """Mask the plain edge of a frame whose outline is bent, pixel by pixel."""
    if pixels.mask is not None:
        return
    found = arena.zeros(pixels.data.shape[1:]).view(bool)
    plain = arena.zeros(pixels.data.shape[1:]).view(bool)
    for value in (0, 255):
        for rows in strips(len(plain)):
            plain[rows] = (pixels.data[:, rows] == value).all(axis=0)
        keep_edge_connected(plain)
        found |= plain
    pixels.mask = mask_from_nodata(found)
