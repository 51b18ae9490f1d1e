"""Sets of pixels as boolean arrays: connected parts, and what lies at the edge; in strips, so that no frame is copied.

Two kinds of array, both of shape (rows, columns): *sets*, bool, True for members; and *masks*, uint8, 255 where a pixel
is valid and 0 where it is nodata.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

ROWS = 1024
"""Rows decoded at a time where values must be converted; bounds the working set to a few per cent of a frame."""

BLOCK_PX = 8
"""The edge-connected region is followed in blocks of this size, and to the pixel at its rim."""

NEIGHBORS = np.ones((3, 3), np.uint8)
"""A pixel and its eight neighbors."""

VALID = 255
"""Value of a valid pixel in a mask; all others are 0."""


def strips(height: int, rows: int = ROWS) -> Iterator[slice]:
    """Yield row slices that cover a height."""
    edges = [*range(0, height, rows), height]
    return (slice(first, last) for first, last in pairwise(edges))


def all_valid(height: int, width: int) -> NDArray[np.uint8]:
    """Return a mask without nodata, shape (rows, columns), that takes next to no memory and cannot be written to.

    Each row begins one byte behind the one above it, so that all of them lie in `width + height - 1` bytes.
    """
    return sliding_window_view(np.full(width + height - 1, VALID, np.uint8), width)


def is_all_valid(mask: NDArray[np.uint8]) -> bool:
    """Return whether a mask is one that `all_valid` made: known without a look at every pixel."""
    return mask.strides == (1, 1) and bool(mask[0].all() and mask[:, -1].all())


def mask_from_nodata(nodata: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Turn a set of nodata pixels into a mask, in its own memory: True becomes 0 and False becomes 255."""
    mask = nodata.view(np.uint8)
    mask -= 1
    return mask


def keep_edge_connected(nodata: NDArray[np.bool_]) -> None:
    """Reduce a set of pixels to the part that is connected to the image's edge.

    Followed in whole blocks of `BLOCK_PX` pixels, then to the pixel in the blocks around them: so a pixel up to that
    far from the region may be counted in, and a channel narrower than a block is not crawled through.

    Args:
        nodata: Shape (rows, columns), True where the value is nodata; changed in place.
    """
    size = BLOCK_PX
    blocks = np.concatenate([_whole_blocks(nodata[rows]) for rows in strips(nodata.shape[0])])
    near = dilate(connected(blocks, _border(blocks)))
    # The thin ends of a rotation fill, narrower than a block, lie along the edge itself.
    thin = [np.logical_and.accumulate(strip, axis=0) for strip in _edge_strips(nodata, size)]
    for rows in strips(nodata.shape[0]):
        wide = near[rows.start // size : -(-rows.stop // size)].repeat(size, axis=0).repeat(size, axis=1)
        nodata[rows] &= wide[: rows.stop - rows.start, : nodata.shape[1]]
    for view, found in zip(_edge_strips(nodata, size), thin, strict=True):
        np.logical_or(view, found, out=view)


def _whole_blocks(strip: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which blocks of a strip are all True, shape (rows / 8, columns / 8) rounded up.

    Blocks that reach over the right or lower edge count the pixels they have.
    """
    size = BLOCK_PX
    padded = np.pad(strip, [(0, -side % size) for side in strip.shape], mode="edge")
    return np.asarray(padded.reshape(padded.shape[0] // size, size, -1, size).all(axis=(1, 3)))


def _edge_strips(layer: NDArray[np.bool_], size: int) -> Iterator[NDArray[np.bool_]]:
    """Yield views of the four edges, `size` pixels deep, each turned so that its first row is the outermost."""
    return (view[:size] for view in (layer, layer[::-1], layer.T, layer.T[::-1]))


def _border(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the members of a set that lie in its outermost rows and columns."""
    seeds = np.zeros_like(blocks)
    seeds[[0, -1]] = seeds[:, [0, -1]] = True
    return seeds & blocks


def dilate(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a set with the eight neighbors of every member."""
    return cv2.dilate(region.view(np.uint8), NEIGHBORS).view(bool)


def connected(allowed: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the members of `allowed` that share a connected part with one of the `seeds`; pixels connect by their sides.

    Args:
        allowed: Shape (rows, columns).
        seeds: Of the same shape; those that are not allowed count for nothing.
    """
    parts, labels = cv2.connectedComponents(allowed.view(np.uint8), connectivity=4)
    kept = np.zeros(parts, bool)
    kept[labels[seeds]] = True
    kept[0] = False  # the label of everything that is not allowed
    found: NDArray[np.bool_] = kept[labels]
    return found
