"""The grid of EPSG:3857 that a frame is reprojected to, and the transformation of its pixel coordinates there and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from osgeo import gdal

from cogmill.cog.arrays.polygons import Polygon, densify
from cogmill.cog.profiles import Grid
from cogmill.cog.source.crs import web_mercator
from cogmill.cog.source.decode import Pixels
from cogmill.cog.source.extent import apply_transform
from cogmill.cog.source.libproj import Operation
from cogmill.domain.errors import InvalidFrameError, Reason

WEB_EXTENT_M = 20037508.342789244
"""Half the side of the web-mercator square, meters."""

INSIDE_M = WEB_EXTENT_M - 1e-3
"""A millimeter from longitude 180, meters."""

WEB_TILE_PX = 256

ZOOM_SLACK = 1.1
"""A zoom level may be coarser than the frame by this factor: nobody sees it, and the next finer one has four times the
pixels."""

ELONGATED = 1.8
"""How much longer than wide a pixel is that has an axis worth keeping; degrees are, at 56 degrees of latitude."""

MOST_FINER = 4.0
"""How much finer than a square of the pixel's area that axis may be kept."""

OUTLINE_STEPS = 64
"""Points per side of an outline on its way through the projection: its bend between two of them is below 0.01 px."""


@dataclass(frozen=True, slots=True)
class TargetGrid:
    """A north-up pixel grid of EPSG:3857 whose origin lies on a multiple of its resolution."""

    resolution: float
    """Meters per pixel."""
    column: int
    """Multiple of the resolution at the west edge."""
    row: int
    """Multiple of the resolution at the north edge, counted downwards from y = 0."""
    width: int
    """Columns."""
    height: int
    """Rows."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.resolution) and self.resolution > 0 and self.width > 0 and self.height > 0):
            raise ValueError(f"{self.width} x {self.height} pixels of {self.resolution} m are no grid")

    @property
    def transform(self) -> Affine:
        """Affine from (column, row) to EPSG:3857 meters (x, y)."""
        size = self.resolution
        return Affine(size, 0.0, self.column * size, 0.0, -size, -self.row * size)


class PixelTransformer:
    """Transforms pixel coordinates of a frame (column right, row down, pixel centers at .5) to EPSG:3857 and back."""

    def __init__(self, pixels: Pixels, shape: tuple[int, int], operation: Operation | None) -> None:
        """Prepare.

        Args:
            pixels: The frame.
            shape: Its rows and columns.
            operation: From the frame's CRS; None when that is EPSG:3857.

        Raises:
            InvalidFrameError: no_transformation.
        """
        options = [f"DST_SRS={web_mercator().ExportToWkt()}", "ALLOW_BALLPARK=NO"]
        if operation is not None:
            options.append(f"COORDINATE_OPERATION={operation.pipeline}")
        grid = gdal.GetDriverByName("MEM").Create("", shape[1], shape[0], 0)
        grid.SetGeoTransform(pixels.transform.to_gdal())
        grid.SetSpatialRef(pixels.srs)
        self._grid, self._bend = grid, pixels.bend
        try:
            self._transformer = gdal.Transformer(grid, None, options)
        except RuntimeError as err:
            raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"its coordinates cannot be projected ({err})") from err

    def to_map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return x and y in meters of EPSG:3857, shape (n, 2), for columns and rows of that shape.

        Raises:
            InvalidFrameError: outside_area, also from `to_pixel`.
        """
        straight = points if self._bend is None else self._bend.to_straight(points)
        return self._transform(straight, inverse=False)

    def to_pixel(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return columns and rows, shape (n, 2), for x and y in meters of EPSG:3857 of that shape.

        What lies beyond longitude 180 counts as 180: PROJ would take it for the other end of the world.
        """
        inside = np.stack([points[:, 0].clip(-INSIDE_M, INSIDE_M), points[:, 1]], axis=1)
        straight = self._transform(inside, inverse=True)
        return straight if self._bend is None else self._bend.to_raster(straight)

    def _transform(self, points: NDArray[np.float64], *, inverse: bool) -> NDArray[np.float64]:
        """Return transformed points, shape (n, 2), for points of that shape."""
        listed = [(float(x), float(y), 0.0) for x, y in points]
        try:
            moved, fine = self._transformer.TransformPoints(int(inverse), listed)
        except RuntimeError as err:
            raise InvalidFrameError(Reason.OUTSIDE_AREA, f"its coordinates cannot be projected ({err})") from err
        found = np.array(moved)[:, :2]
        if not all(fine) or not np.isfinite(found).all():
            raise InvalidFrameError(Reason.OUTSIDE_AREA, "its coordinates are impossible in its coordinate system")
        return found


def choose_target_grid(transformer: PixelTransformer, polygon: Polygon, grid: Grid) -> TargetGrid:
    """Return the target grid of a warped frame.

    Args:
        transformer: Of the frame.
        polygon: Outline of the valid pixels in pixel coordinates; the grid covers it.
        grid: Native resolution or web-mercator zoom.

    Raises:
        InvalidFrameError: outside_area.
    """
    outline = transformer.to_map(densify(polygon, OUTLINE_STEPS))
    if np.abs(outline).max() > WEB_EXTENT_M * (1 + 1e-9):
        raise InvalidFrameError(Reason.OUTSIDE_AREA, "it reaches beyond the web-mercator square")
    resolution = _native_resolution(transformer, polygon)
    if grid is Grid.WEB:
        resolution = _zoom_resolution(resolution)
    west, north = np.floor(outline[:, 0].min() / resolution), np.floor(-outline[:, 1].max() / resolution)
    east, south = np.ceil(outline[:, 0].max() / resolution), np.ceil(-outline[:, 1].min() / resolution)
    return TargetGrid(resolution, int(west), int(north), int(east - west), int(south - north))


def _native_resolution(transformer: PixelTransformer, polygon: Polygon) -> float:
    """Return the resolution of the frame, meters: the side of a square with the area of its middle pixel.

    Pixels that are much longer than wide keep the detail of their finer axis, at no more than 16 times the pixels.
    """
    x, y = polygon.mean(axis=0)
    corners = transformer.to_map(np.array([(x, y), (x + 1, y), (x, y + 1)]))
    (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[0]
    side = math.sqrt(abs(ax * by - ay * bx))
    fine, coarse = sorted((math.hypot(ax, ay), math.hypot(bx, by)))
    return side if coarse < ELONGATED * fine else max(fine, side / MOST_FINER)


def _zoom_resolution(resolution: float) -> float:
    """Return the resolution, in meters, of the coarsest zoom level that keeps the detail of a frame of this resolution."""
    whole = 2 * WEB_EXTENT_M / WEB_TILE_PX
    return float(whole / 2 ** math.ceil(math.log2(whole / (resolution * ZOOM_SLACK))))


def grid_pixels(points: NDArray[np.float64], target_grid: TargetGrid) -> Polygon:
    """Return columns and rows of a grid, shape (n, 2), for x and y in meters of EPSG:3857 of that shape."""
    origin = np.array([target_grid.column, target_grid.row], float)
    return np.asarray(points * np.array([1, -1]) / target_grid.resolution - origin)


def source_pixels(
    target_grid: TargetGrid,
    columns: NDArray[np.integer | np.floating],
    rows: NDArray[np.integer | np.floating],
    transformer: PixelTransformer,
) -> NDArray[np.float64]:
    """Return columns and rows of the frame, shape (m, n, 2), for a mesh of m rows and n columns of a grid.

    Args:
        target_grid: The grid.
        columns: Shape (n,), pixels of the grid, pixel centers at .5.
        rows: Shape (m,), likewise.
        transformer: Of the frame.
    """
    mesh = np.stack(np.meshgrid(columns, rows), axis=-1)
    points = apply_transform(target_grid.transform, mesh.reshape(-1, 2))
    return transformer.to_pixel(points).reshape(mesh.shape)
