"""Bounds that carry their coordinate reference system in their type.

Four bare numbers do not say whether they are degrees or meters, nor which comes first. Everywhere here x comes before y:
west, south, east, north. A rectangle may have no width or height: a collection of one point has such bounds.

Transforms are `affine.Affine`, from (column, row) to (x, y).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

EARTH_RADIUS_M = 6378137.0
"""Of the sphere of EPSG:3857, which is the semi-major axis of WGS 84."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A rectangle along the axes of a coordinate reference system; every edge belongs to it."""

    west: float
    south: float
    east: float
    north: float

    EPSG: ClassVar[int]

    def __post_init__(self) -> None:
        ordered = self.west <= self.east and self.south <= self.north
        if not (all(map(math.isfinite, self)) and ordered):
            rule = "bounds are four finite numbers: west, south, east, north, with west <= east and south <= north"
            raise ValueError(f"{rule}: {self}")

    def __iter__(self) -> Iterator[float]:
        """Yield west, south, east, north."""
        return iter((self.west, self.south, self.east, self.north))

    def __str__(self) -> str:
        return ", ".join(f"{edge:.10g}" for edge in self)

    @property
    def width(self) -> float:
        """From west to east, in the units of the CRS."""
        return self.east - self.west

    @property
    def height(self) -> float:
        """From south to north, in the units of the CRS."""
        return self.north - self.south

    @property
    def center(self) -> tuple[float, float]:
        """The middle as (x, y)."""
        return (self.west + self.east) / 2, (self.south + self.north) / 2

    def intersects(self, other: Self) -> bool:
        """Whether the two have at least a point in common."""
        return (
            self.west <= other.east
            and other.west <= self.east
            and self.south <= other.north
            and other.south <= self.north
        )

    def intersection(self, other: Self) -> Self:
        """Return what the two have in common.

        Raises:
            ValueError: They have nothing in common.
        """
        return type(self)(
            max(self.west, other.west),
            max(self.south, other.south),
            min(self.east, other.east),
            min(self.north, other.north),
        )

    @classmethod
    def around(cls, x: float, y: float, half: float) -> Self:
        """Return the square of side `2 * half` with its middle at (x, y)."""
        return cls(x - half, y - half, x + half, y + half)

    @classmethod
    def from_edges(cls, edges: Iterable[float]) -> Self:
        """Return the bounds of west, south, east, north, as JSON and SQL hold them.

        Raises:
            ValueError: They are not four, or break the rule of bounds.
        """
        values = tuple(edges)
        if len(values) != 4:  # noqa: PLR2004
            raise ValueError(f"bounds are four numbers: west, south, east, north: {values}")
        return cls(*map(float, values))


@dataclass(frozen=True, slots=True)
class Bounds4326(_Bounds):
    """A rectangle in degrees of WGS 84, longitude before latitude.

    >>> Bounds4326(-107, 25, -93, 37).width
    14
    >>> Bounds4326(25, -107, 37, -93)
    Traceback (most recent call last):
    ValueError: bounds in degrees lie within -180, -90, 180, 90 (longitude before latitude): 25, -107, 37, -93
    >>> Bounds4326(-93, 25, -107, 37)
    Traceback (most recent call last):
    ValueError: bounds are four finite numbers: west, south, east, north, with west <= east and south <= north: -93, 25, -107, 37
    """

    EPSG = 4326

    def __post_init__(self) -> None:
        _Bounds.__post_init__(self)
        if self.west < -180 or self.east > 180 or self.south < -90 or self.north > 90:  # noqa: PLR2004
            rule = "bounds in degrees lie within -180, -90, 180, 90 (longitude before latitude)"
            raise ValueError(f"{rule}: {self}")


@dataclass(frozen=True, slots=True)
class Bounds3857(_Bounds):
    """A rectangle in meters of web mercator, easting before northing.

    >>> Bounds3857(0, 0, 30, 20).intersects(Bounds3857(30, 20, 40, 40))
    True
    >>> Bounds3857(0, 0, 30, 20).center
    (15.0, 10.0)
    """

    EPSG = 3857

    def ground_m(self, length: float) -> float:
        """Return a length in EPSG:3857 meters as meters on the ground, in the middle of the rectangle; the map stretches it by cosh(y / R).

        >>> round(Bounds3857(0.0, 6712000.0, 2000.0, 6714000.0).ground_m(2.0), 2)
        1.24
        """
        return length / math.cosh(self.center[1] / EARTH_RADIUS_M)

    def to_4326(self) -> Bounds4326:
        """Return the same rectangle in degrees, rounded to six digits (0.1 m): axes stay axes between these two CRS.

        The inverse of the spherical mercator projection (EPSG method 1024). What reaches beyond the antimeridian, as the
        last pixel of a frame may, is cut off there.

        >>> Bounds3857(-11131949.0793, 0.0, 0.0, 3503549.8435).to_4326()
        Bounds4326(west=-100.0, south=0.0, east=0.0, north=30.0)
        """

        def longitude(x: float) -> float:
            return max(-180.0, min(180.0, round(math.degrees(x / EARTH_RADIUS_M), 6)))

        def latitude(y: float) -> float:
            return round(math.degrees(math.atan(math.sinh(y / EARTH_RADIUS_M))), 6)

        return Bounds4326(longitude(self.west), latitude(self.south), longitude(self.east), latitude(self.north))
