"""Reproject a decoded frame to EPSG:3857: values by bilinear or cubic interpolation, the mask beside them.

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

from cogmill.cog.arrays.masks import NEIGHBORS, VALID
from cogmill.cog.arrays.polygons import Polygon, densify, rasterize, shrink
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.arrays.threads import map_threaded
from cogmill.cog.profiles import Resampling
from cogmill.cog.source.decode import Bytes, Pixels
from cogmill.cog.warp.target_grid import OUTLINE_STEPS, PixelTransformer, TargetGrid, grid_pixels, source_pixels
from cogmill.domain.errors import InvalidFrameError, Reason

ERROR_PX = 0.03
"""Largest distance, in pixels of the source, between a tile's affine map to the source and the projection's."""

RIM_PX = 2 * ERROR_PX
"""Pixels at the rim of a frame that may lie outside of it; they are not valid."""

KERNEL_RADIUS_PX = {Resampling.BILINEAR: 1.0, Resampling.CUBIC: 2.0}
"""How far from an outline a value can still come from beyond it, in pixels."""

KERNELS = {Resampling.BILINEAR: cv2.INTER_LINEAR, Resampling.CUBIC: cv2.INTER_CUBIC}

TILES_PX = (1024, 512, 256, 128, 64, 32, 16, 8, 4)
"""Sides of tiles, the first with a small enough error is taken; 1024 bends less than 0.01 px for frames of 9 inches. The last ones
are for pixels of hundreds of meters."""

MARGIN_PX = 3
"""Pixels around a tile's window of the source that a kernel, or the mask's, may look at."""


@dataclass(slots=True)
class Warped:
    """A frame on a north-up grid of EPSG:3857."""

    data: Bytes
    """Shape (bands, rows, columns); 0 where not valid."""
    mask: Bytes
    """Shape (rows, columns), 255 where valid and 0 where not."""
    transform: Affine
    """From (column, row) to EPSG:3857 meters (x, y), north up."""

    def __post_init__(self) -> None:
        if self.data.shape[1:] != self.mask.shape:
            raise ValueError(f"bands of {self.data.shape[1:]} with a mask of {self.mask.shape}")
        if self.transform.a <= 0 or self.transform.e >= 0 or self.transform.b or self.transform.d:
            raise ValueError(f"a grid is north up: {self.transform}")


def warp(  # noqa: PLR0913 - a frame, where it goes, and how
    pixels: Pixels,
    polygon: Polygon,
    transformer: PixelTransformer,
    target_grid: TargetGrid,
    kernel: Resampling,
    *,
    threads: int,
    scratch: ScratchArrays,
) -> Warped:
    """Resample a frame onto a grid.

    Args:
        pixels: The frame; its mask, if any, already lacks everything outside `polygon`.
        polygon: Outline of the valid pixels in pixel coordinates, convex; where it does not follow the image's edge, it
            keeps the kernel's radius away from what is not valid.
        transformer: Of the frame.
        target_grid: Grid of the result.
        kernel: How values between pixels are found.
        threads: Threads that resample; they change nothing in the result.
        scratch: Gives the memory of the result.

    Raises:
        InvalidFrameError: no_transformation, when the projection bends too much to be followed.
    """
    outline = transformer.to_map(densify(shrink(polygon, RIM_PX), OUTLINE_STEPS))
    mask = rasterize(grid_pixels(outline, target_grid), scratch.zeros((target_grid.height, target_grid.width)), scratch)
    warped = Warped(scratch.zeros((len(pixels.data), *mask.shape)), mask, target_grid.transform)

    def fill(tile: Tile) -> None:
        """Fill one tile of the result."""
        _warp_tile(pixels, warped, tile, kernel)
        scratch.release()

    map_threaded(fill, _tiles(transformer, target_grid), threads)
    return warped


@dataclass(frozen=True, slots=True)
class Tile:
    """Part of a grid, and the affine map from its pixels to those of the source."""

    rows: slice
    columns: slice
    to_source: NDArray[np.float64]
    """Shape (2, 3): source column and row from column, row and 1; pixel centers are whole numbers, from 0 in the tile."""


def _tiles(transformer: PixelTransformer, target_grid: TargetGrid) -> Iterator[Tile]:
    """Return the tiles of a grid, row by row, as large as the bend of the projection allows."""
    for side in TILES_PX:
        columns, rows = (_edges(size, side) for size in (target_grid.width, target_grid.height))
        to_source, error = _affine_maps(transformer, target_grid, columns, rows)
        if error <= ERROR_PX:
            return (
                Tile(slice(rows[r], rows[r + 1]), slice(columns[c], columns[c + 1]), to_source[r, c])
                for r, c in np.ndindex(to_source.shape[:2])
            )
    raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"its projection bends by {error:.2f} px within {side} px")


def _edges(size: int, side: int) -> NDArray[np.int64]:
    """Return where tiles begin along an axis of `size` pixels, and `size`: shape (tiles + 1,)."""
    return np.append(np.arange(0, size, side), size)


def _affine_maps(
    transformer: PixelTransformer, target_grid: TargetGrid, columns: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Return the affine map to the source of every tile, and the largest error in pixels of the source.

    An affine map is the mean of the four corners' differences. It is furthest from the projection in the corners, by
    the twist of their quadrangle, or in the middle, by the bend; or halfway between, where a tile holds the equator.

    Args:
        transformer: Of the frame.
        target_grid: Grid of the tiles.
        columns: Shape (n + 1,): edges of the tiles in pixels of the grid.
        rows: Shape (m + 1,), likewise.

    Returns:
        Shape (m, n, 2, 3), see `Tile.to_source`; pixels.
    """
    corners = source_pixels(target_grid, columns, rows, transformer)
    middles = source_pixels(target_grid, (columns[1:] + columns[:-1]) / 2, (rows[1:] + rows[:-1]) / 2, transformer)
    nw, ne, sw, se = corners[:-1, :-1], corners[:-1, 1:], corners[1:, :-1], corners[1:, 1:]
    right = ((ne - nw) + (se - sw)) / (2 * np.diff(columns)[None, :, None])
    down = ((sw - nw) + (se - ne)) / (2 * np.diff(rows)[:, None, None])
    middle = (nw + ne + sw + se) / 4
    width, height = np.diff(columns)[None, :, None], np.diff(rows)[:, None, None]
    bends = [np.abs(nw - ne - sw + se).max() / 4, np.abs(middles - middle).max()]
    for x, y in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        places = columns[:-1] + (2 + x) * np.diff(columns) / 4, rows[:-1] + (2 + y) * np.diff(rows) / 4
        quarter = middle + x * right * width / 4 + y * down * height / 4
        bends.append(np.abs(source_pixels(target_grid, *places, transformer) - quarter).max())
    error = max(bends)
    # From corners of pixels to their centers: half a pixel on either side.
    start = middle - right * (width - 1) / 2 - down * (height - 1) / 2 - 0.5
    return np.stack([right, down, start], axis=-1), float(error)


