"""What a decoder complains about, and blocks that were never written, are no picture; what a file leaves out on purpose is none."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES, Nodata, default_profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands, Product
from osgeo import gdal

from tests.cogmill.cog.engine_scenes import colour, photograph, read_cog, upload

JPEG, YCBCR = ("COMPRESS=JPEG",), ("COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", "TILED=YES")
FAX = [("NBITS=1", f"COMPRESS={codec}") for codec in ("CCITTFAX4", "CCITTFAX3", "CCITTRLE")]


@pytest.fixture(scope="module", params=[1, 2], ids=["one thread", "two threads"])
def engine(request):
    with Engine(Limits(), threads=request.param) as warm:
        yield warm


def build(engine: Engine, source: Path, bands: Bands = Bands.BW, product: Product = Product.INDEX):
    profile = dataclasses.replace(default_profile(bands, product), nodata=Nodata.EVERYWHERE)
    return engine.build(source, source.with_suffix(".out"), bands=bands, profile=profile, provenance={}, area=None)


def picture(options: tuple[str, ...]) -> np.ndarray:
    if options == YCBCR:
        return colour(500, 450)
    return photograph(500, 450) // 128 if options in FAX else photograph(500, 450)


def spoil(path: Path, how: str) -> None:
    """Spoil the second block of a file."""
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    at, size = (int(band.GetMetadataItem(f"BLOCK_{what}_0_1", "TIFF")) for what in ("OFFSET", "SIZE"))
    content, half = bytearray(path.read_bytes()), size // 2
    noise = random.Random(1)  # noqa: S311 - repeatable, not secret
    wrong = {"repeated": content[at : at + size - half], "scribbled": noise.randbytes(size - half)}[how]
    content[at + half : at + size] = wrong
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["repeated", "scribbled"])
@pytest.mark.parametrize("options", [JPEG, YCBCR, *FAX], ids="-".join)
def test_rejects_a_block_that_its_decoder_complained_about(engine, tmp_path, options, how):
    source = upload(tmp_path / "a.tif", picture(options), epsg=3857, options=options)
    spoil(source, how)

    with pytest.raises(InvalidFrameError, match=r"unreadable_block: .*(JPEG|Fax3|Fax4)"):
        build(engine, source, Bands.NC if options == YCBCR else Bands.BW)


@pytest.mark.parametrize("options", [JPEG, YCBCR, *FAX], ids="-".join)
def test_hears_no_complaint_about_a_good_file(engine, tmp_path, options):
    source = upload(tmp_path / "a.tif", picture(options), epsg=3857, options=options)

    assert build(engine, source, Bands.NC if options == YCBCR else Bands.BW).size > 0


def sparse(path: Path, rows: int, *, nodata: float | None = None, bands: int = 1, written: int | None = None) -> Path:
    """Write a part of a GeoTIFF, as an export that was interrupted or a mosaic with empty blocks leaves it."""
    options = ["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128", "SPARSE_OK=TRUE", "INTERLEAVE=BAND"]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 1000, 1000, bands, gdal.GDT_Byte, options)
    upload(path.with_name("grid.tif"), photograph(8, 8), epsg=3857)
    grid = gdal.Open(str(path.with_name("grid.tif")))
    dataset.SetGeoTransform(grid.GetGeoTransform())
    dataset.SetSpatialRef(grid.GetSpatialRef())
    for number in range(1, bands + 1):
        if nodata is not None:
            dataset.GetRasterBand(number).SetNoDataValue(nodata)
        if number <= (written or bands):
            dataset.GetRasterBand(number).WriteArray(np.maximum(photograph(rows, 1000), 30))
    dataset.FlushCache()
    return path


def test_rejects_blocks_that_were_never_written(engine, tmp_path):
    with pytest.raises(InvalidFrameError, match=r"unreadable_block: 49 % of its blocks were never written"):
        build(engine, sparse(tmp_path / "a.tif", 512))


def test_rejects_a_band_that_was_never_written(engine, tmp_path):
    path = sparse(tmp_path / "a.tif", 1000, bands=3, written=2)

    with pytest.raises(InvalidFrameError, match="unreadable_block"):
        build(engine, path, Bands.NC)


def test_publishes_a_sparse_mosaic_with_its_empty_blocks_masked(engine, tmp_path):
    cog = build(engine, sparse(tmp_path / "a.tif", 128, nodata=0), product=Product.MOSAIC)

    mask = read_cog(cog.path)[1]
    assert mask[:128].all()
    assert not mask[128:].any()


def test_publishes_a_mosaic_of_a_strip_along_a_river(engine, tmp_path):
    row, column = np.mgrid[:900, :900]
    strip = np.abs(row - column) < 65
    source = upload(tmp_path / "a.tif", np.where(strip, np.maximum(photograph(900, 900), 1), 0), nodata=0)

    cog = build(engine, source, product=Product.MOSAIC)

    assert 0.12 < (read_cog(cog.path)[1] != 0).mean() < 0.16


@pytest.mark.parametrize("product", [Product.MOSAIC, Product.FRAMES])
def test_rejects_what_has_no_valid_pixel_at_all(engine, tmp_path, product):
    with pytest.raises(InvalidFrameError, match="all_blank"):
        build(engine, upload(tmp_path / "a.tif", np.full((400, 400), 7, np.uint8), nodata=7), product=product)


def test_rejects_a_frame_that_its_mask_hides(engine, tmp_path):
    mask = np.where(np.random.default_rng(1).random((400, 400)) < 0.1, 255, 0).astype(np.uint8)
    source = upload(tmp_path / "a.tif", photograph(400, 400), mask=mask)

    with pytest.raises(InvalidFrameError, match=r"all_blank: only 9.9 %"):
        engine.build(source, tmp_path / "a.out", bands=Bands.BW, profile=PROFILES["bw"], provenance={}, area=None)
