"""Cameras with four bands, red, green, blue and infrared: each folder shows its three, where gdalwarp puts them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES, Scaling
from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands
from osgeo import gdal

from tests.cogmill.cog.engine_scenes import upload
from tests.cogmill.cog.warp.test_position import MOST_PX, shift, smooth

LOSSLESS = dataclasses.replace(PROFILES["archive_zstd"], collar=False)
PLAIN = ("TILED=YES", "COMPRESS=DEFLATE", "PHOTOMETRIC=RGB", "ALPHA=NO")
"""Without ALPHA=NO GDAL would declare the fourth band to be transparency."""

SHOWN = {Bands.NC: [1, 2, 3], Bands.CIR: [4, 1, 2]}


def camera(path: Path, *, deep: bool) -> Path:
    """Write a turned frame of four bands that are alike in nothing, of 8 or of 12 bits."""
    picture = smooth()
    bands = np.stack([picture, picture[::-1], picture.T, picture[:, ::-1].T])
    return upload(path, bands.astype(np.uint16) * 16 if deep else bands, degrees=11, gsd=2.0, options=PLAIN)


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "12 bits"])
@pytest.mark.parametrize("bands", SHOWN)
def test_shows_the_three_bands_of_its_folder_where_gdalwarp_puts_them(engine, tmp_path, bands, deep):
    source = camera(tmp_path / "a.tif", deep=deep)
    profile = dataclasses.replace(LOSSLESS, scaling=Scaling(0, 4080) if deep else None)

    cog = engine.build(source, tmp_path / "b.tif", bands=bands, profile=profile, provenance={}, area=None)

    like = gdal.Open(cog.path)
    left, right, _, top, _, down = like.GetGeoTransform()
    bounds = (left, top + down * like.RasterYSize, left + right * like.RasterXSize, top)
    shown = gdal.Translate("", str(source), format="MEM", bandList=SHOWN[bands], outputType=gdal.GDT_Byte,
        scaleParams=[[0, 4080, 0, 255]] if deep else None)  # fmt: skip
    wanted = gdal.Warp(
        "", shown, format="MEM", dstSRS="EPSG:3857", outputBounds=bounds, width=like.RasterXSize, height=like.RasterYSize,
        resampleAlg="bilinear", errorThreshold=0, warpOptions=["INIT_DEST=0", "SAMPLE_GRID=YES"],
    ).ReadAsArray()  # fmt: skip
    mask = like.GetRasterBand(1).GetMaskBand().ReadAsArray()
    valid = cv2.erode(mask, np.ones((9, 9), np.uint8), borderValue=0) != 0
    assert valid.mean() > 0.4
    for found, truth in zip(like.ReadAsArray()[:3], wanted, strict=True):
        assert shift(found, truth, valid) <= MOST_PX
        assert np.abs(found[valid].astype(int) - truth[valid]).mean() < 1


def test_values_of_more_than_8_bits_are_rejected_without_a_declared_scaling(engine, tmp_path):
    source = camera(tmp_path / "a.tif", deep=True)

    with pytest.raises(InvalidFrameError, match="wrong_depth"):
        engine.build(source, tmp_path / "b.tif", bands=Bands.CIR, profile=LOSSLESS, provenance={}, area=None)
