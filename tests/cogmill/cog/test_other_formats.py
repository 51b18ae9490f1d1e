"""JPEG 2000 and ERDAS IMAGINE where the site takes them: the frame lies where gdalwarp puts the same file, and nothing else is opened."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest
from cogmill.cog.fingerprint import build_fingerprint, possible_fingerprints
from cogmill.cog.profiles import PROFILES, Scaling
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import InvalidFrameError, ServiceUnavailableError
from cogmill.domain.layout import TEXAS, use_layout
from cogmill.domain.layout.formats import Format
from cogmill.domain.model import Bands
from osgeo import gdal

from tests.cogmill.cog.engine_scenes import colour, read_cog, upload
from tests.cogmill.cog.warp.test_position import MOST_PX, shift, smooth

BW = dataclasses.replace(PROFILES["bw"], collar=False)
COLOR = dataclasses.replace(PROFILES["archive_zstd"], collar=False)
LOSSLESS = ("REVERSIBLE=YES", "QUALITY=100")
WRITERS = {
    "jp2, lossless": ("jp2", "JP2OpenJPEG", LOSSLESS),
    "jp2, lossless, tiled": ("jp2", "JP2OpenJPEG", (*LOSSLESS, "BLOCKXSIZE=256", "BLOCKYSIZE=256")),
    "jp2, GMLJP2 alone": ("jp2", "JP2OpenJPEG", (*LOSSLESS, "GeoJP2=NO", "GMLJP2=YES")),
    "jp2, GeoJP2 alone": ("jp2", "JP2OpenJPEG", (*LOSSLESS, "GeoJP2=YES", "GMLJP2=NO")),
    "img": ("img", "HFA", ()),
    "img, compressed": ("img", "HFA", ("COMPRESSED=YES",)),
}
TURNED = {"degrees": 11, "gsd": 2.0}


@pytest.fixture(autouse=True)
def _takes_both():
    """Let this process, and the workers that it starts, work for a site that takes both formats."""
    use_layout(TEXAS, formats=Format)
    yield
    use_layout(TEXAS)


def written(tiff: Path, name: str) -> Path:
    """Write what a TIFF holds in another format."""
    ending, driver, options = WRITERS[name]
    target = tiff.with_suffix(f".{ending}")
    gdal.Translate(str(target), str(tiff), format=driver, creationOptions=list(options))
    tiff.unlink()
    return target


def build(engine, source: Path, bands=Bands.BW, profile=BW):
    return engine.build(source, source.with_suffix(".out"), bands=bands, profile=profile, provenance={}, area=None)


def reason(engine, source: Path) -> tuple[str, str]:
    with pytest.raises(InvalidFrameError) as rejected:
        build(engine, source)
    return str(rejected.value.reason), rejected.value.detail


def warped(source: Path, like: gdal.Dataset) -> np.ndarray:
    """Return what gdalwarp makes of a file in the grid of a COG."""
    left, right, _, top, _, down = like.GetGeoTransform()
    bounds = (left, top + down * like.RasterYSize, left + right * like.RasterXSize, top)
    return gdal.Warp(
        "", str(source), format="MEM", dstSRS="EPSG:3857", outputBounds=bounds, width=like.RasterXSize,
        height=like.RasterYSize, resampleAlg="bilinear", errorThreshold=0, warpOptions=["INIT_DEST=0", "SAMPLE_GRID=YES"],
    ).ReadAsArray()  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_lies_where_gdalwarp_puts_it(engine, tmp_path, name):
    source = written(upload(tmp_path / "a.tif", smooth(), **TURNED), name)

    cog = build(engine, source)

    like = gdal.Open(cog.path)
    found, truth = like.ReadAsArray(), warped(source, like)
    valid = (like.GetRasterBand(1).GetMaskBand().ReadAsArray() != 0) & (truth != 0)
    valid = cv2.erode(valid.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0) != 0
    assert valid.mean() > 0.2
    assert shift(found, truth, valid) <= MOST_PX
    assert np.abs(found[valid].astype(int) - truth[valid]).mean() < 1


@pytest.mark.parametrize("name", ["jp2, lossless", "jp2, lossless, tiled", "img", "img, compressed"])
@pytest.mark.parametrize("bands", [Bands.BW, Bands.NC])
def test_has_the_pixels_of_the_same_picture_as_tiff(engine, tmp_path, name, bands):
    tiff = upload(tmp_path / "a.tif", colour(400, 500) if bands is Bands.NC else smooth(), gsd=2.0)
    profile = COLOR if bands is Bands.NC else BW
    wanted = read_cog(build(engine, tiff, bands, profile).path)

    found = read_cog(build(engine, written(tiff, name), bands, profile).path)

    assert all((one == other).all() for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("name", ["jp2, lossless", "img"])
def test_scales_more_than_8_bits_as_declared(engine, tmp_path, name):
    source = written(upload(tmp_path / "a.tif", smooth().astype(np.uint16) * 16, **TURNED), name)
    assert reason(engine, source)[0] == "wrong_depth"

    cog = build(engine, source, profile=dataclasses.replace(BW, scaling=Scaling(0, 4080)))

    like = gdal.Open(cog.path)
    valid = cv2.erode(like.GetRasterBand(1).GetMaskBand().ReadAsArray(), np.ones((9, 9), np.uint8), borderValue=0) != 0
    assert np.abs(like.ReadAsArray()[valid] - warped(source, like)[valid] / 16).mean() < 1


def test_masks_by_the_alpha_band_of_a_jp2(engine, tmp_path):
    alpha = np.full((400, 500), 255, np.uint8)
    alpha[100:200, 50:150] = 0
    picture = np.concatenate([colour(400, 500), alpha[None]])
    options = ("PHOTOMETRIC=RGB", "ALPHA=YES")
    tiff = upload(tmp_path / "a.tif", picture, options=options, epsg=3857)

    _, mask = read_cog(build(engine, written(tiff, "jp2, lossless"), Bands.NC, COLOR).path)

    assert (mask == alpha).all()


def test_masks_by_the_nodata_value_of_an_img(engine, tmp_path):
    picture = smooth()
    picture[:, :60] = 0
    tiff = upload(tmp_path / "a.tif", picture, epsg=3857, nodata=0)

    _, mask = read_cog(build(engine, written(tiff, "img")).path)

    assert not mask[:, :60].any()
    assert mask[:, 60:].all()


@pytest.mark.parametrize(
    ("name", "share", "expected"),
    [
        ("jp2, lossless", 0.5, ("unreadable_block", "segment too long")),
        ("jp2, lossless", 0.001, ("not_a_geotiff", "ends too early")),
        ("img", 0.5, ("not_a_geotiff", "ends too early")),
        ("img, compressed", 0.001, ("not_a_geotiff", "ends too early")),
    ],
)
def test_rejects_a_file_that_ends_too_early(engine, tmp_path, name, share, expected):
    source = written(upload(tmp_path / "a.tif", smooth(), **TURNED), name)
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * share)])

    found, detail = reason(engine, source)

    assert found == expected[0]
    assert expected[1] in detail
    assert "\n" not in detail.strip()


@pytest.mark.parametrize("name", ["jp2, lossless", "img"])
def test_says_what_a_file_without_a_position_lacks(engine, tmp_path, name):
    source = written(upload(tmp_path / "a.tif", smooth(), epsg=None, georeferenced=False), name)

    assert reason(engine, source) == ("not_georeferenced", "no geotransform in the file")


def test_rejects_an_img_whose_pixels_lie_in_another_file(engine, tmp_path):
    tiff = upload(tmp_path / "a.tif", smooth(), **TURNED)
    gdal.Translate(str(tmp_path / "a.img"), str(tiff), format="HFA", creationOptions=["USE_SPILL=YES"])
    assert (tmp_path / "a.ige").exists()

    assert reason(engine, tmp_path / "a.img") == (
        "not_a_geotiff", "its pixels lie in another file (a.ige), which is not read: export it as one file",
    )  # fmt: skip


def test_needs_no_pyramids_beside_an_img(engine, tmp_path):
    source = written(upload(tmp_path / "a.tif", smooth(), **TURNED), "img")
    before = build(engine, source).sha256
    gdal.SetConfigOption("HFA_USE_RRD", "YES")
    gdal.Open(str(source), gdal.GA_Update).BuildOverviews("AVERAGE", [2, 4])
    gdal.SetConfigOption("HFA_USE_RRD", None)
    assert (tmp_path / "a.rrd").exists()

    assert build(engine, source).sha256 == before


@pytest.mark.parametrize(("name", "other"), [("jp2, lossless", "img"), ("img", "jp2"), ("jp2, lossless", "tif")])
def test_opens_a_file_with_the_driver_of_its_ending_only(engine, tmp_path, name, other):
    source = written(upload(tmp_path / "a.tif", smooth(), **TURNED), name)
    source = source.rename(source.with_suffix(f".{other}"))

    found, detail = reason(engine, source)

    assert found == "not_a_geotiff"
    assert "does not begin like" in detail


@pytest.mark.parametrize(
    ("name", "taken"), [("jp2, lossless", []), ("img", []), ("jp2, lossless", [Format.IMG]), ("img", [Format.JP2])]
)
def test_a_worker_of_another_site_has_no_driver_for_it(tmp_path, name, taken):
    source = written(upload(tmp_path / "a.tif", smooth(), **TURNED), name)
    use_layout(TEXAS, formats=taken)
    with (
        Engine(Limits()) as plain,
        pytest.raises(ServiceUnavailableError, match=f"GDAL has no driver {WRITERS[name][1]}"),
    ):
        build(plain, source)


@pytest.mark.parametrize("name", ["jp2, lossless", "img"])
def test_limits_hold_before_anything_is_decoded(tmp_path, name):
    source = written(upload(tmp_path / "a.tif", smooth(), **TURNED), name)
    for limits in (Limits(side_px=100), Limits(decoded_bytes=10_000)):
        with Engine(limits) as small:
            assert reason(small, source)[0] == "too_large"


def test_a_position_that_names_an_address_asks_nobody(engine, tmp_path):
    source = written(upload(tmp_path / "a.tif", smooth(), **TURNED), "jp2, GMLJP2 alone")
    body, name = source.read_bytes(), b"urn:ogc:def:crs:EPSG::26914"
    assert name in body
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/".encode()
        source.write_bytes(body.replace(name, address.ljust(len(name), b"x")))

        assert reason(engine, source)[0] == "no_crs"

        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_fingerprint_names_the_library_that_decodes_a_jp2():
    assert build_fingerprint(BW, Format.JP2) != build_fingerprint(BW)
    assert build_fingerprint(BW, Format.IMG) == build_fingerprint(BW)  # libgdal itself reads it
    assert build_fingerprint(BW, Format.JP2) in possible_fingerprints(BW, Format.JP2)
    assert build_fingerprint(BW, Format.JP2) not in possible_fingerprints(BW)
