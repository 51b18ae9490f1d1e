"""One photograph on film: the ground it shows, what the lens and the grain do to it, and the collar around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.crs import CRS
from rasterio.warp import transform

from demo.survey.landscape import WEB_MERCATOR, Landscape

COLLAR_SHARE = 0.045
"""Width of the collar on each side, as a share of the photograph's side."""
COLLAR_TONE, COLLAR_GRAIN = 13, 4.0
"""Grey level of unexposed film edge, and the standard deviation of its grain."""
VIGNETTE = 0.05
"""Share of light lost in the corners."""
GRAIN = 2.2
"""Standard deviation of the grain inside the photograph, grey levels."""
PURE = (2, 253)
"""Tones beyond these are burnt out or unexposed: no lens and no grain changes them."""


@dataclass(frozen=True, slots=True)
class Photo:
    """Where a photograph lies."""

    x: float
    y: float
    """Centre, EPSG:3857."""
    turn: float
    """Degrees counter-clockwise from north-up."""
    side: int
    """Pixels along one side of the photographed square, without the collar."""
    gsd: float
    """Size of a pixel in EPSG:3857 units at the centre."""

    @property
    def collar(self) -> int:
        """Pixels of collar on each side."""
        return round(self.side * COLLAR_SHARE)

    @property
    def whole(self) -> int:
        """Pixels along one side of the film, collar included."""
        return self.side + 2 * self.collar

    def grid(self, crs: CRS) -> Affine:
        """Return pixel (column, row) of the whole film to coordinates in `crs`.

        The CRS's own curvature over one photograph is left out here, and is in no way needed: the frame is defined by this grid.
        """
        half = self.whole / 2
        film = (
            Affine.translation(self.x, self.y)
            @ Affine.rotation(self.turn)
            @ Affine.scale(self.gsd, -self.gsd)
            @ Affine.translation(-half, -half)
        )
        n = self.whole
        xs, ys = transform(WEB_MERCATOR, crs, *zip(film @ (0, 0), film @ (n, 0), film @ (0, n), strict=True))
        across = ((xs[1] - xs[0]) / n, (ys[1] - ys[0]) / n)
        down = ((xs[2] - xs[0]) / n, (ys[2] - ys[0]) / n)
        return Affine(across[0], down[0], xs[0], across[1], down[1], ys[0])

    def outline(self, crs: CRS) -> list[tuple[float, float]]:
        """Return the ring of the photographed area in EPSG:3857, ten points along each side."""
        low, high = self.collar, self.collar + self.side
        steps = np.linspace(low, high, 11)[:-1]
        flipped = low + high - steps
        ring = [*((s, low) for s in steps), *((high, s) for s in steps)]
        ring += [*((s, high) for s in flipped), *((low, s) for s in flipped)]
        grid = self.grid(crs)
        xs, ys = transform(crs, WEB_MERCATOR, *zip(*(grid @ point for point in ring), strict=True))
        return list(zip(xs, ys, strict=True))


def render_scan(landscape: Landscape, photo: Photo, crs: CRS, bands: int, label: str) -> NDArray[np.uint8]:
    """Return the developed film with its collar, shape (bands, whole, whole).

    Args:
        landscape: The ground.
        photo: Where it was taken.
        crs: In whose grid the film lies.
        bands: 1 or 3.
        label: Frame number, written into the collar.
    """
    rng = np.random.default_rng(abs(hash((round(photo.x), round(photo.y), bands))) % 2**32)
    n, c = photo.whole, photo.collar
    ground = landscape.sample(photo.grid(crs), crs, (n, n), bands)
    axis = (np.arange(n, dtype=np.float32) - n / 2) / (photo.side / 2)
    light = 1 - np.float32(VIGNETTE / 2) * (axis[None, :] ** 2 + axis[:, None] ** 2)
    grain = rng.normal(0, GRAIN, (n, n)).astype(np.float32)
    exposed = np.clip(ground * light + grain, PURE[0] + 1, PURE[1] - 1)
    film = np.where((ground <= PURE[0]) | (ground >= PURE[1]), ground, exposed.round()).astype(np.uint8)
    edge = collar(n, c, label, rng)
    inside = np.zeros((n, n), dtype=bool)
    inside[c : c + photo.side, c : c + photo.side] = True
    return np.where(inside, film, edge)


def collar(whole: int, width: int, label: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return film edge, shape (whole, whole): uneven and grainy near-black, with fiducial marks, a frame number and a clock."""
    uneven = 5 * np.sin(np.linspace(0, 7, whole, dtype=np.float32))[:, None]
    tones = COLLAR_TONE + uneven + rng.normal(0, COLLAR_GRAIN, (whole, whole)).astype(np.float32)
    picture = Image.fromarray(np.clip(tones, 0, 40).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    middle, far, arm = whole // 2, whole - width // 2, max(2, width // 4)
    for x, y in ((middle, width // 2), (middle, far), (width // 2, middle), (far, middle)):
        draw.line((x - arm, y, x + arm, y), fill=235, width=max(1, arm // 5))
        draw.line((x, y - arm, x, y + arm), fill=235, width=max(1, arm // 5))
    font = ImageFont.load_default(size=max(8, int(width * 0.6)))
    draw.text((width * 2, width * 0.15), label, fill=225, font=font)
    radius = width * 0.38
    x, y = whole - 3 * width, width / 2
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=230, width=max(1, int(radius / 6)))
    draw.line((x, y, x + radius * 0.6, y - radius * 0.3), fill=230)
    draw.line((x, y, x, y - radius * 0.8), fill=230)
    return np.asarray(picture)
