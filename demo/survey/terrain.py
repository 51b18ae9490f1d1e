"""The open country: relief, fields in a surveyor's grid, lanes, stock ponds and woods."""

from __future__ import annotations

import numpy as np

from demo.survey.canvas import Canvas
from demo.survey.noise import Plane, hash01, step_up

GRID_TURN = 28.0
"""Degrees: the land grants around Austin do not follow the compass."""
CELL = 820.0
"""Metres between the lanes of the grid."""

KINDS: tuple[tuple[float, float, float, float, tuple[float, float], float], ...] = (
    # share up to, darkest tone, brightest tone, strength of rows, tint, texture
    (0.30, 118, 158, 9, (10, -16), 0.7),  # stubble and hay
    (0.52, 84, 112, 12, (9, -8), 0.8),  # fresh furrows
    (0.72, 98, 132, 6, (-12, -16), 0.9),  # cotton and maize
    (0.80, 160, 188, 7, (12, -18), 0.6),  # bare, dry soil
    (1.01, 96, 124, 0, (-4, -18), 2.0),  # pasture, with scattered trees
)


def paint_terrain(canvas: Canvas) -> None:
    """Cover the canvas with fields, lanes, ponds and woods."""
    warp = (canvas.noise(1900, 1) * 45, canvas.noise(1900, 2) * 45)
    u, v = canvas.turned(GRID_TURN, warp)
    field, edge, along = _subdivide(u, v, canvas.seed)
    _paint_fields(canvas, u, v, field, along)
    canvas.paint(step_up(4 - edge, 2 * canvas.step) * (hash01(field, field, 31) < 0.55) * 0.55, 62, (-8, -12), 2.0)
    _paint_woods(canvas)
    _paint_lanes(canvas, u, v)
    _paint_ponds(canvas, u, v)


def _subdivide(u: Plane, v: Plane, seed: int) -> tuple[Plane, Plane, Plane]:
    """Cut the cells of the grid into fields.

    Returns:
        A number per field, the distance to its nearest border in metres, and 1 where its long side runs along v.
    """
    i, j = np.floor(u / CELL), np.floor(v / CELL)
    low_u, low_v = i * CELL, j * CELL
    high_u, high_v = low_u + CELL, low_v + CELL
    field = (hash01(i, j, seed) * 2**23).astype(np.int32)
    for level in range(3):
        tall = (high_v - low_v) > (high_u - low_u) * (0.8 + 0.5 * hash01(field, field, 11 + level))
        share = 0.34 + 0.32 * hash01(field, field, 21 + level)
        cut = np.where(tall, low_v + (high_v - low_v) * share, low_u + (high_u - low_u) * share)
        whole = hash01(field, field, 41 + level) < 0.12 + 0.18 * level
        above = np.where(tall, v, u) > cut
        low_v = np.where(tall & above & ~whole, cut, low_v)
        high_v = np.where(tall & ~above & ~whole, cut, high_v)
        low_u = np.where(~tall & above & ~whole, cut, low_u)
        high_u = np.where(~tall & ~above & ~whole, cut, high_u)
        field = np.where(whole, field, field * 2 + above + 7919 * (level + 1))
    edge = np.minimum(np.minimum(u - low_u, high_u - u), np.minimum(v - low_v, high_v - v))
    return field, edge, ((high_v - low_v) > (high_u - low_u)).astype(np.float32)


def _paint_fields(canvas: Canvas, u: Plane, v: Plane, field: Plane, along: Plane) -> None:
    """Give every field its crop: tone, tint, texture and the rows of the plough."""
    crop, shade = hash01(field, field, 51), hash01(field, field, 52)
    spacing = np.float32(max(11.0, 4.5 * canvas.step)) * (1 + hash01(field, field, 53))
    contour = (hash01(field, field, 54) < 0.35) * canvas.noise(240, 3) * 28
    across = np.where(along > 0, u, v) + contour
    rows = np.sin(across * (np.float32(2 * np.pi) / spacing))
    lower_bound = 0.0
    for share, dark, bright, strength, tint, rough in KINDS:
        mine = ((crop >= lower_bound) & (crop < share)).astype(np.float32)
        canvas.paint(mine, dark + (bright - dark) * shade + strength * rows, tint, rough)
        lower_bound = share
    canvas.tone += canvas.noise(620, 4) * 7 + canvas.noise(150, 5) * 5


def _paint_woods(canvas: Canvas) -> None:
    """Crowns of oak and juniper: closed on the broken ground, single trees on the pastures."""
    crowns = canvas.noise(6.5, 6)
    thick = canvas.noise(900, 7) + 0.45 * canvas.noise(210, 8) + 0.22 * canvas.noise(60, 9)
    canvas.paint(step_up(thick - 0.95, 0.25), 68 + 15 * crowns, (-10, -14), 1.3)
    single = step_up(crowns - 1.75, 0.7) * step_up(thick - 0.1, 0.5) * np.clip(canvas.rough - 0.7, 0, 1)
    canvas.paint(single, 58, (-10, -14), 1.2)


def _paint_lanes(canvas: Canvas, u: Plane, v: Plane) -> None:
    """Caliche lanes on most borders of the grid, pale from dust."""
    soft = 1.5 * canvas.step
    i, j = np.rint(u / CELL), np.rint(v / CELL)
    steep = np.abs(u - i * CELL)
    level = np.abs(v - j * CELL)
    there_u = hash01(i, np.floor(v / CELL / 3), canvas.seed + 61) < 0.72
    there_v = hash01(np.floor(u / CELL / 3), j, canvas.seed + 62) < 0.72
    for distance, there in ((steep, there_u), (level, there_v)):
        canvas.paint(step_up(9 - distance, soft) * there * 0.5, 92, (-4, -8), 1.2)
        canvas.paint(step_up(4 - distance, soft) * there, 178, (6, -10), 0.4)


def _paint_ponds(canvas: Canvas, u: Plane, v: Plane) -> None:
    """One stock pond in every fourth cell, dark with a pale trodden rim."""
    i, j = np.floor(u / CELL), np.floor(v / CELL)
    centre_u = (i + 0.25 + 0.5 * hash01(i, j, canvas.seed + 71)) * CELL
    centre_v = (j + 0.25 + 0.5 * hash01(i, j, canvas.seed + 72)) * CELL
    size = 14 + 34 * hash01(i, j, canvas.seed + 73)
    there = hash01(i, j, canvas.seed + 74) < 0.28
    distance = size - np.hypot((u - centre_u) * 1.4, v - centre_v) + canvas.noise(45, 10) * 5
    canvas.paint(step_up(distance + 9, 2 * canvas.step) * there * 0.7, 172, (8, -12), 0.5)
    canvas.paint(step_up(distance, 2 * canvas.step) * there, 48, (-8, 6), 0.2)
