"""Sets of pixels as boolean arrays: what hangs together with what, in strips so that no whole frame is copied."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

ROWS = 1024
"""Rows decoded at a time where values must be converted; bounds the working set to a few per cent of a frame."""

FLOOD_BLOCK = 8
"""Pixels: the edge-connected region is followed in blocks of this size, and to the pixel at its rim."""


def strips(height: int, rows: int = ROWS) -> Iterator[slice]:
    """Yield row slices that cover a height."""
    edges = [*range(0, height, rows), height]
    return (slice(first, last) for first, last in pairwise(edges))


def valid_where_not(empty: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Turn a set of empty pixels into a mask, in its own memory: 255 is picture and 0 is not."""
    valid = empty.view(np.uint8)
    valid -= 1
    return valid


def keep_edge_connected(empty: NDArray[np.bool_]) -> None:
    """Reduce a set of pixels to the part that hangs together with the image's edge.

    Followed in whole blocks of `FLOOD_BLOCK` pixels, then to the pixel in the blocks around them: so a pixel up to
    that far from the region may be counted in, and a channel narrower than a block is not crawled through.

    Args:
        empty: Shape (rows, columns), True where the value is nodata; changed in place.
    """
    size = FLOOD_BLOCK
    blocks = np.concatenate([_whole_blocks(empty[rows]) for rows in strips(empty.shape[0])])
    near = grow(flood(blocks, _border(blocks)))
    # The thin ends of a wedge, narrower than a block, lie along the edge itself.
    thin = [np.logical_and.accumulate(strip, axis=0) for strip in _edge_strips(empty, size)]
    for rows in strips(empty.shape[0]):
        wide = near[rows.start // size : -(-rows.stop // size)].repeat(size, axis=0).repeat(size, axis=1)
        empty[rows] &= wide[: rows.stop - rows.start, : empty.shape[1]]
    for view, found in zip(_edge_strips(empty, size), thin, strict=True):
        np.logical_or(view, found, out=view)


def _whole_blocks(strip: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which blocks of a strip are all True; blocks that reach over the edge count what they have."""
    size = FLOOD_BLOCK
    padded = np.pad(strip, [(0, -side % size) for side in strip.shape], mode="edge")
    return np.asarray(padded.reshape(padded.shape[0] // size, size, -1, size).all(axis=(1, 3)))


def _edge_strips(layer: NDArray[np.bool_], size: int) -> Iterator[NDArray[np.bool_]]:
    """Yield views of the four edges, each turned so that its first row is the outermost."""
    return (view[:size] for view in (layer, layer[::-1], layer.T, layer.T[::-1]))


def _border(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    seeds = np.zeros_like(blocks)
    seeds[[0, -1]] = seeds[:, [0, -1]] = True
    return seeds & blocks


def grow(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a region with its eight neighbours."""
    padded = np.pad(region, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    grown: NDArray[np.bool_] = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return grown


def flood(allowed: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of `allowed` that hang together with `seeds` (by sides), which must lie in it."""
    region = seeds
    while region.any():
        spread = _sweep(region, allowed)
        spread = _sweep(spread[:, ::-1], allowed[:, ::-1])[:, ::-1]
        spread = _sweep(spread.T, allowed.T).T
        spread = _sweep(spread.T[:, ::-1], allowed.T[:, ::-1])[:, ::-1].T
        if np.array_equal(spread, region):
            break
        region = spread
    return region


def _sweep(region: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spread a region along its rows, rightwards, up to the next pixel that is not allowed."""
    column = np.arange(region.shape[1], dtype=np.int32)
    last_seed = np.maximum.accumulate(np.where(region, column, -1), axis=1)
    last_wall = np.maximum.accumulate(np.where(allowed, -1, column), axis=1)
    return np.asarray(last_seed > last_wall)
