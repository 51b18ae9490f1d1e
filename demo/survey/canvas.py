"""One window of the landscape while it is being painted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.survey.noise import Plane, smooth_noise

Colour = tuple[float, float, float]
"""Grey tone, then how far red and blue lie above it; green follows so that the grey tone stays what it is."""

RED, GREEN, BLUE = 0.299, 0.587, 0.114
"""What each channel gives to the grey tone: the panchromatic film sees exactly the luma of the colour film."""


@dataclass(slots=True)
class Canvas:
    """Planes of shape (rows, columns), row 0 in the north, over a regular grid."""

    xs: NDArray
    """Metres east of the landscape's origin, one per column."""
    ys: NDArray
    """Metres north of it, one per row, falling."""
    step: float
    """Metres between neighbouring grid points: nothing finer than about two of them is painted."""
    seed: int
    tone: Plane
    red: Plane
    blue: Plane
    rough: Plane
    """Strength of the fine texture, 1 for open ground."""

    @classmethod
    def blank(cls, xs: NDArray, ys: NDArray, step: float, seed: int) -> Canvas:
        """Return a canvas of even grey."""
        planes = [np.full((len(ys), len(xs)), value, dtype=np.float32) for value in (120, 0, 0, 1)]
        return cls(xs, ys, step, seed, *planes)

    @property
    def east(self) -> Plane:
        """X of every grid point, broadcastable."""
        return self.xs[None, :].astype(np.float32)

    @property
    def north(self) -> Plane:
        """Y of every grid point, broadcastable."""
        return self.ys[:, None].astype(np.float32)

    def noise(self, spacing: float, salt: int) -> Plane:
        """Return noise of standard deviation 1, its lattice never closer than the grid can carry."""
        return smooth_noise(self.xs, self.ys, max(spacing, 2.2 * self.step), self.seed * 1000 + salt)

    def turned(self, degrees: float, warp: tuple[Plane, Plane] | None = None) -> tuple[Plane, Plane]:
        """Return coordinates along two axes turned counter-clockwise, optionally after a warp in metres."""
        east, north = (self.east, self.north) if warp is None else (self.east + warp[0], self.north + warp[1])
        c, s = np.float32(math.cos(math.radians(degrees))), np.float32(math.sin(math.radians(degrees)))
        return east * c + north * s, north * c - east * s

    def paint(self, cover: Plane, tone: Plane | float, tint: tuple[float, float] = (0, 0), rough: float = 1) -> None:
        """Lay a colour over everything below, as far as `cover` (0..1) says."""
        self.tone += cover * (np.float32(tone) - self.tone if np.isscalar(tone) else tone - self.tone)
        self.red += cover * (np.float32(tint[0]) - self.red)
        self.blue += cover * (np.float32(tint[1]) - self.blue)
        self.rough += cover * (np.float32(rough) - self.rough)

    def pixels(self) -> NDArray[np.uint8]:
        """Return grey, red, green and blue, shape (4, rows, columns)."""
        room = np.clip(np.minimum(self.tone, 255 - self.tone) / 40, 0, 1)
        red, blue = self.red * room, self.blue * room
        green = -(RED * red + BLUE * blue) / np.float32(GREEN)
        stack = np.stack([self.tone, self.tone + red, self.tone + green, self.tone + blue])
        return np.clip(np.rint(stack, out=stack), 0, 255).astype(np.uint8)
