"""Small pictures of a whole collection, as files: pages show them, and no map host draws them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from cogmill.domain.geo import Bounds3857
from cogmill.overviews.compose import compose
from cogmill.overviews.contents import Member
from cogmill.overviews.fetch import ReadRange
from cogmill.overviews.grid import Picture, resolution
from cogmill.overviews.pool import fetch_parts

QUALITY = 75
"""Of WebP, 1 to 100: a picture of 1,024 px takes about 100 KB."""

LEAST_M = 1.0
"""Side of the smallest extent that is drawn, so that a degenerate one has pixels too."""


def level_for(extent: Bounds3857, levels: Sequence[int], longer_px: int) -> int:
    """Return the level from which a picture of an extent is drawn: the coarsest that is fine enough, or else the finest.

    Args:
        extent: What to show, in EPSG:3857.
        levels: Levels that have cells, finest first.
        longer_px: Pixels along the longer side.
    """
    pixel_m = max(extent.width, extent.height, LEAST_M) / longer_px
    return [levels[0], *(level for level in levels if resolution(level) <= pixel_m)][-1]


def draw_thumbnails(
    extent: Bounds3857, members: Sequence[Member], read: ReadRange, sizes: Sequence[int]
) -> dict[int, bytes]:
    """Return a collection as WebP with transparency, by the pixels of the longer side.

    Args:
        extent: What to show, in EPSG:3857.
        members: COGs in drawing order: frames where they are few, else the cells of a level, see `level_for`.
        read: Reads from the bucket.
        sizes: Pixels along the longer side, the largest first.

    Raises:
        ServiceUnavailableError: A member cannot be read now.
    """
    longer_m = max(extent.width, extent.height, LEAST_M)
    pixel_m = longer_m / sizes[0]
    width, height = (max(1, round(side / pixel_m)) for side in (extent.width, extent.height))
    picture = Picture(extent.west, extent.north, pixel_m, width, height)
    with TemporaryDirectory(prefix="cogmill-overviews-") as folder:
        canvas = compose(picture, fetch_parts(read, members, picture, Path(folder)))
    bands = np.broadcast_to(canvas.data, (3, height, width))[::-1]  # OpenCV writes blue first
    layers = np.ascontiguousarray(np.concatenate([bands, canvas.mask[None]]).transpose(1, 2, 0))
    return {size: _webp(layers, size / sizes[0]) for size in sizes}


def _webp(layers: np.ndarray, factor: float) -> bytes:
    """Return a picture, shape (height, width, 4), made smaller by a factor and encoded."""
    height, width = layers.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = layers if factor == 1 else cv2.resize(layers, size, interpolation=cv2.INTER_AREA)
    written, data = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    if not written:
        raise RuntimeError("OpenCV writes no WebP here")
    return data.tobytes()
