"""The second site of examples/ against its ground: where pixels lie, which grays 16 bits become, and what MapServer draws."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from cogmill.domain import keys
from cogmill.mapserver import cgi
from cogmill.pipeline import Archive, build_cogs, ingest, publish, update_overviews
from cogmill.pipeline.batches import plan_batches
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.warp import transform

from demo.survey.compare import LEAST_PSNR, compare
from demo.survey.export import EXPORTS, TILES, save, write
from demo.survey.film_scan import Photo, render_scan
from demo.survey.landscape import GOETTINGEN, WEB_MERCATOR, Landscape
from demo.survey.manifest import Item
from tests.cogmill.cog.warp.test_position import MOST_PX, shift

SIDE, GSD = 400, 2.0
"""Of frames: pixels along a side, and EPSG:3857 units of a pixel."""
LOW, HIGH = 200, 3900
"""Black and white of Bad Sachsa's scans, as its collection file declares them."""
GOETTINGEN_1951 = "Göttingen-Süd/1951 LV/Luftbilder/{bands}/georeferenziert/1951-03-22 Film 4 Bild {number}.tif"
BAD_SACHSA_1938 = "Bad Sachsa/1938 LV/Luftbilder/{bands}/georeferenziert/1938~ Film 1 Bild {number}.tif"
FOLDERS = {"sw": 1, "farbe": 3, "infrarot": 3}
"""Bands of each folder."""


def ground(x: NDArray[np.float64], y: NDArray[np.float64], bands: int) -> NDArray[np.float64]:
    """Return grays from 12 to 244 as a formula of EPSG:3857, shape (bands, ...).

    Waves of 35 pixels and more are the same in all bands; what differs has longer ones, for JPEG keeps color more coarsely.
    """
    east, north = (at - zero for at, zero in zip((x, y), GOETTINGEN.origin, strict=True))
    fine = 26 * np.sin(north / 11 + east / 29) + 26 * np.sin(east / 13 - north / 31)
    layers = [128 + fine + 64 * np.sin(east / 83 + 2 * n) * np.cos(north / 97 - n) for n in range(bands)]
    return np.stack(layers)


def frame(path: Path, epsg: int, bands: int, *, declared: bool = False) -> Path:
    """Write a turned frame whose pixels are the formula at their centers; a declared one has 12 bits and names no system."""
    crs = CRS.from_epsg(epsg)
    grid = Photo(*GOETTINGEN.origin, turn=7, side=SIDE, gsd=GSD).grid(crs)
    columns, rows = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    xs, ys = transform(crs, WEB_MERCATOR, *(axis.ravel() for axis in grid @ (columns, rows)))
    gray = ground(np.reshape(xs, columns.shape), np.reshape(ys, columns.shape), bands)
    pixels = (
        np.round(LOW + gray / 255 * (HIGH - LOW)).astype(np.uint16) if declared else np.round(gray).astype(np.uint8)
    )
    save(path, pixels, transform=grid, crs=None if declared else crs, **TILES)
    return path


@dataclass(frozen=True)
class Built:
    """The COG of a frame beside the formula on its grid."""

    found: NDArray[np.float64]
    """Shape (bands, rows, columns)."""
    grid: Affine
    """Pixel (column, row) to EPSG:3857."""
    valid: NDArray[np.bool_]
    """Pixels away from the edge of the frame."""

    def truth(self, east_px: float = 0) -> NDArray[np.float64]:
        """Return the formula at the centers of pixels, or so many pixels beside them."""
        bands, height, width = self.found.shape
        columns, rows = np.meshgrid(np.arange(width) + 0.5 + east_px, np.arange(height) + 0.5)
        return ground(*(self.grid @ (columns, rows)), bands)

    def shifts(self, east_px: float = 0) -> list[float]:
        """Return how far each band lies from the formula, pixels."""
        return [shift(*pair, self.valid) for pair in zip(self.found, self.truth(east_px), strict=True)]


def build(archive: Archive, sample, key: str, source: Path) -> Built:
    """Upload a frame, build it as the collection's DAG does, and read its COG."""
    sample.put(key, source.read_bytes())
    (collection_id,) = ingest.ingest_uploads(archive).collection_ids
    for batch in plan_batches(archive, collection_id):
        build_cogs.build_batch(archive, batch["frame_ids"], "tests")
    ((state, reason, cog_key),) = sample.sql("SELECT state, reason, cog_key FROM cogmill.frame")
    assert (state, reason) == ("built", None)
    with rasterio.MemoryFile(archive.store.read(cog_key)) as file, file.open() as cog:
        assert cog.crs == WEB_MERCATOR
        valid = cv2.erode(cog.read_masks(1), np.ones((15, 15), np.uint8), borderValue=0) != 0
        assert valid.mean() > 0.5
        return Built(cog.read()[: 1 if cog.count < 3 else 3].astype(float), cog.transform, valid)


@pytest.mark.parametrize(("epsg", "folder"), list(itertools.product(GOETTINGEN.systems, FOLDERS)))
def test_each_band_lies_where_the_formula_says(second_site, sample, tmp_path, epsg, folder):
    source = frame(tmp_path / "a.tif", epsg, FOLDERS[folder])

    built = build(second_site, sample, GOETTINGEN_1951.format(bands=folder, number=1), source)

    assert len(built.found) == FOLDERS[folder]
    assert max(built.shifts()) <= MOST_PX
    assert np.abs(built.found - built.truth())[:, built.valid].mean() < 1
    assert min(built.shifts(east_px=0.1)) > MOST_PX  # a tenth of a pixel would be noticed


