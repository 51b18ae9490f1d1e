"""Frames of a collection never seen before, brought in every way people have, appear without any other act."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasterio.crs import CRS

from demo.maps import Service
from demo.stack import Stack
from demo.survey.export import EXPORTS, write
from demo.survey.film_scan import Photo, render_scan
from demo.survey.landscape import Landscape
from demo.survey.manifest import Item
from demo.uploads import WAYS
from tests.system.probes import ledger_rows

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

PATIENCE_S = 240
COLLECTION = "comal_usda_1951_frames"
PREFIX = "bw/Comal/USDA_1951/frames"


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return Landscape(seed=1951, step=2.0)


def take(landscape: Landscape, file: Path, key: str, *, east: float, turn: float = 4.0, side: int = 800) -> Item:
    """Take a photograph, write it as a frame, and say what it shows."""
    crs = CRS.from_epsg(26914)
    photo = Photo(*landscape.to_map(east, -3000), turn, side, landscape.step)
    write(file, render_scan(landscape, photo, crs, 1, key.rpartition("/")[2]), photo.grid(crs), crs, EXPORTS[0])
    return Item(key, file.name, COLLECTION, 1, photo.outline(crs), photo.gsd)


@pytest.mark.parametrize(("way", "east"), [("aws s3 cp", 0), ("s3fs", 2500), ("multipart", 5000)])
def test_appears_on_the_map(airflow_stack: Stack, landscape: Landscape, tmp_path: Path, way: str, east: float) -> None:
    # the key needs all the care of an upload by hand: blank, plus, percent, umlaut
    key = f"{PREFIX}/georef/03-22-51_4-{int(east)} Ä+50%.tif"
    item = take(landscape, tmp_path / "frame.tif", key, east=east)

    WAYS[way](airflow_stack, tmp_path / "frame.tif", key)

    service = Service(airflow_stack, COLLECTION, [item])
    seconds = service.wait_for_frame(landscape, PATIENCE_S)
    print(f"{way}: from the last byte to the right map {seconds:.1f} s")
    assert seconds < PATIENCE_S


def test_changes_the_map_and_keeps_the_old_cog_when_other_pixels_come(
    airflow_stack: Stack, landscape: Landscape, tmp_path: Path
) -> None:
    key = f"{PREFIX}/georef/03-22-51_9-1.tif"
    service = Service(airflow_stack, COLLECTION, [take(landscape, tmp_path / "a.tif", key, east=-3000)])
    WAYS["multipart"](airflow_stack, tmp_path / "a.tif", key)
    assert service.wait_for_frame(landscape, PATIENCE_S) < PATIENCE_S
    (old,) = ledger_rows(airflow_stack, "SELECT cog_key FROM cogmill.frame WHERE source_key = %s", key)

    other = Landscape(seed=7, step=2.0)
    service = Service(airflow_stack, COLLECTION, [take(other, tmp_path / "b.tif", key, east=-3000)])
    WAYS["multipart"](airflow_stack, tmp_path / "b.tif", key)

    assert service.wait_for_frame(other, PATIENCE_S) < PATIENCE_S
    head = airflow_stack.s3_client().head_object(Bucket=airflow_stack.settings.bucket, Key=old[0])
    assert head["ContentLength"] > 0
