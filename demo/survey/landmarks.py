"""Places of pure white and pure black at known positions, to see whether they survive on the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.survey.canvas import Canvas
from demo.survey.noise import step_up

WHITE, BLACK = 255, 0


@dataclass(frozen=True, slots=True)
class Landmark:
    """A spot that is evenly white or black."""

    name: str
    east: float
    """Metres on the ground east of the landscape's origin."""
    north: float
    """Metres north of it."""
    core: float
    """Radius in metres of the disc that certainly holds the pure value."""
    value: int
    """255 or 0."""


LANDMARKS = (
    Landmark("limestone quarry", -2150, 1450, 52, WHITE),
    Landmark("white tank farm", 3300, -900, 38, WHITE),
    Landmark("cotton warehouse", 900, 1900, 34, WHITE),
    Landmark("salt flat", -3600, -2500, 60, WHITE),
    Landmark("hangar roof", 1650, -3050, 36, WHITE),
    Landmark("gravel heap", -300, 3350, 40, WHITE),
    Landmark("mill pond", 2050, 1750, 48, BLACK),
    Landmark("deep spring", -1500, -2950, 40, BLACK),
    Landmark("reservoir", 4150, 2650, 75, BLACK),
    Landmark("quarry lake", -4250, 3150, 55, BLACK),
    Landmark("tar pit", 150, -2050, 34, BLACK),
)
"""White ones are roofs and bare stone, black ones are deep water."""


def paint_landmarks(canvas: Canvas) -> None:
    """Paint every landmark near the canvas; the last thing painted, so nothing lies on top."""
    margin = 400
    for mark in LANDMARKS:
        beside = mark.east < canvas.xs.min() - margin or mark.east > canvas.xs.max() + margin
        if beside or mark.north < canvas.ys.min() - margin or mark.north > canvas.ys.max() + margin:
            continue
        ragged = canvas.noise(38, 91) * 0.12
        distance = np.hypot(canvas.east - mark.east, canvas.north - mark.north)
        rim = mark.core * (1.75 + ragged) - distance
        pure = mark.core * (1.3 + ragged / 3) - distance
        canvas.paint(step_up(rim, 12), 205 if mark.value == WHITE else 44, (4, -6), 0)
        canvas.paint(step_up(pure, 2 * canvas.step + 4), float(mark.value), (0, 0), 0)
