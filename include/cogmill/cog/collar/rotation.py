"""Find the fill, plain black or white, that remains in the corners of a frame that was rotated before it came here."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import connected, keep_edge_connected, mask_from_nodata, strips
from cogmill.cog.arrays.polygons import Polygon, area, clockwise
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar.preview import Preview
from cogmill.cog.source.decode import Pixels

FILL_NOISE = 3
"""Gray levels by which JPEG spoils the plain black or white of the fill."""

MIN_FILL = 0.002
"""Least share of the frame that plain corners must cover to be the fill of a rotation."""

RECTANGULAR = 0.85
"""Share of its smallest rectangle that a rotated frame covers."""


def find_rotated_frame(pixels: Pixels, preview: Preview, scratch: ScratchArrays) -> Polygon | None:
    """Return the outline of a frame that was rotated into plain black or white, None for any other.

    Args:
        pixels: The frame. When what lies inside the fill is no rectangle, the fill is written into its mask instead.
        preview: Of the frame; fill around a rectangle is added to its nodata.
        scratch: Gives the memory of such a mask.

    Returns:
        A rectangle at some angle, in pixels of the frame.
    """
    nodata = preview.nodata.copy()
    if pixels.mask is None:
        for value in (0, 255):
            plain = np.asarray((np.abs(preview.data - value) <= FILL_NOISE).all(axis=0))
            fill = connected(plain, _corners(plain))
            if fill.mean() >= MIN_FILL:
                nodata |= fill
    if nodata.mean() < MIN_FILL:
        return None
    rotated = _middle_part(~nodata)
    if rotated is None:
        return None
    box = _smallest_rectangle(rotated)
    if box is None or np.count_nonzero(rotated) < RECTANGULAR * area(box):
        _mask_fill(pixels, scratch)
        return None
    preview.nodata[:] = nodata
    return np.asarray(box * preview.factor)


def _middle_part(inside: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the connected part of a set around the middle, without what is written into a plain black collar.

    Returns:
        Of the same shape; the whole set when that part is too small to be the frame, None when the set is empty.
    """
    rows, columns = np.nonzero(inside)
    if not rows.size:
        return None
    middle = np.hypot(rows - inside.shape[0] / 2, columns - inside.shape[1] / 2).argmin()
    seed = np.zeros_like(inside)
    seed[rows[middle], columns[middle]] = True
    part = connected(inside, seed)
    return part if np.count_nonzero(part) >= RECTANGULAR * rows.size else inside


def _smallest_rectangle(inside: NDArray[np.bool_]) -> Polygon | None:
    """Return the smallest rectangle, at any angle, around a set that is not empty, in its pixels; None when it is a line."""
    rows = np.flatnonzero(inside.any(axis=1))
    first, last = inside[rows].argmax(axis=1), inside.shape[1] - inside[rows, ::-1].argmax(axis=1)
    ends = [np.stack([columns, rows + below], axis=1) for columns in (first, last) for below in (0, 1)]
    box = shapely.minimum_rotated_rectangle(shapely.multipoints(np.concatenate(ends)))
    return clockwise(shapely.get_coordinates(box)[:-1]) if box.geom_type == "Polygon" else None


def _corners(plain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the members of a set that are corners of the image."""
    seeds = np.zeros_like(plain)
    seeds[np.ix_([0, -1], [0, -1])] = True
    return seeds & plain


def _mask_fill(pixels: Pixels, scratch: ScratchArrays) -> None:
    """Give a frame whose outline is bent a mask without the plain pixels that are connected to its edge."""
    if pixels.mask is not None:
        return
    found = scratch.zeros(pixels.data.shape[1:]).view(bool)
    plain = scratch.zeros(pixels.data.shape[1:]).view(bool)
    for value in (0, 255):
        for rows in strips(len(plain)):
            plain[rows] = (pixels.data[:, rows] == value).all(axis=0)
        keep_edge_connected(plain)
        found |= plain
    pixels.mask = mask_from_nodata(found)
