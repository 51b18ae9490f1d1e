"""Brings a decoded frame to EPSG:3857: pixels by bilinear or cubic interpolation, validity beside them.

The grid is cut into tiles. Within a tile the way back to the frame's pixels is as good as affine, so that OpenCV's
vectorised affine warp does the work, ten times as fast as a warp that follows the projection pixel by pixel; how good is
measured for every tile, and tiles become smaller where the projection bends more.

The kernel never sees the mask. A pixel of the result is valid only when everything the kernel touched was: so no value
of collar or nodata can bleed in, at the price of at most two pixels along the outline. Pixels that are not valid are 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from cogmill.cog.arrays.polygons import Ring, densify, fill, shrink
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.arrays.threads import map_threaded
from cogmill.cog.output.overviews import FILLED
from cogmill.cog.profiles import Resampling
from cogmill.cog.source.decode import Bytes, Pixels
from cogmill.cog.warp.target_grid import OUTLINE_STEPS, PixelTransformer, TargetGrid, back_from, to_cells
from cogmill.domain.errors import InvalidFrameError, Reason

ERROR_PX = 0.03
"""Largest distance in source pixels between the affine way back to the source and the projection's."""

RIM_PX = 2 * ERROR_PX
"""Pixels at the rim of a frame that may lie outside of it; they are not valid."""

KERNEL_PX = {Resampling.BILINEAR: 1.0, Resampling.CUBIC: 2.0}
"""Reach of a kernel in pixels: how far from an outline a value can still come from beyond it."""

KERNELS = {Resampling.BILINEAR: cv2.INTER_LINEAR, Resampling.CUBIC: cv2.INTER_CUBIC}

TILES_PX = (1024, 512, 256, 128, 64, 32)
"""Sides of tiles, the first with a small enough error is taken; 1024 bends less than 0.01 px for frames of 9 inches."""

MARGIN_PX = 3
"""Pixels around a tile's source that a kernel, or the mask's, may look at."""


@dataclass(slots=True)
class Warped:
    """A frame on a grid of EPSG:3857."""

    data: Bytes
    """Shape (bands, rows, columns)."""
    mask: Bytes
    """Shape (rows, columns), 255 is valid and 0 is not."""
    transform: Affine
    """From (column, row) to EPSG:3857 metres (x, y), north up."""


def warp(  # noqa: PLR0913 - a frame, where it goes, and how
    pixels: Pixels,
    ring: Ring,
    transformer: PixelTransformer,
    target_grid: TargetGrid,
    kernel: Resampling,
    *,
    threads: int,
    arena: ScratchArrays,
) -> Warped:
    """Resample a frame onto a grid.

    Args:
        pixels: The frame; its mask, if any, already lacks everything outside `ring`.
        ring: Outline of the picture in pixel coordinates, convex; where it does not follow the image's edge, it keeps
            the kernel's reach away from what is not picture.
        transformer: Of the frame.
        target_grid: Grid of the result.
        kernel: How values between pixels are found.
        threads: Threads that resample; they change nothing in the result.
        arena: For the result.

    Raises:
        InvalidFrameError: no_transformation, when the projection bends too much to be followed.
    """
    outline = transformer.to_map(densify(shrink(ring, RIM_PX), OUTLINE_STEPS))
    valid = fill(to_cells(outline, target_grid), arena.zeros((target_grid.height, target_grid.width)))
    warped = Warped(arena.zeros((len(pixels.data), *valid.shape)), valid, target_grid.transform)
    map_threaded(lambda tile: _warp_tile(pixels, warped, tile, kernel), _tiles(transformer, target_grid), threads)
    return warped


@dataclass(frozen=True, slots=True)
class Tile:
    """Part of a grid, and the way from its pixels to those of the source."""

    rows: slice
    columns: slice
    back: NDArray[np.float64]
    """Shape (2, 3): source column and row from column, row and 1, all counted in pixel centres from 0."""


