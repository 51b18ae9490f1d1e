"""The fixed grid of cells in EPSG:3857, aligned with the XYZ tile grid, and the choice of levels.

A level is a zoom of the XYZ grid (256 px tiles), so a level has the resolution of that zoom. A cell is a square of
16 x 16 such tiles; x counts to the east and y to the south, from the grid's north-western corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from affine import Affine

from cogmill.domain.geo import EARTH_RADIUS_M, Bounds3857

CELL_PX = 4096
"""Side of a cell in pixels: a picture of 512 px meets one to four of them at any scale."""

TILE_PX = 256
"""Side of an XYZ tile in pixels."""

HALF_WORLD_M = math.pi * EARTH_RADIUS_M
"""From the middle of the XYZ grid to its edge, in EPSG:3857 meters."""

STEP = 3
"""Zooms between two levels: the next one is eight times coarser. In between, the cells' own overviews serve."""

TYPICAL_PX = 1254
"""Width of a typical frame at the finest level, the middle (on a scale of factors) of 1,024 to 1,536 px. With overlaps of
60 % and 30 % a picture of 512 px just above that scale meets about eight frames."""

MOST_FRAMES = 6
"""A collection of no more frames needs no overviews: its whole extent opens that many files at most. Each costs two round trips to
S3, one after the other: with 12 a cold map took up to 0.58 s."""

COARSEST = 4
"""At this zoom and below one cell holds the whole world."""


def resolution(level: int) -> float:
    """Return the side of a pixel of a level, in EPSG:3857 meters.

    >>> round(resolution(0), 3)
    156543.034
    """
    return float(2 * HALF_WORLD_M / TILE_PX / 2**level)


@dataclass(frozen=True, slots=True)
class Picture:
    """A rectangle of square pixels on the ground."""

    west: float
    north: float
    """Its corner in EPSG:3857 meters."""
    pixel_m: float
    """Side of a pixel in EPSG:3857 meters."""
    width: int
    height: int
    """Pixels."""

    @property
    def bounds(self) -> Bounds3857:
        """The rectangle."""
        east, south = self.west + self.width * self.pixel_m, self.north - self.height * self.pixel_m
        return Bounds3857(self.west, south, east, self.north)

    @property
    def transform(self) -> Affine:
        """From (column, row) to EPSG:3857 meters (x, y)."""
        return Affine(self.pixel_m, 0, self.west, 0, -self.pixel_m, self.north)


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One square of a level."""

    level: int
    x: int
    """Counted to the east."""
    y: int
    """Counted to the south."""

    def __post_init__(self) -> None:
        if not (self.level >= COARSEST and 0 <= self.x < self._across and 0 <= self.y < self._across):
            raise ValueError(f"no cell of the grid: level {self.level}, x {self.x}, y {self.y}")

    @property
    def _across(self) -> int:
        return int(2 ** (self.level - COARSEST))

    @property
    def side_m(self) -> float:
        """Side in EPSG:3857 meters."""
        return CELL_PX * resolution(self.level)

    @property
    def bounds(self) -> Bounds3857:
        """The square on the ground.

        >>> Cell(4, 0, 0).bounds.east == HALF_WORLD_M
        True
        """
        west, north = self.x * self.side_m - HALF_WORLD_M, HALF_WORLD_M - self.y * self.side_m
        return Bounds3857(west, north - self.side_m, west + self.side_m, north)

    @property
    def picture(self) -> Picture:
        """The square as pixels."""
        return Picture(self.bounds.west, self.bounds.north, resolution(self.level), CELL_PX, CELL_PX)

    @property
    def parent(self) -> Cell:
        """The cell of the next coarser level that holds this one.

        >>> Cell(17, 3747, 6742).parent
        Cell(level=14, x=468, y=842)
        """
        level = max(self.level - STEP, COARSEST)
        steps = self.level - level
        return Cell(level, self.x >> steps, self.y >> steps)


def cells(level: int, bounds: Bounds3857) -> Iterator[Cell]:
    """Yield the cells of a level that a rectangle touches, from west to east and north to south.

    >>> [(cell.x, cell.y) for cell in cells(5, Bounds3857(-1, -1, 1, 1))]
    [(0, 0), (1, 0), (0, 1), (1, 1)]
    """
    columns, rows = squares(level - COARSEST, bounds)
    for y in rows:
        for x in columns:
            yield Cell(level, x, y)


def squares(zoom: int, bounds: Bounds3857) -> tuple[range, range]:
    """Return the columns and the rows of the XYZ grid's tiles that a rectangle touches.

    >>> squares(1, Bounds3857(-1, -1, 1, 1))
    (range(0, 2), range(0, 2))
    """
    across: int = 2**zoom
    side = 2 * HALF_WORLD_M / across

    def number(distance: float) -> int:
        return min(max(math.floor(distance / side), 0), across - 1)

    columns = range(number(bounds.west + HALF_WORLD_M), number(bounds.east + HALF_WORLD_M) + 1)
    return columns, range(number(HALF_WORLD_M - bounds.north), number(HALF_WORLD_M - bounds.south) + 1)


def finest_level(width_m: float, gsd_m: float) -> int:
    """Return the level at which a typical frame is about `TYPICAL_PX` wide, but not finer than its own pixels.

    Args:
        width_m: Width of a typical frame in EPSG:3857 meters.
        gsd_m: Side of its pixels in EPSG:3857 meters.

    Raises:
        ValueError: One of the two is not a positive number.

    >>> finest_level(7200 * 0.6, 0.6)
    15
    >>> finest_level(400 * 0.6, 0.6)
    17
    """
    if not (0 < width_m < math.inf and 0 < gsd_m < math.inf):
        raise ValueError(f"a frame has a width and a pixel size in meters: {width_m}, {gsd_m}")
    wanted = round(_zoom(width_m / TYPICAL_PX))
    own = math.floor(_zoom(gsd_m))
    return max(COARSEST, min(wanted, own))


def _zoom(pixel_m: float) -> float:
    """Return the zoom of the XYZ grid whose pixels have this side, between two of them where none has."""
    return math.log2(resolution(0) / pixel_m)


def levels(finest: int, extent: Bounds3857) -> list[int]:
    """Return the levels of a collection, finest first, down to the first one of which a single cell holds all.

    >>> levels(15, Bounds3857(-10_900_000, 3_500_000, -10_878_000, 3_522_000))
    [15, 12]
    """
    found = [finest]
    while found[-1] > COARSEST and len(list(cells(found[-1], extent))) > 1:
        found.append(max(found[-1] - STEP, COARSEST))
    return found
