from __future__ import annotations

import contextlib
import dataclasses
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES, Nodata, Profile, Scaling
from cogmill.cog.sandbox.engine import Engine
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands
from osgeo import gdal, osr

from tests.cogmill.cog.engine_scenes import AREA, colour, photograph, read_cog, upload

BW = dataclasses.replace(PROFILES["bw"], collar=False)
NC = dataclasses.replace(PROFILES["archive_zstd"], collar=False)


def build(engine: Engine, source: Path, bands: Bands = Bands.BW, profile: Profile | None = None):
    chosen = profile or (BW if bands is Bands.BW else NC)
    return engine.build(source, source.with_suffix(".out"), bands=bands, profile=chosen, provenance={}, area=AREA)


def grey(side: int = 400) -> np.ndarray:
    return photograph(side, side)


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path) -> Path:
    path.write_text("not a picture\n" * 100, encoding="ascii")
    return path


def vrt(path: Path) -> Path:
    other = upload(path.with_name("other.tif"), grey(), epsg=3857)
    gdal.Translate(str(path), str(other), format="VRT")
    return path


def raw_band(path: Path) -> Path:
    path.write_text(
        '<VRTDataset rasterXSize="20" rasterYSize="20"><VRTRasterBand dataType="Byte" band="1" '
        'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="0">/etc/passwd</SourceFilename>'
        "</VRTRasterBand></VRTDataset>",
        encoding="ascii",
    )
    return path


def tile_index(path: Path) -> Path:
    path.write_text("<GDALTileIndexDataset><IndexDataset>/etc/passwd</IndexDataset></GDALTileIndexDataset>", "ascii")
    return path


def other_format(driver: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        source = upload(path.with_name("source.tif"), grey(), epsg=3857)
        gdal.Translate(str(path), str(source), format=driver)
        path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)
        return path

    return make


def half_a_header(path: Path) -> Path:
    path.write_bytes(b"II*\0\x08")
    return path


def directory_behind_the_end(path: Path) -> Path:
    path.write_bytes(b"II*\0" + struct.pack("<I", 5000) + bytes(100))
    return path


def truncated(path: Path, share: float = 0.6) -> Path:
    upload(path, grey(1200), options=("TILED=YES",))
    os.truncate(path, int(path.stat().st_size * share))
    return path


def truncated_strips(path: Path) -> Path:
    upload(path, grey(1200), options=())
    os.truncate(path, path.stat().st_size * 9 // 10)
    return path


def damaged_block(path: Path) -> Path:
    upload(path, grey(900))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(range(200, 250)) * 80
    path.write_bytes(content)
    return path


def directory_loop(path: Path) -> Path:
    upload(path, grey())
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    path.write_bytes(content)
    return path


def film_codec(path: Path) -> Path:
    """Write a picture whose directory claims PixarLog."""
    upload(path, grey(), options=("COMPRESS=DEFLATE",))
    return claims_codec(path, 0)


def film_codec_of_an_overview(path: Path) -> Path:
    upload(path, grey(600), options=("COMPRESS=DEFLATE",))
    gdal.Open(str(path), gdal.GA_Update).BuildOverviews("NEAREST", [2])
    return claims_codec(path, 1)


def claims_codec(path: Path, page: int, codec: int = 32909) -> Path:
    """Change the tag Compression of a page of a little-endian TIFF."""
    content = bytearray(path.read_bytes())
    at = 4
    for _ in range(page + 1):
        (directory,) = struct.unpack_from("<I", content, at)
        (count,) = struct.unpack_from("<H", content, directory)
        at = directory + 2 + 12 * count
    tags = range(directory + 2, at, 12)
    (compression,) = (tag for tag in tags if struct.unpack_from("<H", content, tag) == (259,))
    struct.pack_into("<H", content, compression + 8, codec)
    path.write_bytes(content)
    return path


def no_crs(path: Path) -> Path:
    return upload(path, grey(), epsg=None)


def local_crs(path: Path) -> Path:
    upload(path, grey(), epsg=None)
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.SetProjection('LOCAL_CS["somewhere",UNIT["metre",1]]')
    dataset.FlushCache()
    return path


def no_geotransform(path: Path) -> Path:
    return upload(path, grey(), georeferenced=False)


def control_points_only(path: Path) -> Path:
    upload(path, grey(), georeferenced=False, epsg=None)
    dataset = gdal.Open(str(path), gdal.GA_Update)
    points = [gdal.GCP(-97 + x, 30 + y, 0, 100 * x, 100 * y) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(4326)
    dataset.SetGCPs(points, srs)
    dataset.FlushCache()
    return path


def flat_geotransform(path: Path) -> Path:
    return upload(path, grey(), geotransform=(600000, 1, 0, 3300000, 0, 0))


def three_bands(path: Path) -> Path:
    return upload(path, colour(300, 300))


def five_bands(path: Path) -> Path:
    return upload(path, np.stack([grey()] * 5))


def many_bands(path: Path) -> Path:
    return upload(path, np.zeros((65_000, 1, 1), np.uint8), options=())


def two_pictures(path: Path) -> Path:
    return upload(path, np.stack([grey(), grey()]), options=("ALPHA=NO",))


def deep(path: Path) -> Path:
    return upload(path, grey().astype(np.uint16) * 16)


def floating(path: Path) -> Path:
    return upload(path, grey().astype(np.float32))


def black(path: Path) -> Path:
    return upload(path, np.zeros((400, 400), np.uint8))


def all_nodata(path: Path) -> Path:
    return upload(path, np.full((400, 400), 7, np.uint8), nodata=7)


def bomb(path: Path) -> Path:
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), 60_000, 60_000, 1, gdal.GDT_Byte, ["COMPRESS=DEFLATE", "TILED=YES", "SPARSE_OK=TRUE"]
    )
    dataset.SetGeoTransform((600000, 0.1, 0, 3300000, 0, -0.1))
    dataset.FlushCache()
    return path