def test_16_bits_in_a_declared_system_lie_where_the_formula_says_in_its_grays(second_site, sample, tmp_path):
    source = frame(tmp_path / "a.tif", 31467, 1, declared=True)

    built = build(second_site, sample, BAD_SACHSA_1938.format(bands="sw", number=1), source)

    (difference,) = built.found - built.truth()
    (gray,) = built.truth()
    by_tone = [difference[built.valid & (np.abs(gray - tone) < 8)].mean() for tone in range(16, 248, 16)]
    assert max(built.shifts()) <= MOST_PX
    assert min(built.shifts(east_px=0.1)) > MOST_PX
    assert np.abs(by_tone).max() < 1
    assert np.abs(difference[built.valid]).mean() < 1


@dataclass(frozen=True)
class Shot:
    """A photograph on film, with its collar, of the demo's landscape around Göttingen."""

    key: str
    east: float
    north: float
    """Of its middle, meters from that of the landscape."""
    turn: float
    epsg: int
    bands: int
    deep: bool = False

    def take(self, landscape: Landscape, path: Path) -> Item:
        """Write the file, and return what a map must show of it."""
        crs = CRS.from_epsg(self.epsg)
        photo = Photo(*landscape.to_map(self.east, self.north), self.turn, SIDE, GSD)
        film = render_scan(landscape, photo, crs, self.bands, "LV 1951")
        if self.deep:
            values = np.round(LOW + film / 255 * (HIGH - LOW)).astype(np.uint16)
            save(path, values, transform=photo.grid(crs), **TILES)
        else:
            write(path, film, photo.grid(crs), crs, EXPORTS[0])
        return Item(self.key, path.name, keys.parse_upload(self.key).collection.id, self.bands, photo.outline(crs), GSD)


SHOTS = (
    Shot(GOETTINGEN_1951.format(bands="sw", number=1), -300, 200, 3, 25832, 1),
    Shot(GOETTINGEN_1951.format(bands="sw", number=2), 0, 200, -4.5, 31467, 1),
    Shot(GOETTINGEN_1951.format(bands="farbe", number=3), 300, 200, 7, 31467, 3),
    Shot(GOETTINGEN_1951.format(bands="infrarot", number=4), -150, -200, 1.5, 25832, 3),
    Shot(BAD_SACHSA_1938.format(bands="sw", number=1), 0, 0, 5.5, 31467, 1, deep=True),
    Shot(BAD_SACHSA_1938.format(bands="sw", number=2), 250, 100, -2, 31467, 1, deep=True),
)


def drawn(archive: Archive, frames: list[Item], bounds: tuple[float, ...], width: int, height: int):
    """Return what MapServer draws of the published service, shape (height, width, 4): red, green, blue, alpha."""
    collection = keys.parse_upload(frames[0].key).collection
    text = archive.store.read(keys.mapfile_key(collection.id)).decode()
    window = {"bbox": ",".join(map(str, bounds)), "width": width, "height": height, "crs": "EPSG:3857"}
    look = {"layers": collection.service_name, "styles": "", "format": "image/png", "transparent": "true"}
    with publish._mapserver(archive) as runner, cgi.serve_draft(text, runner) as server:
        answer = server.expect("image/png", request="GetMap", version="1.3.0", **window, **look)
    return np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGBA"))


def test_map_shows_the_ground_as_well_as_that_of_the_demo(second_site, sample, tmp_path):
    landscape = Landscape(1951, GSD, GOETTINGEN)
    items = [shot.take(landscape, tmp_path / f"{number}.tif") for number, shot in enumerate(SHOTS)]
    for item in items:
        sample.put(item.key, (tmp_path / item.file).read_bytes())
    for collection_id in ingest.ingest_uploads(second_site).collection_ids:
        for batch in plan_batches(second_site, collection_id):
            build_cogs.build_batch(second_site, batch["frame_ids"], "tests")
        publish.update_tile_index(second_site, collection_id)
        publish.publish_mapfile(second_site, collection_id)
        update_overviews.update_overviews(second_site, collection_id)

    assert sample.sql("SELECT count(*) FROM cogmill.frame WHERE state = 'published'") == [(len(SHOTS),)]
    for collection_id in ("goettingensued_lv_1951_frames", "badsachsa_lv_1938_frames"):
        frames = sorted((item for item in items if item.collection_id == collection_id), key=lambda item: item.key)
        bounds = shapely.union_all([shapely.Polygon(item.outline) for item in frames]).buffer(50).bounds
        for pixel in (GSD, 2 * GSD, 5 * GSD):
            width, height = round((bounds[2] - bounds[0]) / pixel), round((bounds[3] - bounds[1]) / pixel)
            verdict = compare(drawn(second_site, frames, bounds, width, height), bounds, frames, landscape)
            print(f"{collection_id}, {pixel:g} units a pixel: {verdict}")
            assert verdict.is_right, f"{collection_id}, {pixel:g} units a pixel: {verdict}"
            assert verdict.psnr >= LEAST_PSNR
