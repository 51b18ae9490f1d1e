"""The pixels of a picture: its members drawn over each other, as MapServer draws the frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from cogmill.cog.source.decode import Bytes
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.geo import Bounds3857
from cogmill.overviews.fetch import CogPart
from cogmill.overviews.grid import Picture

VALID = 255
"""Value of a valid pixel in a mask; all others are 0."""

HALF_VALID = 128
"""Least share of a pixel, of 255, that must be valid."""

WEB_MERCATOR = "EPSG:3857"


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
    target = np.zeros((len(source), window.height, window.width), np.uint8)
    reproject(
        source,
        target,
        src_transform=part.transform @ Affine.translation(part.columns.start, part.rows.start),
        dst_transform=picture.transform @ Affine.translation(window.col_off, window.row_off),
        src_crs=WEB_MERCATOR,
        dst_crs=WEB_MERCATOR,
        resampling=Resampling.average,
        src_alpha=len(source),
        dst_alpha=len(source),
    )
    return _Piece(target[:-1], target[-1] >= HALF_VALID, window.row_off, window.col_off)


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