def huge_tag(path: Path) -> Path:
    """Claim that the description has 2 GiB of text, and that the block index has 4 billion entries."""
    upload(path, grey())
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    for at in range(first + 2, first + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, at)[0] in (324, 325):
            struct.pack_into("<I", content, at + 4, 0xFFFFFFF0)
    path.write_bytes(content)
    return path


def ocean_of_nothing(path: Path) -> Path:
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), 200_000, 200_000, 1, gdal.GDT_Byte, ["TILED=YES", "SPARSE_OK=TRUE", "BIGTIFF=YES"]
    )
    dataset.SetGeoTransform((600000, 0.1, 0, 3300000, 0, -0.1))
    dataset.FlushCache()
    return path


def too_wide(path: Path) -> Path:
    return upload(path, np.zeros((1, 60_001), np.uint8))


def algeria(path: Path) -> Path:
    return upload(path, grey(), epsg=3857, origin=(620_000, 3_350_000))


def off_the_earth(path: Path) -> Path:
    return upload(path, grey(), epsg=4326, origin=(-97, 3_350_000))


def impossible_utm(path: Path) -> Path:
    return upload(path, grey(), epsg=26914, origin=(9e12, 9e12))


def endless_longitude(path: Path) -> Path:
    return upload(path, grey(), epsg=4326, geotransform=(-1e53, 1, 0, 0, 0, -1))


def nad27(path: Path) -> Path:
    return upload(path, grey(), epsg=4267)


def unknown_datum(path: Path) -> Path:
    upload(path, grey(), epsg=4326)
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.SetProjection(
        'GEOGCS["Old Texas",DATUM["Somebody_1901",SPHEROID["Clarke 1866",6378206.4,294.978698213898]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
    )
    dataset.FlushCache()
    return path


REJECTED = [
    (empty, Reason.EMPTY),
    (text, Reason.NOT_A_GEOTIFF),
    (vrt, Reason.NOT_A_GEOTIFF),
    (raw_band, Reason.NOT_A_GEOTIFF),
    (tile_index, Reason.NOT_A_GEOTIFF),
    (other_format("PNG"), Reason.NOT_A_GEOTIFF),
    (other_format("JPEG"), Reason.NOT_A_GEOTIFF),
    (other_format("NITF"), Reason.NOT_A_GEOTIFF),
    (film_codec, Reason.NOT_A_GEOTIFF),
    (film_codec_of_an_overview, Reason.NOT_A_GEOTIFF),
    (half_a_header, Reason.TRUNCATED),
    (directory_behind_the_end, Reason.TRUNCATED),
    (truncated, Reason.TRUNCATED),
    (truncated_strips, Reason.TRUNCATED),
    (damaged_block, Reason.UNREADABLE_BLOCK),
    (no_crs, Reason.NO_CRS),
    (local_crs, Reason.NO_CRS),
    (no_geotransform, Reason.NOT_GEOREFERENCED),
    (control_points_only, Reason.NOT_GEOREFERENCED),
    (flat_geotransform, Reason.NOT_GEOREFERENCED),
    (three_bands, Reason.WRONG_BANDS),
    (five_bands, Reason.WRONG_BANDS),
    (many_bands, Reason.WRONG_BANDS),
    (two_pictures, Reason.WRONG_BANDS),
    (deep, Reason.WRONG_DEPTH),
    (floating, Reason.WRONG_DEPTH),
    (black, Reason.ALL_BLANK),
    (all_nodata, Reason.ALL_BLANK),
    (bomb, Reason.TOO_LARGE),
    (too_wide, Reason.TOO_LARGE),
    (ocean_of_nothing, Reason.TOO_LARGE),
    (algeria, Reason.OUTSIDE_AREA),
    (off_the_earth, Reason.OUTSIDE_AREA),
    (impossible_utm, Reason.OUTSIDE_AREA),
    (endless_longitude, Reason.OUTSIDE_AREA),
    (nad27, Reason.NO_TRANSFORMATION),
    (unknown_datum, Reason.NO_TRANSFORMATION),
]


