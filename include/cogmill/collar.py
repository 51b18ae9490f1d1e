"""Finds the picture inside its film collar, in the frame's own pixel grid."""

from __future__ import annotations

from include.cogmill.outline import Ring, rectangle
from include.cogmill.pixels import Pixels


def find_picture(pixels: Pixels, reach: float) -> Ring:
    """Return the outline of the photograph in pixel coordinates, convex."""
    rows, columns = pixels.data.shape[1:]
    return rectangle(columns, rows)
