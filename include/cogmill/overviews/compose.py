"""The pixels of a picture: its members drawn over each other, as MapServer draws the frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from cogmill.cog.arrays.masks import VALID
from cogmill.cog.rasters import rasterio
from cogmill.cog.source.decode import Bytes
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.geo import Bounds3857
from cogmill.overviews.fetch import CogPart
from cogmill.overviews.grid import Picture

HALF_VALID = 0.5 - 1e-4
"""Least share of a pixel that must be valid, but for rounding."""

SMALLEST = np.float32(1e-6)
"""Stands in for a share of 0, of which nothing is drawn."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The pixels of a picture."""

    data: Bytes
    """Shape (bands, height, width); one gray band or red, green and blue; 0 where not valid."""
    mask: Bytes
    """Shape (height, width), 255 where valid and 0 where not."""


def compose(picture: Picture, parts: Sequence[CogPart]) -> Canvas:
    """Draw parts of COGs over each other; the last one lies on top.

    A pixel is the average of a part's valid pixels below it. Gray parts are drawn as three equal bands where another one
    has colors.

    Args:
        picture: What to fill.
        parts: In drawing order, each with the pixels that the picture needs.

    Raises:
        ServiceUnavailableError: A part cannot be read.
    """
    canvas = _with_bands(None, picture, 1)
    for part in parts:
        piece = _piece(picture, part)
        if piece is not None:
            canvas = _with_bands(canvas, picture, len(piece.data))
            _draw(canvas, piece)
    return canvas


@dataclass(frozen=True, slots=True)
class _Piece:
    """The part of a member that lies in a picture, on the picture's grid."""

    data: Bytes
    """Shape (bands, rows, columns)."""
    valid: NDArray[np.bool_]
    """Shape (rows, columns), True where valid."""
    row: int
    column: int
    """Where its first pixel lies in the picture."""


def _piece(picture: Picture, part: CogPart) -> _Piece | None:
    """Return a member's pixels on the grid of the picture; None when it does not reach into it."""
    window = _window(picture, part.bounds)
    if window is None:
        return None
    source = _layers(part)
    first = part.transform @ Affine.translation(part.columns.start, part.rows.start)
    to_source = ~first @ picture.transform @ Affine.translation(window.col_off, window.row_off)
    rows = _Averages(to_source.f, to_source.e, window.height, source.shape[1])
    columns = _Averages(to_source.c, to_source.a, window.width, source.shape[2])
    valid = (source[-1] != 0).astype(np.float32)
    share = columns.of_columns(rows.of_rows(valid))
    sums = [columns.of_columns(rows.of_rows(band * valid)) for band in source[:-1]]
    data = np.stack([np.floor(each / np.maximum(share, SMALLEST) + 0.5) for each in sums])
    return _Piece(data.astype(np.uint8), share >= HALF_VALID, window.row_off, window.col_off)


@dataclass(frozen=True, slots=True)
class _Averages:
    """The mean over each pixel of a coarser line of pixels, as weights of the finer pixels below it.

    Sums of products of single numbers only, in one order: every machine has the same result.
    """

    start: float
    """Where the first coarse pixel begins, in fine pixels."""
    step: float
    """Fine pixels in a coarse one."""
    count: int
    """Coarse pixels."""
    size: int
    """Fine pixels."""

    def of_rows(self, layer: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the means along the first axis, shape (count, columns) for (size, columns); 0 for what lies beyond the line."""
        found = np.zeros((self.count, layer.shape[1]), np.float32)
        begin = self.start + self.step * np.arange(self.count)
        end = begin + self.step
        lowest = np.floor(begin).astype(np.int64)
        for tap in range(math.ceil(self.step) + 1):
            pixel = lowest + tap
            part = np.clip(np.minimum(end, pixel + 1) - np.maximum(begin, pixel), 0, None) / self.step
            weight = np.where((pixel >= 0) & (pixel < self.size), part, 0).astype(np.float32)
            found += layer[np.clip(pixel, 0, self.size - 1)] * weight[:, None]
        return found

    def of_columns(self, layer: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the means along the second axis, shape (rows, count) for (rows, size)."""
        return np.ascontiguousarray(self.of_rows(np.ascontiguousarray(layer.T)).T)


def _layers(part: CogPart) -> Bytes:
    """Return the bands of a part and its mask as the last layer, shape (bands + 1, rows, columns)."""
    window = Window(part.columns.start, part.rows.start, len(part.columns), len(part.rows))
    options = {} if part.level is None else {"OVERVIEW_LEVEL": part.level}
    try:
        with rasterio.open(part.path, driver="GTiff", **options) as source:
            return np.concatenate([source.read(window=window), source.dataset_mask(window=window)[None]])
    except rasterio.errors.RasterioError as err:
        raise ServiceUnavailableError(f"{part.path.name} cannot be read: {err}") from err


def _window(picture: Picture, bounds: Bounds3857) -> Window | None:
    """Return the pixels of a picture whose middle lies in a rectangle; None when there is none."""
    west, north = ~picture.transform @ (bounds.west, bounds.north)
    east, south = ~picture.transform @ (bounds.east, bounds.south)
    left, top = max(round(west), 0), max(round(north), 0)
    right, bottom = min(round(east), picture.width), min(round(south), picture.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _with_bands(canvas: Canvas | None, picture: Picture, bands: int) -> Canvas:
    """Return an empty canvas, or the same one with three equal bands instead of its gray one where colors come."""
    if canvas is None:
        shape = (picture.height, picture.width)
        return Canvas(np.zeros((bands, *shape), np.uint8), np.zeros(shape, np.uint8))
    if len(canvas.data) >= bands:
        return canvas
    return Canvas(np.repeat(canvas.data, bands, axis=0), canvas.mask)


def _draw(canvas: Canvas, piece: _Piece) -> None:
    """Draw the valid pixels of a piece over a canvas, in place; a gray piece fills every band."""
    height, width = piece.valid.shape
    rows, columns = slice(piece.row, piece.row + height), slice(piece.column, piece.column + width)
    canvas.mask[rows, columns][piece.valid] = VALID
    for number, layer in enumerate(canvas.data):
        np.copyto(layer[rows, columns], piece.data[min(number, len(piece.data) - 1)], where=piece.valid)
