"""Tiles of a service and of a year, from the bucket to the client: what is drawn, what is not, and how soon a change is seen."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from cogmill.domain import keys
from cogmill.domain.model import Bands, Collection, Product
from cogmill.pipeline import withdraw
from cogmill.pipeline.public_files import collection_facts
from cogmill.public import tilejson, wmts
from osgeo import gdal
from PIL import Image

from demo.stack import Stack
from tests.small_archive import SmallArchive, geotiff
from tests.system.probes import wait_until
from tests.system.stack_archive import archive_of

pytestmark = pytest.mark.system
gdal.UseExceptions()

HALF_WORLD_M = 20037508.342789244
TILED = Collection("Tiled", "USDA", "1951", Product.FRAMES)
LATER = Collection("Tiled", "USDA", "1962", Product.FRAMES)
GONE = Collection("Tiled", "AMS", "1971", Product.FRAMES)
WEST, NORTH = -10_900_000 + 200, 3_500_000
"""Corner of the first frame, which is 256 m wide."""
PATIENCE_S = 60
"""Ten seconds are promised; a busy machine may take longer."""


def tile_at(zoom: int, x: float, y: float) -> tuple[int, int, int]:
    """Return zoom, column and row of the tile that holds a place."""
    side = 2 * HALF_WORLD_M / 2**zoom
    return zoom, math.floor((x + HALF_WORLD_M) / side), math.floor((HALF_WORLD_M - y) / side)


def square(zoom: int, column: int, row: int) -> tuple[float, float, float, float]:
    """Return the bounds of a tile."""
    side = 2 * HALF_WORLD_M / 2**zoom
    west, north = column * side - HALF_WORLD_M, HALF_WORLD_M - row * side
    return west, north - side, west + side, north


def pixels(answer: httpx.Response) -> np.ndarray:
    """Return the pixels of a picture, `(rows, columns, 4)`."""
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA")).astype(int)


PLACE = tile_at(17, WEST + 100, NORTH - 100)


class Tiles:
    """A client of the stack's tiles."""

    def __init__(self, stack: Stack, archive: SmallArchive) -> None:
        self.archive, self.stack = archive, stack
        self.client = httpx.Client(base_url=stack.settings.front_url, trust_env=False, timeout=20)

    def get(
        self, service: str, place: tuple[int, int, int], suffix: str = ".png", method: str = "GET", **headers: str
    ) -> httpx.Response:
        path = "/".join(map(str, place))
        words = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, f"/tiles/{service}/{path}{suffix}", headers=words)

    def get_map(self, collection: Collection, place: tuple[int, int, int], side: int, form: str) -> httpx.Response:
        words = {
            "map": f"/mapfiles/{collection.id}.map",
            "SERVICE": "WMS",
            "VERSION": "1.3.0",
            "REQUEST": "GetMap",
            "LAYERS": collection.service_name,
            "STYLES": "",
            "CRS": "EPSG:3857",
            "BBOX": ",".join(f"{edge:.9f}" for edge in square(*place)),
            "WIDTH": str(side),
            "HEIGHT": str(side),
            "FORMAT": form,
            "TRANSPARENT": "TRUE" if form == "image/png" else "FALSE",
        }
        return self.client.get("/wms/", params=words)

    def publish(self, collection: Collection, number: int, seed: int = 1) -> str:
        """Upload a frame, and do what a run of its DAG does; returns its key."""
        year = collection.year[2:]
        prefix = collection.prefix(Bands.BW)
        name = f"03-22-{year}_{number}.tif" if collection.agency == "AMS" else f"03-22-{year}_4-{number}.tif"
        self.archive.put(f"{prefix}georef/{name}", geotiff(-10_900_000 + 200 * number, seed))
        self.archive.run(collection)
        return f"{prefix}georef/{name}"

    def asked(self, path: str) -> list[str]:
        """Return how long MapServer took for each request of an address, as the web server noted it; a hyphen where it was not asked."""
        lines = (self.stack.paths.log / "nginx-access.log").read_text(encoding="utf-8").splitlines()
        return [line.rpartition(" ")[2] for line in lines if f" {path} " in line]

    def wait(self, service: str, place: tuple[int, int, int], status: int) -> httpx.Response:
        """Ask until the answer has a status; returns the answer."""
        answers: list[httpx.Response] = []

        def answered() -> bool:
            answers.append(self.get(service, place))
            return answers[-1].status_code == status

        try:
            wait_until(answered, PATIENCE_S)
        except AssertionError:
            log = (self.stack.paths.log / "nginx.log").read_text(encoding="utf-8")[-2000:]
            pytest.fail(
                f"{answers[-1].status_code} {answers[-1].text[:500]} of {service}, last of {len(answers)}\n{log}"
            )
        return answers[-1]


@pytest.fixture(scope="module")
def tiles(stack: Stack) -> Iterator[Tiles]:
    """Publish a collection of one frame in the stack."""
    with archive_of(stack) as archive:
        client = Tiles(stack, archive)
        client.publish(TILED, 1)
        client.wait(TILED.id, PLACE, 200)
        yield client
        client.client.close()


@pytest.mark.parametrize(
    ("suffix", "side", "form"),
    [(".png", 256, "image/png"), ("@2x.png", 512, "image/png"), (".jpg", 256, "image/jpeg")],
)
def test_tile_is_the_map_of_its_square(tiles: Tiles, suffix: str, side: int, form: str) -> None:
    tile = tiles.get(TILED.id, PLACE, suffix)

    drawn = tiles.get_map(TILED, PLACE, side, form)

    assert tile.headers["content-type"] == form
    assert pixels(tile).shape[:2] == (side, side)
    assert tile.content == drawn.content
    assert len(np.unique(pixels(tile)[..., 0])) > 4, "there is a photograph in it"


