"""Smooth noise on regular grids, a pure function of position and salt: no state, no generator, any window gives the same values."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
"""One value per grid point, shape (rows, columns), float32."""

SPLINE_SIGMA = 0.2767
"""Standard deviation of cubic B-spline noise whose lattice values are uniform in -1..1."""


def hash01(i: NDArray, j: NDArray, salt: int) -> Plane:
    """Return a number in 0..1 for every pair of integers.

    Args:
        i: Integers of any shape.
        j: Integers, broadcastable with `i`.
        salt: Chooses one of 2**32 independent tables.
    """
    h = i.astype(np.int64).astype(np.uint32) * np.uint32(0x9E3779B1)
    h = h + j.astype(np.int64).astype(np.uint32) * np.uint32(0x85EBCA77)
    h = h + np.uint32((salt * 0xC2B2AE3D) & 0xFFFFFFFF)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x2C1B3C6D)
    h ^= h >> np.uint32(12)
    h *= np.uint32(0x297A2D39)
    h ^= h >> np.uint32(15)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def _weights(coordinates: NDArray, spacing: float) -> tuple[Plane, NDArray]:
    """Return the cubic B-spline weights of each coordinate on the lattice, and the lattice indices they belong to."""
    position = np.asarray(coordinates, dtype=np.float64) / spacing
    first = int(np.floor(position.min())) - 1
    count = int(np.floor(position.max())) + 3 - first
    distance = np.abs(position[:, None] - (first + np.arange(count))[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32), first + np.arange(count)


def smooth_noise(xs: NDArray, ys: NDArray, spacing: float, salt: int) -> Plane:
    """Return band-limited noise of mean 0 and standard deviation 1 on the grid `ys` x `xs`.

    Two small matrix products replace per-pixel interpolation, which makes the finest octave cost some 20 ns per pixel.

    Args:
        xs: Column coordinates, in the unit of `spacing`.
        ys: Row coordinates.
        spacing: Distance of the lattice points; little energy is left at wavelengths below twice this.
        salt: Chooses the pattern.
    """
    across, columns = _weights(xs, spacing)
    down, rows = _weights(ys, spacing)
    lattice = hash01(columns[None, :], rows[:, None], salt) * np.float32(2 / SPLINE_SIGMA) - np.float32(
        1 / SPLINE_SIGMA
    )
    return down @ lattice @ across.T


def step_up(distance: Plane, softness: float) -> Plane:
    """Return 0 where `distance` is negative, 1 where positive, with a linear ramp `softness` wide around zero."""
    return np.clip(distance * np.float32(1 / softness) + np.float32(0.5), 0, 1)