def _tiles(transformer: PixelTransformer, target_grid: TargetGrid) -> Iterator[Tile]:
    """Return the tiles of a grid, row by row."""
    for side in TILES_PX:
        columns, rows = (_edges(size, side) for size in (target_grid.width, target_grid.height))
        back, error = _affine(transformer, target_grid, columns, rows)
        if error <= ERROR_PX:
            return (
                Tile(slice(rows[r], rows[r + 1]), slice(columns[c], columns[c + 1]), back[r, c])
                for r, c in np.ndindex(back.shape[:2])
            )
    raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"its projection bends by {error:.2f} px within {side} px")


def _edges(size: int, side: int) -> NDArray[np.int64]:
    return np.append(np.arange(0, size, side), size)


def _affine(
    transformer: PixelTransformer, target_grid: TargetGrid, columns: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Return the affine way back for every tile, shape (rows, columns, 2, 3), and the largest error in source pixels.

    The affine map is the mean of the four corners' differences. It is furthest from the projection in the corners, by
    the twist of their quadrangle, or in the middle, by the bend.
    """
    corners = back_from(target_grid, columns, rows, transformer)
    middles = back_from(target_grid, (columns[1:] + columns[:-1]) / 2, (rows[1:] + rows[:-1]) / 2, transformer)
    nw, ne, sw, se = corners[:-1, :-1], corners[:-1, 1:], corners[1:, :-1], corners[1:, 1:]
    right = ((ne - nw) + (se - sw)) / (2 * np.diff(columns)[None, :, None])
    down = ((sw - nw) + (se - ne)) / (2 * np.diff(rows)[:, None, None])
    middle = (nw + ne + sw + se) / 4
    error = max(np.abs(nw - ne - sw + se).max() / 4, np.abs(middles - middle).max())
    width, height = np.diff(columns)[None, :, None], np.diff(rows)[:, None, None]
    # From corners of pixels to their centres: half a pixel on either side.
    start = middle - right * (width - 1) / 2 - down * (height - 1) / 2 - 0.5
    return np.stack([right, down, start], axis=-1), float(error)


def _warp_tile(pixels: Pixels, warped: Warped, tile: Tile, kernel: Resampling) -> None:
    """Fill one tile of the result, pixels and validity."""
    valid = warped.mask[tile.rows, tile.columns]
    if not valid.any():
        return
    window, back = _source_window(tile, pixels.data.shape[1:])
    if pixels.mask is not None:
        known = pixels.mask[window]
        if kernel is Resampling.CUBIC:  # reaches one pixel further than the four that are looked at below
            known = cv2.erode(known, np.ones((3, 3), np.uint8)).astype(np.uint8, copy=False)
        valid[_resample(known, back, np.empty_like(valid), Resampling.BILINEAR) != FILLED] = 0
    for source, target in zip(pixels.data, warped.data, strict=True):
        part = target[tile.rows, tile.columns]
        _resample(source[window], back, part, kernel)
        part &= valid


def _source_window(tile: Tile, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """Return the part of the source that a tile needs, at least one pixel, and the way back into it."""
    last = np.array([tile.columns.stop - tile.columns.start, tile.rows.stop - tile.rows.start]) - 1
    found = np.array([(0, 0, 1), (last[0], 0, 1), (0, last[1], 1), (*last, 1)]) @ tile.back.T
    limits = np.array(shape[::-1])
    first = np.clip(np.floor(found.min(axis=0)).astype(int) - MARGIN_PX, 0, limits - 1)
    end = np.clip(np.ceil(found.max(axis=0)).astype(int) + MARGIN_PX + 1, first + 1, limits)
    back = tile.back.copy()
    back[:, 2] -= first
    return (slice(first[1], end[1]), slice(first[0], end[0])), back


def _resample(source: Bytes, back: NDArray[np.float64], target: Bytes, kernel: Resampling) -> Bytes:
    """Fill an array from a source of its own, whose edge goes on forever."""
    try:
        cv2.warpAffine(
            source,
            back,
            target.shape[::-1],
            dst=target,
            flags=KERNELS[kernel] | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    except cv2.error as err:
        raise (MemoryError if err.code == cv2.Error.StsNoMem else RuntimeError)(str(err)) from err
    return target
