"""Rasters as other programs and other archives make them: several pages, odd datums, odd pixels, maps that JPEG cannot carry."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.domain.errors import ADVICE, InvalidFrameError, Reason
from cogmill.domain.model import Bands
from osgeo import gdal, osr

from tests.cogmill.cog.engine_scenes import colour, photograph, read_cog, upload

BW = dataclasses.replace(PROFILES["bw"], collar=False)
NC = dataclasses.replace(PROFILES["nc"], collar=False)


def build(engine: Engine, source: Path, profile=BW, bands: Bands = Bands.BW):
    return engine.build(source, source.with_suffix(".out"), bands=bands, profile=profile, provenance={}, area=None)


def tag(cog) -> str | None:
    return gdal.Open(cog.path).GetMetadataItem("COGMILL_ADJUSTMENTS")


def choropleth(height: int = 475, width: int = 968) -> np.ndarray:
    """Return a map of saturated colors with sharp edges and thin lines, shape (3, height, width)."""
    rng = np.random.default_rng(7)
    colors = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)], np.uint8)
    county = rng.integers(0, len(colors), (height // 9 + 1, width // 9 + 1)).repeat(9, 0).repeat(9, 1)[:height, :width]
    picture = colors[county]
    picture[::3, ::2] = (255, 0, 0)
    picture[1::3, 1::2] = (0, 0, 255)
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


def test_a_map_that_jpeg_cannot_carry_gets_a_lossless_cog(engine, tmp_path):
    picture = choropleth()

    cog = build(engine, upload(tmp_path / "a.tif", picture, epsg=3857), NC, Bands.NC)

    assert (cog.adjustments, tag(cog)) == ("lossless", "lossless")
    assert np.array_equal(read_cog(cog.path)[0], picture)
    assert gdal.Info(cog.path, format="json")["metadata"]["IMAGE_STRUCTURE"]["COMPRESSION"] == "DEFLATE"


def test_a_single_row_of_colors_gets_a_lossless_cog(engine, tmp_path):
    picture = np.random.default_rng(1).integers(0, 256, (3, 1, 450)).astype(np.uint8)

    cog = build(engine, upload(tmp_path / "a.tif", picture, epsg=3857), NC, Bands.NC)

    assert cog.adjustments == "lossless"
    assert np.array_equal(read_cog(cog.path)[0], picture)


def test_a_photograph_stays_jpeg(engine, tmp_path):
    cog = build(engine, upload(tmp_path / "a.tif", colour(400, 400), epsg=3857), NC, Bands.NC)

    assert (cog.adjustments, tag(cog)) == ("", None)
    assert gdal.Info(cog.path, format="json")["metadata"]["IMAGE_STRUCTURE"]["COMPRESSION"] == "YCbCr JPEG"


def pages(path: Path, *pictures: np.ndarray, epsg: int = 3857) -> Path:
    """Write a TIFF of several pages, each with its own position."""
    for number, picture in enumerate(pictures):
        part = upload(path.with_name(f"page{number}.tif"), picture, epsg=epsg, gsd=4000 / picture.shape[1], options=())
        options = ["APPEND_SUBDATASET=YES"] if number else []
        gdal.GetDriverByName("GTiff").CreateCopy(str(path), gdal.Open(str(part)), options=options)
    return path


def test_takes_the_picture_and_not_the_thumbnail_before_it(engine, tmp_path):
    picture = photograph(800, 800)

    cog = build(engine, pages(tmp_path / "a.tif", photograph(80, 80), picture))

    assert np.array_equal(read_cog(cog.path)[0][0], picture)
    assert (cog.width, cog.adjustments) == (800, "page_2")


def test_takes_the_picture_before_its_thumbnail(engine, tmp_path):
    picture = photograph(800, 800)

    cog = build(engine, pages(tmp_path / "a.tif", picture, photograph(80, 80)))

    assert np.array_equal(read_cog(cog.path)[0][0], picture)
    assert cog.adjustments == ""


def test_asks_for_single_files_when_several_pages_are_pictures(engine, tmp_path):
    with pytest.raises(InvalidFrameError, match=r"several_pages: 2 pages of 400 x 400, 390 x 390 px"):
        build(engine, pages(tmp_path / "a.tif", photograph(400, 400), photograph(390, 390)))


def test_overviews_are_no_pages(engine, tmp_path):
    source = upload(tmp_path / "a.tif", photograph(800, 800), epsg=3857)
    dataset = gdal.Open(str(source), gdal.GA_Update)
    dataset.BuildOverviews("AVERAGE", [2, 4])
    del dataset

    assert build(engine, source).width == 800


def with_wkt(path: Path, wkt: str, **scene) -> Path:
    upload(path, photograph(400, 400), **scene)
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.SetProjection(wkt)
    dataset.FlushCache()
    return path


def utm(datum: str, axis: float = 6378137, flattening: float = 298.257223563) -> str:
    return (
        f'PROJCS["UTM Zone 14, Northern Hemisphere",GEOGCS["a system",DATUM["{datum}",SPHEROID["an ellipsoid",{axis},{flattening}]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
        'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",-99],PARAMETER["scale_factor",0.9996],'
        'PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["Meter",1]]'
    )


@pytest.mark.parametrize(
    ("datum", "flattening"),
    [
        ("Unknown datum based upon the WGS 84 ellipsoid", 298.257223563),
        ("Unknown_datum_based_upon_the_GRS_1980_ellipsoid", 298.257222101),
        ("Not_specified_based_on_WGS_84_spheroid", 298.257223563),
        ("unknown", 298.257223563),
    ],
)
def test_assumes_wgs84_where_the_ellipsoid_leaves_no_other_reading(engine, tmp_path, datum, flattening):
    truth = build(engine, upload(tmp_path / "b.tif", photograph(400, 400), epsg=32614, origin=(620_000, 3_350_000)))

    cog = build(engine, with_wkt(tmp_path / "a.tif", utm(datum, flattening=flattening)))

    assert (cog.adjustments, tag(cog)) == ("datum_assumed_wgs84",) * 2
    assert gdal.Open(cog.path).GetGeoTransform() == pytest.approx(gdal.Open(truth.path).GetGeoTransform(), abs=1e-6)


@pytest.mark.parametrize("epsg", [9000, 7912])
def test_takes_itrf2014_for_wgs84(engine, tmp_path, epsg):
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)

    cog = build(engine, with_wkt(tmp_path / "a.tif", srs.ExportToWkt(), epsg=4326))

    assert cog.adjustments == "datum_assumed_wgs84"


@pytest.mark.parametrize(
    ("datum", "axis", "flattening"),
    [
        ("Unknown datum based upon the Clarke 1866 ellipsoid", 6378206.4, 294.978698213898),
        ("Unknown datum based upon the International 1924 ellipsoid", 6378388, 297),
    ],
)
def test_asks_for_the_datum_where_an_old_ellipsoid_leaves_it_open(engine, tmp_path, datum, axis, flattening):
    with pytest.raises(InvalidFrameError, match=r"no_transformation: .*set the datum it was made in"):
        build(engine, with_wkt(tmp_path / "a.tif", utm(datum, axis, flattening)))


def test_asks_for_no_more_accuracy_than_a_pixel(engine, tmp_path):
    coarse = upload(tmp_path / "a.tif", photograph(400, 400), epsg=26714, gsd=12, origin=(620_000, 3_350_000))
    fine = upload(tmp_path / "b.tif", photograph(400, 400), epsg=26714, gsd=1, origin=(620_000, 3_350_000))

    assert "NAD27" in build(engine, coarse).transformation
    with pytest.raises(InvalidFrameError, match=r"no_transformation: .*5 m asked"):
        build(engine, fine)


def test_follows_a_projection_that_bends_within_few_pixels(engine, tmp_path):
    conic = upload(tmp_path / "a.tif", photograph(180, 260), epsg=5070, gsd=20_000, origin=(-2_600_000, 3_300_000))

    cog = build(engine, conic)

    mask = read_cog(cog.path)[1]
    assert (mask != 0).mean() > 0.5


@pytest.mark.parametrize("degrees", [262.25, -457.75])
def test_turns_longitudes_back_by_whole_turns(engine, tmp_path, degrees):
    truth = build(engine, upload(tmp_path / "b.tif", photograph(400, 400), epsg=4326))

    cog = build(engine, upload(tmp_path / "a.tif", photograph(400, 400), epsg=4326, origin=(degrees, 30.27)))

    assert gdal.Open(cog.path).GetGeoTransform() == pytest.approx(gdal.Open(truth.path).GetGeoTransform(), abs=1e-6)


@pytest.mark.parametrize(
    "scene",
    [
        {"epsg": 32660, "origin": (705_000, 5_700_000), "gsd": 20},
        {"epsg": 4326, "origin": (179.999, 10)},
        {"epsg": 4326, "geotransform": (-180, 0.9, 0, 90, 0, -0.45)},
        {"epsg": 3413, "origin": (-200_000, 200_000), "gsd": 1000},
    ],
    ids=["utm", "degrees", "world", "pole"],
)
def test_says_so_when_a_raster_is_cut_by_the_square_of_web_maps(engine, tmp_path, scene):
    with pytest.raises(
        InvalidFrameError, match=r"beyond_web_mercator: it (lies across longitude 180|reaches from latitude)"
    ):
        build(engine, upload(tmp_path / "a.tif", photograph(400, 400), **scene))
    assert "85.06" in ADVICE[Reason.BEYOND_WEB_MERCATOR]


def test_takes_a_mosaic_of_the_world_that_ends_where_web_maps_end(engine, tmp_path):
    source = upload(tmp_path / "a.tif", photograph(340, 720), epsg=4326, geotransform=(-180, 0.5, 0, 85.0, 0, -0.5))

    assert build(engine, source).width > 600


@pytest.mark.parametrize(("a", "e", "finer"), [(1, 10, True), (10, 1, True), (1, 50, False), (1, 1.5, False)])
def test_keeps_the_detail_of_the_finer_axis(engine, tmp_path, a, e, finer):
    source = upload(tmp_path / "a.tif", photograph(300, 300), geotransform=(620_000, a, 0, 3_350_000, 0, -e))

    cog = build(engine, source)

    stretch = 1 / math.cos(math.radians(30.27))
    side = math.sqrt(a * e)
    expected = min(a, e) if finer else (side / 4 if a * e > 20 else side)
    assert cog.gsd_m == pytest.approx(expected * stretch, rel=0.01)


def test_says_what_was_found_instead_of_a_position(engine, tmp_path):
    points = upload(tmp_path / "a.tif", photograph(100, 100), epsg=None, georeferenced=False)
    dataset = gdal.Open(str(points), gdal.GA_Update)
    dataset.SetGCPs([gdal.GCP(-97 + x, 30 + y, 0, 9 * x, 9 * y) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))], "")
    del dataset
    camera = upload(tmp_path / "b.tif", photograph(100, 100), epsg=None, georeferenced=False)
    dataset = gdal.Open(str(camera), gdal.GA_Update)
    names = "LINE_OFF SAMP_OFF LAT_OFF LONG_OFF HEIGHT_OFF LINE_SCALE SAMP_SCALE LAT_SCALE LONG_SCALE HEIGHT_SCALE"
    numbers = dict.fromkeys(names.split(), "1")
    series = {f"{axis}_{part}_COEFF": " ".join(["1"] * 20) for axis in ("LINE", "SAMP") for part in ("NUM", "DEN")}
    dataset.SetMetadata(numbers | series, "RPC")
    del dataset

    with pytest.raises(InvalidFrameError, match=r"not_georeferenced: only control points \(4 of them\).*Rectify"):
        build(engine, points)
    with pytest.raises(InvalidFrameError, match=r"not_georeferenced: only the camera model .*\(RPC\): orthorectify"):
        build(engine, camera)