@pytest.mark.parametrize(("make", "reason"), REJECTED, ids=[f"{make.__name__}-{reason}" for make, reason in REJECTED])
def test_rejects_with_one_reason_when_the_upload_is_bad(engine, tmp_path, make, reason):
    source = make(tmp_path / "a.tif")

    with pytest.raises(InvalidFrameError) as rejection:
        build(engine, source)

    assert (rejection.value.reason, rejection.value.detail != "") == (reason, True), rejection.value.detail
    assert not source.with_suffix(".out").exists()


def test_rejects_grey_when_it_lies_below_nc(engine, tmp_path):
    with pytest.raises(InvalidFrameError, match="wrong_bands"):
        build(engine, upload(tmp_path / "a.tif", grey()), Bands.NC)


def test_names_the_transformation_when_it_is_too_inaccurate(engine, tmp_path):
    with pytest.raises(InvalidFrameError, match=r"NAD27 to WGS 84 .* accurate to \d+ m"):
        build(engine, nad27(tmp_path / "a.tif"))


def test_refuses_a_ballpark_operation_by_name(engine, tmp_path):
    with pytest.raises(InvalidFrameError, match=r"Ballpark.*a guess"):
        build(engine, unknown_datum(tmp_path / "a.tif"))


def test_ignores_files_beside_the_upload(engine, tmp_path):
    source = upload(tmp_path / "a.tif", grey(), epsg=None, georeferenced=False)
    (tmp_path / "a.tfw").write_text("1\n0\n0\n-1\n600000\n3300000\n", encoding="ascii")
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:3857</SRS><GeoTransform>0,1,0,0,0,-1</GeoTransform></PAMDataset>", encoding="ascii"
    )

    with pytest.raises(InvalidFrameError, match="not_georeferenced"):
        build(engine, source)


def test_reads_the_first_directory_when_the_directories_form_a_loop(engine, tmp_path):
    build(engine, directory_loop(tmp_path / "a.tif"))


def test_survives_an_index_that_claims_billions_of_blocks(engine, tmp_path):
    with contextlib.suppress(InvalidFrameError):  # older versions of libtiff refuse it, newer ones read what they need
        build(engine, huge_tag(tmp_path / "a.tif"))


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("COMPRESS=LZW", "PREDICTOR=2"),
        ("COMPRESS=PACKBITS",),
        ("TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"),
        ("COMPRESS=ZSTD", "BIGTIFF=YES"),
        ("ENDIANNESS=BIG",),
        ("BLOCKYSIZE=1",),
    ],
    ids=",".join,
)
def test_reads_the_same_pixels_when_the_layout_differs(engine, tmp_path, options):
    picture = grey()

    cog = build(engine, upload(tmp_path / "a.tif", picture, epsg=3857, options=options))

    assert np.array_equal(read_cog(cog.path)[0][0], picture)


@pytest.mark.parametrize("interleave", ["BAND", "PIXEL"])
def test_reads_colour_when_planes_are_separate_or_interleaved(engine, tmp_path, interleave):
    picture = colour(300, 500)

    cog = build(engine, upload(tmp_path / "a.tif", picture, epsg=3857, options=(f"INTERLEAVE={interleave}",)), Bands.NC)

    assert np.array_equal(read_cog(cog.path)[0], picture)


def test_turns_alpha_into_the_mask(engine, tmp_path):
    alpha = np.full((400, 400), 255, np.uint8)
    alpha[:100] = 0

    cog = build(engine, upload(tmp_path / "a.tif", np.stack([grey(), alpha]), epsg=3857, options=("ALPHA=YES",)))

    assert np.array_equal(read_cog(cog.path)[1], alpha)


def test_drops_near_infrared_when_a_fourth_band_is_no_alpha(engine, tmp_path):
    picture = colour(300, 300)
    four = np.concatenate([picture, picture[:1]])

    cog = build(engine, upload(tmp_path / "a.tif", four, epsg=3857, options=("ALPHA=NO", "PHOTOMETRIC=RGB")), Bands.NC)

    data, mask = read_cog(cog.path)
    assert np.array_equal(data, picture)
    assert mask.all()


