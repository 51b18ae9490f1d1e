"""One known landscape, anywhere on Earth, as a function of EPSG:3857 coordinates: the truth every frame and map can be compared with."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import array_bounds
from rasterio.warp import Resampling, reproject, transform, transform_bounds

from demo.survey.canvas import Canvas
from demo.survey.landmarks import LANDMARKS, Landmark, paint_landmarks
from demo.survey.terrain import paint_terrain
from demo.survey.town import paint_roads, paint_town, paint_water

WEB_MERCATOR = CRS.from_epsg(3857)
BLOCK = 512
"""Grid points along one side of the pieces in which the landscape is painted and kept."""
KEPT_BLOCKS = 700
"""Painted blocks kept in memory, 1 MiB each."""
DARKEST, BRIGHTEST = 14, 241
"""Tones between which everything but the landmarks lies."""
TEXTURE = ((2.5, 7.0), (5.0, 6.5), (10.0, 5.0), (24.0, 4.0), (60.0, 3.5))
"""Fine texture: lattice spacing in grid steps, strength in grey levels. The first is the finest that bilinear resampling keeps."""

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on Earth the landscape lies."""

    lon: float
    lat: float
    """Degrees; where the landscape's own metres are 0, 0: the middle of the town."""
    systems: tuple[int, ...]
    """EPSG codes in which its photographs are georeferenced, in turn; the first is that of its maps."""

    @property
    def origin(self) -> tuple[float, float]:
        """The landscape's origin in EPSG:3857."""
        xs, ys = transform(CRS.from_epsg(4326), WEB_MERCATOR, [self.lon], [self.lat])
        return xs[0], ys[0]

    @property
    def shrink(self) -> float:
        """Ground metres in one EPSG:3857 unit at the origin; the landscape's own metres are scaled by this everywhere."""
        return math.cos(math.radians(self.lat))


AUSTIN = Place(-97.75, 30.28, (26914, 4326, 3857))
GOETTINGEN = Place(9.93, 51.53, (25832, 31467, 3857))


@dataclass(slots=True)
class Landscape:
    """The continuous ground, band-limited so that a grid of `step` holds all of it."""

    seed: int
    step: float
    """EPSG:3857 units between the points at which it is painted; what lies between is interpolated."""
    place: Place = AUSTIN
    _blocks: OrderedDict[tuple[int, int], NDArray[np.uint8]] = field(default_factory=OrderedDict, repr=False)

    def to_map(self, east: float, north: float) -> tuple[float, float]:
        """Return EPSG:3857 coordinates of a place given in the landscape's own metres."""
        x, y = self.place.origin
        return x + east / self.place.shrink, y + north / self.place.shrink

    @property
    def landmarks(self) -> list[tuple[Landmark, float, float]]:
        """Every landmark with its x and y in EPSG:3857."""
        return [(mark, *self.to_map(mark.east, mark.north)) for mark in LANDMARKS]

    def render(self, bounds: Bounds, width: int, height: int, bands: int) -> NDArray[np.uint8]:
        """Return the truth for any window and resolution.

        A pixel no larger than the painted grid's holds the truth at its centre, a larger one the mean of its ground.

        Args:
            bounds: West, south, east, north in EPSG:3857.
            width: Columns.
            height: Rows.
            bands: 1 for grey, 3 for red, green, blue.

        Returns:
            Shape (bands, height, width), row 0 in the north.
        """
        west, south, east, north = bounds
        grid = Affine((east - west) / width, 0, west, 0, (south - north) / height, north)
        return self.sample(grid, WEB_MERCATOR, (width, height), bands)

    def sample(self, grid: Affine, crs: CRS, size: tuple[int, int], bands: int) -> NDArray[np.uint8]:
        """Return the truth on any grid in any CRS, also a rotated one.

        Args:
            grid: Pixel (column, row) to map coordinates in `crs`.
            crs: Of the grid.
            size: Columns, rows.
            bands: 1 or 3.
        """
        width, height = size
        around = transform_bounds(crs, WEB_MERCATOR, *_bounds_of(grid, size), densify_pts=21)
        pixel = math.sqrt((around[2] - around[0]) * (around[3] - around[1]) / (width * height))
        coarse = pixel > 2 * self.step
        margin = 6 * max(self.step, pixel)
        ground, placed = self._window((around[0] - margin, around[1] - margin, around[2] + margin, around[3] + margin))
        target = np.zeros((bands, height, width), dtype=np.uint8)
        reproject(
            ground[:1] if bands == 1 else ground[1:],
            target,
            src_transform=placed,
            src_crs=WEB_MERCATOR,
            dst_transform=grid,
            dst_crs=crs,
            resampling=Resampling.average if coarse else Resampling.cubic,
            tolerance=0.02,
        )
        return target

    def _window(self, bounds: Bounds) -> tuple[NDArray[np.uint8], Affine]:
        """Return the painted grid that covers `bounds`, shape (4, rows, columns), and its transform."""
        side = BLOCK * self.step
        x0, y0 = self.place.origin
        first_column, last_column = (math.floor((x - x0) / side) for x in (bounds[0], bounds[2]))
        first_row, last_row = (math.floor((y0 - y) / side) for y in (bounds[3], bounds[1]))
        rows = [
            np.concatenate([self._block(row, column) for column in range(first_column, last_column + 1)], axis=2)
            for row in range(first_row, last_row + 1)
        ]
        placed = Affine(self.step, 0, x0 + first_column * side, 0, -self.step, y0 - first_row * side)
        return np.concatenate(rows, axis=1), placed

    def _block(self, row: int, column: int) -> NDArray[np.uint8]:
        """Return one painted block, from memory when it is still there."""
        if (row, column) in self._blocks:
            self._blocks.move_to_end((row, column))
            return self._blocks[row, column]
        step = self.step * self.place.shrink
        xs = (column * BLOCK + np.arange(BLOCK) + 0.5) * step
        ys = -(row * BLOCK + np.arange(BLOCK) + 0.5) * step
        self._blocks[row, column] = _paint(Canvas.blank(xs, ys, step, self.seed))
        if len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return self._blocks[row, column]


def _bounds_of(grid: Affine, size: tuple[int, int]) -> Bounds:
    """Return what a grid covers, in its own CRS, also when it is rotated."""
    width, height = size
    if grid.is_rectilinear:
        return array_bounds(height, width, grid)
    corners = [grid @ corner for corner in ((0, 0), (width, 0), (width, height), (0, height))]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _paint(canvas: Canvas) -> NDArray[np.uint8]:
    """Paint everything, from the fields up to the landmarks."""
    paint_terrain(canvas)
    paint_water(canvas)
    paint_town(canvas)
    paint_roads(canvas)
    for number, (spacing, strength) in enumerate(TEXTURE):
        canvas.tone += canvas.rough * np.float32(strength) * canvas.noise(spacing * canvas.step, 100 + number)
    np.clip(canvas.tone, DARKEST, BRIGHTEST, out=canvas.tone)
    paint_landmarks(canvas)
    return canvas.pixels()