def _warp_tile(pixels: Pixels, warped: Warped, tile: Tile, kernel: Resampling) -> None:
    """Fill one tile of the result in place: its mask, which holds the outline before, and its bands."""
    mask = warped.mask[tile.rows, tile.columns]
    if not mask.any():
        return
    window, to_source = _source_window(tile, pixels.data.shape[1:])
    if pixels.mask is not None:
        valid = pixels.mask[window]
        if kernel is Resampling.CUBIC:  # its radius is one pixel more than that of the bilinear kernel below
            valid = cv2.erode(valid, NEIGHBORS).astype(np.uint8, copy=False)
        mask[_resample(valid, to_source, np.empty_like(mask), Resampling.BILINEAR) != VALID] = 0
    for source, target in zip(pixels.data, warped.data, strict=True):
        part = target[tile.rows, tile.columns]
        _resample(source[window], to_source, part, kernel)
        part &= mask


def _source_window(tile: Tile, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """Return the part of the source that a tile needs, at least one pixel, and the tile's affine map into that part.

    Args:
        tile: Tile of the grid.
        shape: Rows and columns of the source.

    Returns:
        Slices of rows and columns; shape (2, 3), see `Tile.to_source`.
    """
    last = np.array([tile.columns.stop - tile.columns.start, tile.rows.stop - tile.rows.start]) - 1
    found = np.array([(0, 0, 1), (last[0], 0, 1), (0, last[1], 1), (*last, 1)]) @ tile.to_source.T
    limits = np.array(shape[::-1])
    first = np.clip(np.floor(found.min(axis=0)).astype(int) - MARGIN_PX, 0, limits - 1)
    end = np.clip(np.ceil(found.max(axis=0)).astype(int) + MARGIN_PX + 1, first + 1, limits)
    to_source = tile.to_source.copy()
    to_source[:, 2] -= first
    return (slice(first[1], end[1]), slice(first[0], end[0])), to_source


def _resample(source: Bytes, to_source: NDArray[np.float64], target: Bytes, kernel: Resampling) -> Bytes:
    """Fill one band of a tile from a window of the source, whose outermost pixels go on forever, and return it.

    Args:
        source: Shape (rows, columns).
        to_source: Shape (2, 3), see `Tile.to_source`.
        target: Shape (rows, columns) of the tile; changed in place.
        kernel: How values between pixels are found.

    Raises:
        MemoryError: OpenCV has not enough of it.
    """
    try:
        cv2.warpAffine(
            source,
            to_source,
            target.shape[::-1],
            dst=target,
            flags=KERNELS[kernel] | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    except cv2.error as err:
        raise (MemoryError if err.code == cv2.Error.StsNoMem else RuntimeError)(str(err)) from err
    return target
