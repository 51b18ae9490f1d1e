"""A published photograph of the demo's landscape, with which the pictures that other programs draw are compared."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from cogmill.domain.model import Bands, Collection, Product
from cogmill.mapserver.urls import CollectionAddresses
from cogmill.pipeline.public_files import update_public_files
from numpy.typing import NDArray
from PIL import Image

from demo.survey.compare import LEAST_PSNR
from demo.survey.landscape import AUSTIN, Bounds, Landscape
from tests.small_archive import SmallArchive, raster
from tests.system.probes import wait_until
from tests.system.strangers import ask

GROUND = Collection("Ground", "USDA", "1951", Product.FRAMES)
STEM = "03-22-51_4-1"
SIDE_PX, GSD = 1024, 3.0
"""Size of the photograph, pixels, and of its pixels, EPSG:3857 units."""
ZOOM = 15
"""Of tiles of 256 px; a pixel of them is a little coarser than one of the photograph."""
VIEW_PX = 512
"""Side of the maps that are compared, pixels: they lie within the photograph."""
EARTH_M = 40_075_016.685578488
PATIENCE_S = 60


@dataclass(frozen=True)
class Ground:
    """What the photograph shows, and where programs find it."""

    landscape: Landscape
    addresses: CollectionAddresses
    layer: str = GROUND.service_name

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the photograph, EPSG:3857."""
        return AUSTIN.origin

    def view(self, side_px: int = VIEW_PX) -> Bounds:
        """Return the bounds of a map of `ZOOM` around the middle."""
        half = EARTH_M / 256 / 2**ZOOM * side_px / 2
        x, y = self.center
        return x - half, y - half, x + half, y + half

    def decibels(self, picture: NDArray[np.uint8], bounds: Bounds) -> float:
        """Return the peak signal-to-noise ratio of a gray picture, shape (rows, columns), against the ground of its bounds."""
        rows, columns = picture.shape
        truth = self.landscape.render(bounds, columns, rows, 1)[0]
        return -10 * math.log10(float(np.mean(np.square((picture.astype(float) - truth) / 255))))

    def assert_drawn(self, png: bytes, bounds: Bounds | None = None) -> None:
        """Assert that a picture shows the ground where it says; a shift by two pixels would fail it."""
        picture = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
        west, south, east, north = bounds = bounds or self.view(picture.shape[0])
        shift = 2 * (east - west) / picture.shape[1]
        found = self.decibels(picture, bounds)
        beside = [
            self.decibels(picture, (west + dx, south + dy, east + dx, north + dy))
            for dx, dy in ((shift, 0), (0, shift))
        ]
        print(f"{found:.1f} dB, two pixels beside it {max(beside):.1f} dB")
        assert found >= LEAST_PSNR
        assert max(beside) < LEAST_PSNR


def publish_ground(archive: SmallArchive) -> Ground:
    """Photograph the landscape, publish it with all static files, and wait until MapServer draws it."""
    landscape = Landscape(1951, 2.0)
    half, (x, y) = SIDE_PX * GSD / 2, AUSTIN.origin
    pixels = landscape.render((x - half, y - half, x + half, y + half), SIDE_PX, SIDE_PX, 1)[0]
    archive.put(f"{GROUND.prefix(Bands.BW)}georef/{STEM}.tif", raster(pixels, x - half, y + half, GSD))
    archive.run(GROUND)
    update_public_files(archive.archive, GROUND.id)
    addresses = archive.archive.addresses.of(GROUND.id)
    wait_until(lambda: ask(addresses.capabilities) == 200, PATIENCE_S)
    return Ground(landscape, addresses)
