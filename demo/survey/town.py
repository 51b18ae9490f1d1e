"""Water, roads and the town: what lies over the open country."""

from __future__ import annotations

import numpy as np

from demo.survey.canvas import Canvas
from demo.survey.noise import Plane, hash01, step_up

TOWN_RADIUS = 2300.0
"""Metres from the origin to where the streets end."""
TOWN_TURN = 15.0
"""Degrees by which the streets are turned."""
BLOCK = (104.0, 128.0)
"""Metres from street to street along the two axes."""
LOT = (20.8, 42.0)
"""Metres of one building plot along the same axes."""
RIVER_SHIFT = -900.0
"""Metres by which the river passes south of the origin."""


def paint_water(canvas: Canvas) -> None:
    """The river with its wooded banks and gravel bars, from north-west to south-east."""
    s, t = canvas.turned(-24)
    t = t - RIVER_SHIFT
    centre = 620 * np.sin(s / 2100 + 0.6) + 260 * np.sin(s / 830 + 2)
    slope = 620 / 2100 * np.cos(s / 2100 + 0.6) + 260 / 830 * np.cos(s / 830 + 2)
    bend = np.abs(t - centre) / np.sqrt(1 + slope**2) + canvas.noise(160, 21) * 9
    half = 62 + 20 * np.sin(s / 900)
    crowns = canvas.noise(7, 22)
    soft = 2 * canvas.step
    canvas.paint(step_up(half + 75 + canvas.noise(120, 23) * 30 - bend, 30), 66 + 15 * crowns, (-10, -14), 1.3)
    bar = step_up(half + 16 - bend, soft) * (canvas.noise(420, 24) > 0.2)
    canvas.paint(bar, 196, (8, -12), 0.6)
    canvas.paint(step_up(half - bend, soft), 58 + 4 * canvas.noise(300, 25), (-10, 4), 0.18)


def paint_roads(canvas: Canvas) -> None:
    """Two highways and a railway, drawn as gentle curves across the whole landscape."""
    soft = 1.5 * canvas.step
    for turn, shift, sway, length, half, tone in (
        (72, 640, 420, 5200, 8.0, 186),
        (-8, 1500, 300, 6400, 7.0, 170),
        (41, -1750, 520, 7300, 3.5, 74),
    ):
        s, t = canvas.turned(turn)
        distance = np.abs(t - shift - sway * np.sin(s / length * 6.28))
        canvas.paint(step_up(half * 2.4 - distance, soft) * 0.6, 138, (0, -6), 0.7)
        canvas.paint(step_up(half - distance, soft), tone, (2, -2), 0.3)


def paint_town(canvas: Canvas) -> None:
    """Streets, houses with their shadows, trees in the yards, and larger roofs downtown."""
    distance = np.hypot(canvas.east, canvas.north - 500)
    built = TOWN_RADIUS - distance + canvas.noise(700, 31) * 420
    if built.max() < -100:
        return
    inside = step_up(built, 60) * _away_from_river(canvas)
    u, v = canvas.turned(TOWN_TURN)
    block_u, block_v = np.floor(u / BLOCK[0]), np.floor(v / BLOCK[1])
    local_u, local_v = u - block_u * BLOCK[0], v - block_v * BLOCK[1]
    gardens = 104 + 13 * canvas.noise(7, 32) + 14 * (hash01(block_u, block_v, canvas.seed + 33) - 0.5)
    canvas.paint(inside, gardens, (-6, -12), 1.2)
    _paint_houses(canvas, inside, local_u, local_v, (block_u, block_v))
    busy = inside * (hash01(block_u, block_v, canvas.seed + 34) < np.clip(1.05 - distance / 900, 0, 0.9))
    _paint_blocks(canvas, busy, local_u, local_v, (block_u, block_v))
    street = np.minimum(
        np.minimum(local_u, BLOCK[0] - local_u),
        np.minimum(local_v, BLOCK[1] - local_v),
    )
    canvas.paint(step_up(5.5 - street, 1.5 * canvas.step) * inside, 166, (3, -4), 0.4)


def _away_from_river(canvas: Canvas) -> Plane:
    """Return 1 where one may build, 0 on the flood plain."""
    s, t = canvas.turned(-24)
    centre = 620 * np.sin(s / 2100 + 0.6) + 260 * np.sin(s / 830 + 2)
    return step_up(np.abs(t - RIVER_SHIFT - centre) - 190, 60)


def _box(du: Plane, dv: Plane, half_u: Plane | float, half_v: Plane | float, soft: float) -> Plane:
    """Return how far a point lies in a box, 0..1."""
    return step_up(half_u - np.abs(du), soft) * step_up(half_v - np.abs(dv), soft)


def _paint_houses(canvas: Canvas, inside: Plane, u: Plane, v: Plane, block: tuple[Plane, Plane]) -> None:
    """One house on most plots: a roof, bright or dark, and its shadow to the north-west."""
    lot_u, lot_v = np.floor(u / LOT[0]), np.floor(v / LOT[1])
    i, j = block[0] * 8 + lot_u, block[1] * 8 + lot_v
    there = inside * (hash01(i, j, canvas.seed + 35) < 0.82)
    du = u - (lot_u + 0.5) * LOT[0] + 3 * (hash01(i, j, canvas.seed + 36) - 0.5)
    dv = v - (lot_v + 0.5) * LOT[1] + 12 * (hash01(i, j, canvas.seed + 37) - 0.5)
    half_u = 5 + 2.5 * hash01(i, j, canvas.seed + 38)
    roof = hash01(i, j, canvas.seed + 39)
    soft = 1.5 * canvas.step
    canvas.paint(_box(du + 2.5, dv - 3, half_u, 7, soft) * there * 0.9, 46, (-2, 2), 0.4)
    canvas.paint(_box(du, dv, half_u, 6.5, soft) * there, 120 + 110 * roof**2, (9, -3), 0.3)


def _paint_blocks(canvas: Canvas, busy: Plane, u: Plane, v: Plane, block: tuple[Plane, Plane]) -> None:
    """Warehouses and offices that fill a block, four to a block."""
    half = (BLOCK[0] / 2, BLOCK[1] / 2)
    part_u, part_v = np.floor(u / half[0]), np.floor(v / half[1])
    i, j = block[0] * 2 + part_u, block[1] * 2 + part_v
    du, dv = u - (part_u + 0.5) * half[0], v - (part_v + 0.5) * half[1]
    size = 13 + 10 * hash01(i, j, canvas.seed + 41)
    soft = 1.5 * canvas.step
    canvas.paint(busy, 128, (0, -2), 0.6)
    canvas.paint(_box(du + 6, dv - 7, size, size * 1.2, soft) * busy, 34, (0, 2), 0.3)
    roof = 96 + 138 * hash01(i, j, canvas.seed + 42)
    canvas.paint(_box(du, dv, size, size * 1.2, soft) * busy, roof, (4, -2), 0.3)
