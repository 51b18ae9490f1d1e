"""The grid of EPSG:3857 that a frame is brought to, and the way there and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.arrays.polygons import Ring, densify
from cogmill.cog.profiles import Grid
from cogmill.cog.source.crs import Operation, web_mercator
from cogmill.cog.source.decode import Pixels
from cogmill.cog.source.extent import apply_transform
from cogmill.domain.errors import InvalidFrameError, Reason

WEB_EXTENT_M = 20037508.342789244
"""Half the side of the web-mercator square, metres."""

WEB_TILE_PX = 256

ZOOM_SLACK = 1.1
"""A zoom level may be coarser than the frame by this factor: nobody sees it, and the next finer one has four times the
pixels."""

OUTLINE_STEPS = 64
"""Points per side of an outline on its way through the projection: its bend between two of them is below 0.01 px."""


@dataclass(frozen=True, slots=True)
class TargetGrid:
    """A north-up pixel grid of EPSG:3857 whose origin lies on a multiple of its resolution."""

    resolution: float
    """Metres."""
    column: int
    """Multiple of the resolution at the west edge."""
    row: int
    """Multiple of the resolution at the north edge, counted downwards from y = 0."""
    width: int
    height: int

    @property
    def transform(self) -> Affine:
        """Affine from (column, row) to EPSG:3857 metres (x, y)."""
        size = self.resolution
        return Affine(size, 0.0, self.column * size, 0.0, -size, -self.row * size)


class PixelTransformer:
    """Pixel coordinates of a frame (column right, row down) to metres of EPSG:3857 and back."""

    def __init__(self, pixels: Pixels, shape: tuple[int, int], operation: Operation | None) -> None:
        options = [f"DST_SRS={web_mercator().ExportToWkt()}", "ALLOW_BALLPARK=NO"]
        if operation is not None:
            options.append(f"COORDINATE_OPERATION={operation.pipeline}")
        grid = gdal.GetDriverByName("MEM").Create("", shape[1], shape[0], 0)
        grid.SetGeoTransform(pixels.transform.to_gdal())
        grid.SetSpatialRef(pixels.srs)
        self._grid = grid
        try:
            self._transformer = gdal.Transformer(grid, None, options)
        except RuntimeError as err:
            raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"its coordinates cannot be projected ({err})") from err

    def to_map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return map coordinates, shape (n, 2), for pixel coordinates of that shape."""
        return self._run(points, back=0)

    def to_pixel(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return pixel coordinates, shape (n, 2), for map coordinates of that shape."""
        return self._run(points, back=1)

    def _run(self, points: NDArray[np.float64], back: int) -> NDArray[np.float64]:
        try:
            moved, fine = self._transformer.TransformPoints(back, [(float(x), float(y), 0.0) for x, y in points])
        except RuntimeError as err:
            raise InvalidFrameError(Reason.OUTSIDE_AREA, f"its coordinates cannot be projected ({err})") from err
        found = np.array(moved)[:, :2]
        if not all(fine) or not np.isfinite(found).all():
            raise InvalidFrameError(Reason.OUTSIDE_AREA, "its coordinates are impossible in its coordinate system")
        return found


def choose_target_grid(transformer: PixelTransformer, ring: Ring, grid: Grid) -> TargetGrid:
    """Return the grid that covers an outline.

    Args:
        transformer: Of the frame.
        ring: Outline of the picture in pixel coordinates.
        grid: Native resolution or web-mercator zoom.
    """
    outline = transformer.to_map(densify(ring, OUTLINE_STEPS))
    if np.abs(outline).max() > WEB_EXTENT_M * (1 + 1e-9):
        raise InvalidFrameError(Reason.OUTSIDE_AREA, "it reaches beyond the web-mercator square")
    resolution = _native_resolution(transformer, ring)
    if grid is Grid.WEB:
        resolution = _zoom_resolution(resolution)
    west, north = np.floor(outline[:, 0].min() / resolution), np.floor(-outline[:, 1].max() / resolution)
    east, south = np.ceil(outline[:, 0].max() / resolution), np.ceil(-outline[:, 1].min() / resolution)
    return TargetGrid(resolution, int(west), int(north), int(east - west), int(south - north))


def _native_resolution(transformer: PixelTransformer, ring: Ring) -> float:
    """Return the side in metres of a square with the area of the frame's middle pixel."""
    x, y = ring.mean(axis=0)
    corners = transformer.to_map(np.array([(x, y), (x + 1, y), (x, y + 1)]))
    (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[0]
    return math.sqrt(abs(ax * by - ay * bx))


def _zoom_resolution(resolution: float) -> float:
    """Return the pixel size of the coarsest zoom level that keeps the frame's detail."""
    whole = 2 * WEB_EXTENT_M / WEB_TILE_PX
    return float(whole / 2 ** math.ceil(math.log2(whole / (resolution * ZOOM_SLACK))))


def to_cells(points: NDArray[np.float64], target_grid: TargetGrid) -> Ring:
    """Return map coordinates as columns and rows of a grid."""
    origin = np.array([target_grid.column, target_grid.row], float)
    cells: Ring = points * np.array([1, -1]) / target_grid.resolution - origin
    return cells


def back_from(
    target_grid: TargetGrid, columns: NDArray[Any], rows: NDArray[Any], transformer: PixelTransformer
) -> NDArray[np.float64]:
    """Return the source's pixel coordinates for a mesh of a grid's, shape (rows, columns, 2)."""
    mesh = np.stack(np.meshgrid(columns, rows), axis=-1)
    points = apply_transform(target_grid.transform, mesh.reshape(-1, 2))
    return transformer.to_pixel(points).reshape(mesh.shape)
