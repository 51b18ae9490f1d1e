"""Is the map right? A drawn map against the known ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from demo.survey.landmarks import WHITE
from demo.survey.landscape import Bounds, Landscape
from demo.survey.manifest import Item

LEAST_PSNR = 26.0
"""Decibels inside the photographed area."""
EDGE_PX = 2
"""Pixels on both sides of every outline that are not judged."""
FAR = 70
"""Grey levels from the truth at which a pixel is wrong and not merely grainy."""
LANDMARK_TOLERANCE = 3
"""Grey levels: JPEG may take that much from pure white."""


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows."""

    bounds: Bounds
    """West, south, east, north, EPSG:3857."""
    shape: tuple[int, int]
    """Rows, columns."""

    @property
    def grid(self) -> Affine:
        """Pixel (column, row) to EPSG:3857, row 0 in the north."""
        west, south, east, north = self.bounds
        return Affine((east - west) / self.shape[1], 0, west, 0, (south - north) / self.shape[0], north)

    def burn(self, geometry: BaseGeometry) -> NDArray[np.bool_]:
        """Return where a geometry covers the pixels' centres."""
        if geometry.is_empty:
            return np.zeros(self.shape, dtype=bool)
        return rasterize([(geometry, 1)], out_shape=self.shape, transform=self.grid, dtype=np.uint8).astype(bool)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found."""

    psnr: float
    """Decibels inside the photographed area; infinite when nothing differs, 0 when nothing is shown."""
    holes: int
    """Pixels inside that are not opaque, in spots wider than two pixels."""
    wrong: int
    """Pixels inside that are far from the truth (collar, seams), in spots wider than two pixels."""
    spilled: int
    """Pixels outside that are not fully transparent."""
    landmarks: int
    """Pure white and black places looked at."""
    lost_landmarks: int
    """Those that did not survive."""
    judged: int
    """Pixels inside."""

    @property
    def is_right(self) -> bool:
        """Whether the map shows the ground."""
        clean = not (self.holes or self.wrong or self.spilled or self.lost_landmarks)
        return clean and self.judged > 0 and self.psnr >= LEAST_PSNR

    def __str__(self) -> str:
        return (
            f"PSNR {self.psnr:.1f} dB over {self.judged} px, {self.holes} holes, {self.wrong} wrong, {self.spilled} spilled, "
            f"{self.landmarks - self.lost_landmarks}/{self.landmarks} landmarks"
        )


def compare(
    picture: NDArray[np.uint8], bounds: Bounds, frames: Sequence[Item], landscape: Landscape, diff: Path | None = None
) -> Verdict:
    """Compare a map with the ground it should show.

    Args:
        picture: Red, green, blue, alpha, shape (rows, columns, 4), row 0 in the north.
        bounds: West, south, east, north of the picture, EPSG:3857.
        frames: What it should show, in drawing order.
        landscape: The ground.
        diff: Where to write a picture of map, truth and difference side by side.
    """
    view = View(bounds, (picture.shape[0], picture.shape[1]))
    edge = EDGE_PX * max(view.grid.a, -view.grid.e)
    outlines = [shapely.Polygon(frame.outline) for frame in frames]
    area = shapely.union_all(outlines)
    # only the outer edge has a rim: seams between frames are inside, and are judged
    judged, outside = view.burn(area.buffer(-edge)), ~view.burn(area.buffer(edge))
    truth = _truth(frames, outlines, landscape, view)
    opaque = picture[..., 3] == 255
    error = np.abs(picture[..., :3].astype(np.int16) - truth)
    seen = judged & opaque
    mse = float(np.mean(np.square(error[seen], dtype=np.float64))) if seen.any() else 255.0**2
    lost, marks = _landmarks(picture, landscape, view.grid, judged)
    if diff:
        _draw(diff, picture, truth, error)
    return Verdict(
        psnr=10 * math.log10(255**2 / mse) if mse else math.inf,
        holes=_wide(judged & ~opaque),
        wrong=_wide(seen & (error.max(axis=2) > FAR)),
        spilled=int((outside & (picture[..., 3] > 0)).sum()),
        landmarks=marks,
        lost_landmarks=lost,
        judged=int(judged.sum()),
    )


def _truth(
    frames: Sequence[Item], outlines: Sequence[BaseGeometry], landscape: Landscape, view: View
) -> NDArray[np.int16]:
    """Return the ground as the frames show it, grey or colour, shape (rows, columns, 3)."""
    height, width = view.shape
    truth = np.zeros((height, width, 3), dtype=np.int16)
    grounds: dict[int, NDArray[np.int16]] = {}
    for frame, outline in zip(frames, outlines, strict=True):
        if frame.bands not in grounds:
            rendered = landscape.render(view.bounds, width, height, frame.bands).astype(np.int16)
            grounds[frame.bands] = np.broadcast_to(rendered.transpose(1, 2, 0), truth.shape)
        shown = view.burn(outline)
        truth[shown] = grounds[frame.bands][shown]
    return truth


def _wide(spots: NDArray[np.bool_]) -> int:
    """Count the pixels of spots that hold a 3 x 3 square: what is thinner is edge, not fault."""
    height, width = spots.shape
    if min(height, width) < 3:
        return 0
    core = np.ones((height - 2, width - 2), dtype=bool)
    for row in range(3):
        for column in range(3):
            core &= spots[row : row + height - 2, column : column + width - 2]
    return int(core.sum())


def _landmarks(
    picture: NDArray[np.uint8], landscape: Landscape, grid: Affine, judged: NDArray[np.bool_]
) -> tuple[int, int]:
    """Return how many landmarks were lost, of how many that are shown large enough to be judged."""
    lost = seen = 0
    for mark, x, y in landscape.landmarks:
        column, row = (math.floor(c) for c in ~grid @ (x, y))
        inside = 0 <= row < judged.shape[0] and 0 <= column < judged.shape[1]
        if not inside or not judged[row, column] or mark.core < 3 * grid.a:
            continue
        seen += 1
        pixel = picture[row, column].astype(int)
        pure = 255 if mark.value == WHITE else 0
        lost += bool(pixel[3] != 255 or np.abs(pixel[:3] - pure).max() > LANDMARK_TOLERANCE)
    return lost, seen


def _draw(path: Path, picture: NDArray[np.uint8], truth: NDArray[np.int16], error: NDArray[np.int16]) -> None:
    shown = np.clip(error * 3, 0, 255)
    panels = [picture[..., :3], truth.astype(np.uint8), shown.astype(np.uint8)]
    Image.fromarray(np.concatenate(panels, axis=1)).save(path)
