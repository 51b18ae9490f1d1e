"""Small pictures of raw scans: recognizable whatever the file holds, and never at the cost of the task that asks for them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import MIB, Limits
from cogmill.domain.errors import InvalidFrameError, Reason
from osgeo import gdal

from tests.cogmill.cog.engine_scenes import photograph

SIDE = 256


def scan(
    path: Path, pixels: np.ndarray, *options: str, depth: int = gdal.GDT_Byte, palette: list | None = None
) -> Path:
    """Write a TIFF without a position; pixels have shape (rows, columns) or (bands, rows, columns)."""
    gdal.UseExceptions()
    bands, rows, columns = (1, *pixels.shape)[-3:]
    file = gdal.GetDriverByName("GTiff").Create(str(path), columns, rows, bands, depth, list(options))
    if palette:
        table = gdal.ColorTable()
        for value, color in enumerate(palette):
            table.SetColorEntry(value, color)
        file.GetRasterBand(1).SetColorTable(table)
    file.WriteArray(pixels)
    file.Close() if hasattr(file, "Close") else file.FlushCache()
    del file
    return path


def draw(engine: Engine, source: Path) -> np.ndarray:
    """Return the picture, shape (rows, columns, 3), red first."""
    target = source.with_suffix(".webp")
    drawn = engine.draw(source, target, SIDE)
    assert drawn.path == str(target)
    assert target.read_bytes()[8:12] == b"WEBP"
    return cv2.imread(str(target))[..., ::-1]


def smaller(pixels: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)


def test_a_gray_scan_without_a_position_is_averaged(engine, tmp_path):
    pixels = photograph(1024, 2048)

    picture = draw(engine, scan(tmp_path / "a.tif", pixels, "TILED=YES"))

    assert picture.shape == (128, 256, 3)
    assert np.abs(picture[..., 0].astype(int) - smaller(pixels, 128, 256)).mean() < 4


def test_a_small_scan_is_not_made_larger(engine, tmp_path):
    source = scan(tmp_path / "a.tif", photograph(40, 30))

    assert draw(engine, source).shape == (40, 30, 3)
    assert engine.draw(source, tmp_path / "b.webp", SIDE).height == 40


def test_colors_and_palettes_keep_their_order(engine, tmp_path):
    red = np.zeros((3, 300, 300), np.uint8)
    red[0] = 220

    for source in (
        scan(tmp_path / "rgb.tif", red),
        scan(tmp_path / "rgbn.tif", np.concatenate([red, red[:1]])),
        scan(tmp_path / "palette.tif", np.ones((300, 300), np.uint8), palette=[(0, 0, 0, 255), (220, 0, 0, 255)]),
    ):
        r, g, b = draw(engine, source).reshape(-1, 3).mean(axis=0)
        assert r > 200, source
        assert max(g, b) < 30, source


@pytest.mark.parametrize("depth", [gdal.GDT_UInt16, gdal.GDT_Int16, gdal.GDT_UInt32, gdal.GDT_Float32])
def test_deeper_samples_are_spread_over_the_gray_levels(engine, tmp_path, depth):
    ramp = np.linspace(300, 4000, 512).astype(np.uint16)[None].repeat(512, 0)

    picture = draw(engine, scan(tmp_path / "a.tif", ramp, depth=depth))[..., 0]

    assert picture[:, 0].mean() < 12
    assert picture[:, -1].mean() > 243


def test_few_bits_and_white_zeros_are_seen_as_they_are(engine, tmp_path):
    halves = np.repeat(np.array([[0, 1]], np.uint8), 200, 1).repeat(400, 0)

    black, white = draw(engine, scan(tmp_path / "a.tif", halves, "NBITS=1"))[100, [10, 240], 0]
    assert (black < 10, white > 245) == (True, True)
    white, black = draw(engine, scan(tmp_path / "b.tif", halves * 255, "PHOTOMETRIC=MINISWHITE"))[100, [10, 240], 0]
    assert (black < 10, white > 245) == (True, True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"II*\0", Reason.TRUNCATED),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), Reason.NOT_A_GEOTIFF),
        (b"<VRTDataset rasterXSize='1' rasterYSize='1'/>", Reason.NOT_A_GEOTIFF),
    ],
)
def test_what_is_no_scan_is_rejected(engine, tmp_path, body, reason):
    source = tmp_path / "a.tif"
    source.write_bytes(body)

    with pytest.raises(InvalidFrameError) as raised:
        engine.draw(source, tmp_path / "a.webp", SIDE)

    assert raised.value.reason == reason
    assert not (tmp_path / "a.webp").exists()


def test_a_scan_that_ends_early_is_rejected(engine, tmp_path):
    source = scan(tmp_path / "a.tif", photograph(600, 600), "TILED=YES", "COMPRESS=LZW")
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])

    with pytest.raises(InvalidFrameError):
        engine.draw(source, tmp_path / "a.webp", SIDE)


def test_complex_samples_are_rejected(engine, tmp_path):
    source = scan(tmp_path / "a.tif", np.ones((50, 50), np.complex64), depth=gdal.GDT_CFloat32)

    with pytest.raises(InvalidFrameError) as raised:
        engine.draw(source, tmp_path / "a.webp", SIDE)

    assert raised.value.reason == Reason.WRONG_DEPTH


def test_a_huge_scan_is_drawn_in_bounded_memory_or_rejected_before_it_is_read(tmp_path):
    source = tmp_path / "a.tif"
    gdal.GetDriverByName("GTiff").Create(str(source), 20_000, 20_000, 1, gdal.GDT_Byte, ["SPARSE_OK=TRUE"]).FlushCache()

    with Engine(Limits(memory_bytes=400 * MIB)) as engine:
        drawn = engine.draw(source, tmp_path / "a.webp", SIDE)
        assert (drawn.width, drawn.height) == (20_000, 20_000)
        assert drawn.peak_rss < 300 * MIB
    with Engine(Limits(side_px=10_000)) as engine, pytest.raises(InvalidFrameError) as raised:
        engine.draw(source, tmp_path / "b.webp", SIDE)
    assert raised.value.reason == Reason.TOO_LARGE