@pytest.mark.parametrize("count", [3, 4])
def test_shows_infrared_as_red_below_a_folder_of_infrared(engine, tmp_path, count):
    nir, red, green = colour(300, 300)
    bands = [nir, red, green] if count == 3 else [red, green, 255 - green, nir]
    options = ("ALPHA=NO", "PHOTOMETRIC=RGB")

    cog = build(engine, upload(tmp_path / "a.tif", np.stack(bands), epsg=3857, options=options), Bands.CIR)

    data, mask = read_cog(cog.path)
    assert np.array_equal(data, np.stack([nir, red, green]))
    assert mask.all()


def test_keeps_an_internal_mask(engine, tmp_path):
    mask = np.full((400, 400), 255, np.uint8)
    mask[150:200, 100:300] = 0

    cog = build(engine, upload(tmp_path / "a.tif", grey(), epsg=3857, mask=mask))

    assert np.array_equal(read_cog(cog.path)[1], mask)


def test_masks_nodata_at_the_edge_only_when_nothing_else_is_declared(engine, tmp_path):
    picture = grey()
    picture[:40] = picture[:, :40] = 0
    picture[200:240, 200:240] = 0
    source = upload(tmp_path / "a.tif", picture, epsg=3857, nodata=0)

    edge = read_cog(build(engine, source).path)[1]
    everywhere = dataclasses.replace(BW, nodata=Nodata.EVERYWHERE)
    holes = read_cog(build(engine, source, profile=everywhere).path)[1]

    assert edge[200:240, 200:240].all()
    assert not edge[:40].any()
    assert np.array_equal(holes == 0, picture == 0)


def test_ignores_a_nodata_value_that_no_pixel_can_have(engine, tmp_path):
    cog = build(engine, upload(tmp_path / "a.tif", grey(), epsg=3857, nodata=256))

    assert read_cog(cog.path)[1].all()


def test_resolves_a_palette(engine, tmp_path):
    picture = grey()
    shades = np.stack([np.arange(256)[::-1]] * 3, axis=1)

    cog = build(engine, upload(tmp_path / "a.tif", picture, epsg=3857, palette=shades))

    assert np.array_equal(read_cog(cog.path)[0][0], 255 - picture)


def test_resolves_a_palette_of_colours_below_nc_only(engine, tmp_path):
    colours = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 9)], axis=1)
    picture = grey()
    source = upload(tmp_path / "a.tif", picture, epsg=3857, palette=colours)

    cog = build(engine, source, Bands.NC)

    assert np.array_equal(read_cog(cog.path)[0], colours[picture].transpose(2, 0, 1))
    with pytest.raises(InvalidFrameError, match="wrong_bands"):
        build(engine, source)


def test_stretches_bilevel_to_black_and_white(engine, tmp_path):
    picture = (grey() > 120).astype(np.uint8)

    cog = build(engine, upload(tmp_path / "a.tif", picture, epsg=3857, options=("NBITS=1", "COMPRESS=CCITTFAX4")))

    assert np.array_equal(read_cog(cog.path)[0][0], picture * 255)


def test_inverts_when_white_is_zero(engine, tmp_path):
    picture = grey()

    cog = build(engine, upload(tmp_path / "a.tif", picture, epsg=3857, options=("PHOTOMETRIC=MINISWHITE",)))

    assert np.array_equal(read_cog(cog.path)[0][0], 255 - picture)


def test_scales_16_bit_by_the_declared_rule_and_refuses_values_outside(engine, tmp_path):
    picture = grey()
    source = upload(tmp_path / "a.tif", picture.astype(np.uint16) * 16, epsg=3857)

    cog = build(engine, source, profile=dataclasses.replace(BW, scaling=Scaling(0, 4080)))

    assert np.array_equal(read_cog(cog.path)[0][0], picture)
    with pytest.raises(InvalidFrameError, match=r"wrong_depth.*outside the declared scaling"):
        build(engine, source, profile=dataclasses.replace(BW, scaling=Scaling(0, 1000)))


def test_counts_valid_pixels_alone_when_16_bit_is_scaled(engine, tmp_path):
    values = grey().astype(np.uint16) * 8 + 1000
    values[:40] = 0
    profile = dataclasses.replace(BW, scaling=Scaling(900, 4080))

    build(engine, upload(tmp_path / "a.tif", values, epsg=3857, nodata=0), profile=profile)

    with pytest.raises(InvalidFrameError, match=r"wrong_depth.*outside the declared scaling"):
        build(engine, upload(tmp_path / "b.tif", values, epsg=3857), profile=profile)
