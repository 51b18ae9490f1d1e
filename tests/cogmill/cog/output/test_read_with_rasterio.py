"""What the engine writes, as the library sees it that most readers use: rasterio, by its own paths through GDAL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.domain.model import Bands, BuiltCog
from rasterio.enums import Compression, Interleaving, MaskFlags
from rasterio.features import geometry_mask, shapes
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from tests.cogmill.cog.engine_scenes import AREA, colour, upload

CODECS = {
    "bw": Compression.deflate,
    "nc": Compression.jpeg,
    "bw_jpeg": Compression.jpeg,
    "archive_zstd": Compression.zstd,
    "webp_lossless": Compression.webp,
}


def build(engine: Engine, folder: Path, name: str) -> BuiltCog:
    bands = Bands.BW if name.startswith("bw") else Bands.NC
    pixels = colour(1300, 1500)
    source = upload(folder / "a.tif", pixels[0] if bands is Bands.BW else pixels, degrees=3)
    return engine.build(
        source, folder / "a.cog.tif", bands=bands, profile=PROFILES[name], provenance={"source_key": "x"}, area=AREA
    )


@pytest.mark.parametrize("name", PROFILES)
def test_describes_itself_as_its_profile_says(engine, tmp_path, name):
    built = build(engine, tmp_path, name)

    with rasterio.open(built.path) as cog:
        assert cog.driver == "GTiff"
        assert cog.crs.to_epsg() == 3857
        assert cog.transform.is_rectilinear
        assert (cog.transform.a, cog.transform.e) == (built.gsd_m, -built.gsd_m)
        assert cog.shape == (built.height, built.width)
        assert set(cog.dtypes) == {"uint8"}
        assert cog.count == (1 if name.startswith("bw") else 3)
        assert cog.compression is CODECS[name]
        assert set(cog.block_shapes) == {(512, 512)}
        assert cog.count == 1 or cog.interleaving is Interleaving.pixel
        assert [cog.overviews(index) for index in cog.indexes] == [[2, 4]] * cog.count
        assert cog.mask_flag_enums == ([MaskFlags.per_dataset],) * cog.count
        assert cog.nodata is None
        assert cog.tags()["COGMILL_SOURCE_KEY"] == "x"
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_its_footprint_is_what_its_mask_covers(engine, tmp_path):
    built = build(engine, tmp_path, "bw")
    outline = shapely.from_wkb(built.footprint_wkb)

    with rasterio.open(built.path) as cog:
        mask = cog.dataset_mask()
        inside = geometry_mask([outline], mask.shape, cog.transform, invert=True)
        ring = max((shapely.geometry.shape(part) for part, value in shapes(mask, transform=cog.transform) if value),
                   key=shapely.area)  # fmt: skip
        around = transform_bounds(cog.crs, "EPSG:4326", *outline.bounds)

    assert np.count_nonzero(inside != (mask == 255)) < 0.01 * np.count_nonzero(mask)
    assert shapely.hausdorff_distance(outline, shapely.Polygon(ring.exterior)) < 4 * 1.5 * built.gsd_m
    assert AREA.west < around[0] < around[2] < AREA.east
    assert AREA.south < around[1] < around[3] < AREA.north


def test_a_window_of_an_overview_is_the_mean_of_what_it_stands_for(engine, tmp_path):
    built = build(engine, tmp_path, "bw")

    with rasterio.open(built.path) as cog, rasterio.open(built.path, OVERVIEW_LEVEL=1) as overview:
        west, north = cog.transform @ (512, 512)
        window = from_bounds(west, north - 512 * built.gsd_m, west + 512 * built.gsd_m, north, cog.transform)
        assert window.round_offsets().round_lengths() == Window(512, 512, 512, 512)
        fine = cog.read(1, window=window).astype(float)
        coarse = overview.read(1, window=Window(128, 128, 128, 128)).astype(float)
        assert (cog.read_masks(1, window=window) == 255).all()

    mean = fine.reshape(128, 4, 128, 4).mean(axis=(1, 3))
    assert np.abs(coarse - mean).max() <= 1  # rounded twice


def test_the_overview_transform_is_the_scaled_one(engine, tmp_path):
    built = build(engine, tmp_path, "bw")

    with rasterio.open(built.path) as cog, rasterio.open(built.path, OVERVIEW_LEVEL=1) as overview:
        scale = Affine.scale(cog.width / overview.width, cog.height / overview.height)
        assert overview.transform.almost_equals(cog.transform @ scale, 1e-6)
        assert max(overview.shape) <= 512
