"""The COG of one cell: composed, written and verified with the means of a frame's COG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from osgeo import gdal

from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.levels import build_levels
from cogmill.cog.output.verify_cog import verify_layout, verify_pixels
from cogmill.cog.output.writer import write_cog
from cogmill.cog.rasters import rasterio
from cogmill.domain.geo import Bounds3857
from cogmill.overviews.compose import Canvas, compose
from cogmill.overviews.contents import PROFILE
from cogmill.overviews.fetch import CogPart
from cogmill.overviews.grid import Picture

CONFIG = {"GDAL_MEM_ENABLE_OPEN": "YES", "GDAL_PAM_ENABLED": "NO", "GDAL_TIFF_INTERNAL_MASK": "YES"}
"""GDAL's configuration while a cell is written: arrays are opened by their address, and nothing is written beside the COG."""


@dataclass(frozen=True, slots=True)
class BuiltCell:
    """The COG of a cell in a local file."""

    size: int
    """Bytes."""
    sha256: str
    bounds: Bounds3857
    """Rectangle around its valid pixels."""


def build_cell(picture: Picture, parts: Sequence[CogPart], target: Path) -> BuiltCell | None:
    """Make the COG of a cell; None when nothing in it is valid.

    Args:
        picture: The square of the cell.
        parts: What lies in it, in drawing order.
        target: File to write.

    Raises:
        ServiceUnavailableError: A part cannot be read.
        VerificationError: The COG is not what was to be written.
    """
    gdal.UseExceptions()
    canvas = compose(picture, parts)
    bounds = _valid_bounds(picture, canvas)
    if bounds is None:
        return None
    with ScratchArrays(None) as scratch, rasterio.Env(**CONFIG):
        levels = build_levels(canvas.data, canvas.mask, scratch)
        write_cog(levels, picture.transform, target, PROFILE, {}, threads=1)
        verify_layout(target, picture.width, picture.height)
        sha256 = verify_pixels(target, levels, lossless=PROFILE.lossless, threads=1)
    return BuiltCell(target.stat().st_size, sha256, bounds)


def _valid_bounds(picture: Picture, canvas: Canvas) -> Bounds3857 | None:
    """Return the rectangle around the valid pixels of a canvas; None when there are none."""
    rows, columns = np.flatnonzero(canvas.mask.any(axis=1)), np.flatnonzero(canvas.mask.any(axis=0))
    if not rows.size:
        return None
    west, north = picture.transform @ (float(columns[0]), float(rows[0]))
    east, south = picture.transform @ (float(columns[-1]) + 1, float(rows[-1]) + 1)
    return Bounds3857(west, south, east, north)
