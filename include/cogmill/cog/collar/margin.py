"""Tell the margin of a film from a field, a lake or a wood that ends along a straight line at the edge of the picture.

A margin shows no ground: its tone is the same along all of its sides, and only its grain varies. It lies around the
photograph, not along one edge of it; and either somebody has written on it (fiducial marks, a number, a clock), or it is as
black or as white as a picture gets. What fails any of that is taken for picture: a collar that stays is ugly, and picture
that goes is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogmill.cog.collar.line_fit import Line
from cogmill.cog.collar.rotation import FILL_NOISE

BINS = 24
"""Pieces of a side whose tones are compared."""

MAX_SPREAD = 6.0
"""Standard deviation, in gray levels, of the tones of those pieces: uneven light of the scanner, and no ground."""

MAX_DIFFERENCE = 15.0
"""Gray levels between the tones of two sides of the same margin."""

MAX_SKEW = 0.02
"""Largest difference between the slopes of two sides: the photograph on a film is a rectangle, within 1 degree."""

MAX_RATIO = 6.0
"""Widest side of a margin over its narrowest: a film that lies badly in the scanner."""

PURE_DARK, PURE_BRIGHT = 20.0, 15.0
"""Gray levels from black and from white up to which a margin needs no marks."""

MARK_DARK, MARK_BRIGHT = 40.0, 15.0
"""Gray levels by which a mark differs at least from a dark and from a bright margin."""

MARK_GRAIN = 6.0
"""The same in standard deviations of the margin's grain."""

MARK_SHARES = (2e-4, 0.2)
"""Share of a side that is marks, if there are any: less is dust, more is ground."""

MARKED_SIDES = 2
"""Sides that must have marks."""

SIDES_MARKED, SIDES_PLAIN = 3, 4
"""Sides of a margin with and without marks: a film may have been cropped along one of them."""

STRAIGHT = 0.5
"""Share of the sides along which a margin without marks must end at its line: shores wind."""

BLUR_STEPS = 2
"""Samples before the end of the margin that its blur may reach."""

DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Margin:
    """What lies between a side of the frame and the line found below it."""

    bright: bool
    """Whether it is bright; intensities then count from white."""
    level: float
    """Median intensity, gray levels from black or from white."""
    spread: float
    """How much the tone varies along the side, gray levels."""
    marks: float
    """Share of its samples that differ from it as lettering does."""
    depth: float
    """Mean depth of the line, pixels of the preview."""
    slope: float
    """Of the line against the side."""
    support: float
    """Share of the side along which the margin ends at the line, and not somewhere behind it."""


def describe_margin(
    intensities: NDArray[np.float32], depths: NDArray[np.float64], line: Line, *, bright: bool
) -> Margin:
    """Return what a margin looks like.

    Args:
        intensities: Shape (places, steps), one step being a pixel of the preview, from the side inwards.
        depths: Shape (places,): where the margin ends, steps.
        line: That the depths are of.
        bright: Whether intensities count from white.
    """
    last = np.maximum(depths - BLUR_STEPS, 1.0)
    inside = np.arange(intensities.shape[1])[None] < last[:, None]
    values = np.where(inside, intensities, np.nan)
    tones = np.array([np.nanmedian(part) for part in np.array_split(values, BINS)])
    level = float(np.median(tones))
    grain = DEVIATION * float(np.nanmedian(np.abs(values - level)))
    least = max(MARK_BRIGHT if bright else MARK_DARK, MARK_GRAIN * grain)
    differs = np.abs(values - level) > least
    return Margin(
        bright=bright,
        level=level,
        spread=DEVIATION * float(np.median(np.abs(tones - level))),
        marks=float(np.count_nonzero(differs) / np.count_nonzero(inside)),
        depth=float(depths.mean()),
        slope=line.slope,
        support=float(line.support.mean()),
    )


def is_film(margins: list[Margin | None]) -> bool:
    """Return whether the margins of the four sides, None where there is none, are those of one film."""
    found = [each for each in margins if each is not None]
    if len(found) < SIDES_MARKED or len({each.bright for each in found}) > 1 or not _is_one(found):
        return False
    low, high = MARK_SHARES
    if sum(low <= each.marks <= high for each in found) >= MARKED_SIDES:
        return True
    pure = PURE_BRIGHT if found[0].bright else PURE_DARK
    straight = sum(each.support for each in found) >= STRAIGHT * len(found)
    return len(found) >= SIDES_PLAIN and straight and max(each.level for each in found) <= pure


def is_written_fill(margins: list[Margin | None], rim: float) -> bool:
    """Return whether all margins of a rotated frame are its fill: so narrow that nothing else is there, or written into.

    A collar as plain as the fill is a part of it, and what is written there then looks like a corner of the frame.

    Args:
        margins: Of the four sides, None where there is none.
        rim: Depth up to which a margin is surely fill, pixels of the preview.
    """
    found = [each for each in margins if each is not None and each.depth > rim]
    return all(each.level <= FILL_NOISE and each.marks >= MARK_SHARES[0] for each in found)


def _is_one(found: list[Margin]) -> bool:
    """Return whether margins have one tone, lie along the sides of a rectangle, and are about equally wide."""
    levels, slopes, depths = ([getattr(each, name) for each in found] for name in ("level", "slope", "depth"))
    return (
        max(each.spread for each in found) <= MAX_SPREAD
        and max(levels) - min(levels) <= MAX_DIFFERENCE
        and max(slopes) - min(slopes) <= MAX_SKEW
        and max(depths) <= MAX_RATIO * max(min(depths), 1.0)
    )
