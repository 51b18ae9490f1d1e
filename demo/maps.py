"""Ask a service of the stack for maps, and judge them by the known ground."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import shapely
from cogmill.domain.keys import parse_upload
from numpy.typing import NDArray
from PIL import Image

from demo.stack import Stack
from demo.survey.compare import LEAST_PSNR, Verdict, compare
from demo.survey.landscape import Bounds, Landscape
from demo.survey.manifest import Item

OVERVIEW_PX = 900
"""Longer side of the picture that shows a whole collection."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service and the frames it should show."""

    stack: Stack
    collection_id: str
    frames: Sequence[Item]

    @property
    def layer(self) -> str:
        """Name of the raster layer."""
        return parse_upload(self.frames[0].key).collection.service_name

    @property
    def gsd(self) -> float:
        """Size of a photograph's pixel, EPSG:3857 units."""
        return self.frames[0].gsd

    def overview(self) -> tuple[Bounds, int, int]:
        """Return bounds, width and height of a picture of the whole collection with a margin, no finer than its photographs."""
        west, south, east, north = shapely.union_all([shapely.Polygon(f.outline) for f in self.frames]).bounds
        margin = 0.03 * max(east - west, north - south)
        bounds = (west - margin, south - margin, east + margin, north + margin)
        scale = min(OVERVIEW_PX / max(bounds[2] - bounds[0], bounds[3] - bounds[1]), 1 / self.gsd)
        return bounds, round((bounds[2] - bounds[0]) * scale), round((bounds[3] - bounds[1]) * scale)

    def draw(self, window: tuple[Bounds, int, int]) -> NDArray[np.uint8] | None:
        """Return a map as red, green, blue, alpha, shape (rows, columns, 4); None when there is no such service yet.

        Args:
            window: Bounds in EPSG:3857, width and height in pixels.
        """
        bounds, width, height = window
        query = (
            "&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&STYLES=&SRS=EPSG:3857&FORMAT=image/png&TRANSPARENT=TRUE"
            f"&LAYERS={self.layer}&BBOX={','.join(map(str, bounds))}&WIDTH={width}&HEIGHT={height}"
        )
        try:
            answer = httpx.get(self.stack.wms_url(self.collection_id) + query, timeout=60, trust_env=False)
        except httpx.TransportError:
            return None
        if not answer.headers.get("content-type", "").startswith("image/png"):
            return None
        return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))

    def verdict(self, landscape: Landscape, window: tuple[Bounds, int, int], picture: Path | None = None) -> Verdict:
        """Draw a map and compare it with the ground; an absent map is an empty one.

        Args:
            landscape: The ground.
            window: Bounds in EPSG:3857, width and height in pixels.
            picture: Where to save the map as PNG; the comparison goes beside it, with `-truth` in its name.
        """
        drawn = self.draw(window)
        if drawn is None:
            drawn = np.zeros((window[2], window[1], 4), dtype=np.uint8)
        if picture:
            Image.fromarray(drawn).save(picture)
        diff = picture.with_name(f"{picture.stem}-truth.png") if picture else None
        return compare(drawn, window[0], self.frames, landscape, diff)

    def wait_for_frame(self, landscape: Landscape, limit_s: float) -> float:
        """Wait until the ground of the first frame is drawn right, whatever lies around it; return the seconds, or the limit."""
        west, south, east, north = shapely.Polygon(self.frames[0].outline).buffer(-25 * self.gsd).bounds
        window = ((west, south, east, north), round((east - west) / self.gsd), round((north - south) / self.gsd))
        begun = time.monotonic()
        while time.monotonic() - begun < limit_s:
            verdict = self.verdict(landscape, window)
            if verdict.psnr >= LEAST_PSNR and not verdict.holes and not verdict.wrong:
                break
            time.sleep(0.5)
        return time.monotonic() - begun

    def wait(self, landscape: Landscape, limit_s: float) -> float:
        """Wait until the whole collection is drawn right; return the seconds it took, or the limit."""
        begun = time.monotonic()
        while time.monotonic() - begun < limit_s:
            if self.verdict(landscape, self.overview()).is_right:
                break
            time.sleep(1)
        return time.monotonic() - begun
