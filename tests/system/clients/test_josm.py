"""JOSM shows our tiles, WMS and WMTS, and its picture lies where the ground is: `make clients`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.system.clients.ground import EARTH_M, Ground
from tests.system.clients.josm_session import josm
from tests.system.probes import wait_until
from tests.system.strangers import fetch

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("COGMILL_CLIENT_TESTS"), reason="brings QGIS and JOSM, 1 GB: make clients"),
]

SIDE_PX = 400
SCALES = [EARTH_M / 256 / 2**zoom for zoom in (15, 15.5, 16, 16.5, 17)]
"""EPSG:3857 units per pixel that JOSM may choose for the map."""
LEAST_CORRELATION = 0.95
POINT = (255, 255, 0)
"""Color in which JOSM draws a new point."""
PATIENCE_S = 240


def tiles(ground: Ground) -> dict[str, object]:
    """Return the layer that the entry of the Editor Layer Index makes."""
    address = ground.addresses.object(f"catalog/{ground.addresses.collection_id}/editor-layer-index.geojson")
    entry = json.loads(fetch(address)[2])["properties"]
    return {"type": entry["type"], "max_zoom": entry["max_zoom"], "url": entry["url"]}


def wms(ground: Ground) -> dict[str, object]:
    words = "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&FORMAT=image/png&TRANSPARENT=TRUE&STYLES="
    place = "CRS={proj}&WIDTH={width}&HEIGHT={height}&BBOX={bbox}"
    return {"type": "wms", "url": f"{ground.addresses.wms}{words}&LAYERS={ground.layer}&{place}"}


def wmts(ground: Ground) -> dict[str, object]:
    return {"type": "wmts", "url": ground.addresses.wmts}


def found(screen: np.ndarray, ground: Ground) -> tuple[float, tuple[float, float]]:
    """Look for the middle of the ground on a screen, shape (rows, columns); return the correlation, and its column and row."""
    x, y = ground.center
    best = (0.0, (0.0, 0.0))
    for scale in SCALES:
        half = scale * SIDE_PX / 2
        truth = ground.landscape.render((x - half, y - half, x + half, y + half), SIDE_PX, SIDE_PX, 1)[0]
        _, likeness, _, corner = cv2.minMaxLoc(cv2.matchTemplate(screen, truth, cv2.TM_CCOEFF_NORMED))
        best = max(best, (likeness, (corner[0] + SIDE_PX / 2, corner[1] + SIDE_PX / 2)))
    return best


@pytest.mark.parametrize("way", [tiles, wms, wmts], ids=lambda way: way.__name__)
def test_josm_shows_the_ground_where_it_is(ground: Ground, tmp_path: Path, way) -> None:
    def is_shown() -> bool:
        running.move_to_the_middle()
        time.sleep(2)  # tiles come one after the other
        running.screen().save(picture)
        return found(np.asarray(Image.open(picture).convert("L")), ground)[0] >= LEAST_CORRELATION

    picture = tmp_path / "josm.png"
    with josm(tmp_path) as running:
        running.mark_the_middle()
        running.say("imagery", title=way.__name__, **way(ground))
        wait_until(is_shown, PATIENCE_S)

    shown = Image.open(picture)
    correlation, (column, row) = found(np.asarray(shown.convert("L")), ground)
    rows, columns = np.nonzero((np.asarray(shown) == POINT).all(axis=2))
    print(
        f"correlation {correlation:.3f}, middle at {column:.0f}, {row:.0f}; point at {columns.mean():.1f}, {rows.mean():.1f}"
    )
    assert abs(columns.mean() - column) <= 2
    assert abs(rows.mean() - row) <= 2