def test_tile_may_be_kept_and_is_drawn_once(tiles: Tiles) -> None:
    first = tiles.get(TILED.id, PLACE)
    again = tiles.get(TILED.id, PLACE)
    head = tiles.get(TILED.id, PLACE, method="HEAD")
    unchanged = tiles.get(TILED.id, PLACE, If_None_Match=first.headers["etag"])

    assert [answer.headers["x-cache"] for answer in (again, head)] == ["HIT", "HIT"]
    assert head.headers["content-length"] == str(len(first.content))
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    for answer in (first, again, head, unchanged):
        assert answer.headers["etag"] == first.headers["etag"]
        assert answer.headers["cache-control"] == "public, max-age=10"
        assert answer.headers["access-control-allow-origin"] == "*"


def test_nothing_is_drawn_outside_of_the_service(tiles: Tiles) -> None:
    zoom, column, row = PLACE
    places = [(zoom, column + 40, row), (zoom, column, row - 40), (zoom, 0, 0)]

    answers = [tiles.get(TILED.id, place) for place in places]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 3
    for place in places:
        assert tiles.asked(f"/tiles/{TILED.id}/{place[0]}/{place[1]}/{place[2]}.png")[-1] == "-"


def test_zooms_end_where_pixels_of_the_photographs_end(tiles: Tiles) -> None:
    found = [tiles.get(TILED.id, tile_at(zoom, WEST + 100, NORTH - 100)).status_code for zoom in (0, 9, 17, 18)]

    assert found == [200, 200, 200, 404], "pixels of 2 m are those of zoom 17"


@pytest.mark.parametrize("service", ["nobody_usda_1951_frames", "archive/1899", "health", "archive"])
def test_unknown_service_has_no_tiles(tiles: Tiles, service: str) -> None:
    answer = tiles.wait(service, PLACE, 404)

    assert str(tiles.stack.paths.root) not in answer.text


def test_tiles_of_a_year_show_the_photographs_of_that_year(tiles: Tiles) -> None:
    assert tiles.get("archive/1962", PLACE).status_code == 404
    tiles.publish(LATER, 1, seed=5)

    later = tiles.wait("archive/1962", PLACE, 200)
    tiles.wait(LATER.id, PLACE, 200)

    assert np.array_equal(pixels(later), pixels(tiles.get(LATER.id, PLACE)))
    assert np.array_equal(pixels(tiles.get("archive/1951", PLACE)), pixels(tiles.get(TILED.id, PLACE)))
    assert not np.array_equal(pixels(later), pixels(tiles.get(TILED.id, PLACE)))


def test_publication_is_seen_within_seconds(tiles: Tiles) -> None:
    beyond = tile_at(17, WEST + 5 * 200 + 200, NORTH - 100)
    before = tiles.get(TILED.id, PLACE)
    assert tiles.get(TILED.id, beyond).status_code == 204

    tiles.publish(TILED, 1, seed=9)
    changed = wait_until(lambda: tiles.get(TILED.id, PLACE).content != before.content, PATIENCE_S)
    tiles.publish(TILED, 6)
    grown = wait_until(lambda: tiles.get(TILED.id, beyond).status_code == 200, PATIENCE_S)

    print(f"seconds until tiles show it: a replaced frame {changed:.1f}, a new one {grown:.1f}")
    assert tiles.get(TILED.id, PLACE, If_None_Match=before.headers["etag"]).status_code == 200


def test_nothing_is_left_after_a_withdrawal(tiles: Tiles) -> None:
    upload = tiles.publish(GONE, 1)
    tiles.wait(GONE.id, PLACE, 200)
    tiles.wait("archive/1971", PLACE, 200)

    tiles.archive.delete(upload)
    withdraw.withdraw_frames(tiles.archive.archive, GONE.id, [upload], "deleted by a test")

    gone = [
        wait_until(lambda at=at: tiles.get(at, PLACE).status_code == 404, PATIENCE_S)
        for at in (GONE.id, "archive/1971")
    ]
    print(f"seconds until tiles are gone: {gone[0]:.1f}, of the year {gone[1]:.1f}")


def test_tiles_end_with_a_mapfile_that_is_deleted_by_hand(tiles: Tiles) -> None:
    tiles.publish(GONE, 2)
    place = tile_at(17, WEST + 200 + 100, NORTH - 100)
    tiles.wait(GONE.id, place, 200)

    tiles.archive.delete(keys.mapfile_key(GONE.id))

    tiles.wait(GONE.id, place, 404)


def test_gdal_draws_the_right_place_by_wmts(tiles: Tiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = collection_facts(tiles.archive.archive, TILED.id)
    assert known
    (document,) = wmts.collection_documents(*known)
    file = tmp_path / "wmts.xml"
    file.write_bytes(document.body)
    west, south, east, north = square(*PLACE)

    monkeypatch.setenv("GDAL_ENABLE_WMS_CACHE", "NO")
    found = gdal.Translate(
        "", gdal.Open(f"WMTS:{file}"), format="MEM", projWin=[west, north, east, south], width=256, height=256
    ).ReadAsArray()

    assert np.array_equal(np.moveaxis(found, 0, 2), pixels(tiles.get(TILED.id, PLACE)))


def test_tilejson_leads_to_a_picture(tiles: Tiles) -> None:
    known = collection_facts(tiles.archive.archive, TILED.id)
    assert known
    (document,) = tilejson.collection_documents(*known)
    said = json.loads(document.body)
    zoom, column, row = PLACE
    (address,) = said["tiles"]

    answer = tiles.client.get(address.format(z=zoom, x=column, y=row))

    assert (said["maxzoom"], answer.headers["content-type"]) == (zoom, "image/png")
    assert answer.content == tiles.get(TILED.id, PLACE).content
