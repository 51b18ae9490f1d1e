"""Which pictures are asked for: eight scales from single frames to the whole extent, at places that never change."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.getmap.frames import Survey

SIDE_PX = 512
OGC_PIXEL_M = 0.00028
"""Side of the pixel that scales of maps refer to (OGC): 1:2,000 is 0.56 m a pixel."""

SCALES = (2_000, 5_000, 10_000, 17_000, 25_000, 100_000, 400_000)
"""Denominators; 17,000 is where most frames are met before overviews begin. The eighth is the whole extent."""

WHOLE = 0
"""Stands for the scale at which the whole extent fills the picture."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square picture."""

    bounds: tuple[float, float, float, float]
    """West, south, east, north in EPSG:3857 meters."""
    size: int = SIDE_PX
    """Pixels."""

    def smaller(self, size: int) -> Window:
        """Return the same ground in fewer pixels."""
        return replace(self, size=size)


def windows(survey: Survey, scale: int, count: int, seed: int = 1951) -> Iterator[Window]:
    """Yield pictures of a survey at one scale, each filled with frames as far as the survey goes.

    Args:
        survey: The survey.
        scale: Denominator, or WHOLE.
        count: Pictures; of the whole extent all show nearly the same.
        seed: Another seed gives other places.
    """
    chosen = random.Random(f"{seed} {survey.frames} {scale}")  # noqa: S311 - places, not secrets
    west, south, east, north = survey.extent
    half = max(east - west, north - south) / 2 if scale == WHOLE else scale * OGC_PIXEL_M * SIDE_PX / 2
    for _ in range(count):
        x, y = _within(chosen, west, east, half), _within(chosen, south, north, half)
        yield Window((x - half, y - half, x + half, y + half))


def _within(chosen: random.Random, first: float, end: float, half: float) -> float:
    """Return the middle of a picture that does not leave a span; nearly that of the span where the picture is larger."""
    if end - first <= 2 * half:
        return (first + end) / 2 + chosen.uniform(-0.01, 0.01) * half
    return chosen.uniform(first + half, end - half)
