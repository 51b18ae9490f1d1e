"""Files beside an upload that say where it lies: the frame lies where GDAL puts it with the same files beside, and hostile ones are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES
from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands
from cogmill.domain.sidecars import SidecarKind
from osgeo import gdal, osr

from tests.cogmill.cog.engine_scenes import upload
from tests.cogmill.cog.warp.test_position import MOST_PX, shift, smooth

UTM = "EPSG:26914"
BW = dataclasses.replace(PROFILES["bw"], collar=False)
DECLARED = dataclasses.replace(BW, crs=UTM)
WORLD, AUX = SidecarKind.WORLD_FILE, SidecarKind.AUX_XML

WORLD_FILES = {
    "north up": "2\n0\n0\n-2\n620001\n3349999\n",
    "rotated": "1.9\n0.6\n0.6\n-1.9\n620000.5\n3350000.25\n",
    "south up, with blanks and exponents": " 2.0e0 \r\n 0.0\r\n 0\r\n +2 \r\n6.2e+05\r\n3350000.\r\n",
}
AUX_XML = "<PAMDataset><SRS>{srs}</SRS><GeoTransform> {six}</GeoTransform></PAMDataset>"
ARCGIS = (
    'PROJCS["NAD_1983_UTM_Zone_14N",GEOGCS["GCS_North_American_1983",DATUM["D_North_American_1983",SPHEROID["GRS_1980",6378137.0,'
    '298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",-99.0],'
    'PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
SIX = "620000.0, 1.9, 0.6, 3350000.0, 0.6, -1.9"


def wkt(epsg: int) -> str:
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)
    return srs.ExportToWkt().replace('"', "&quot;")


def silent(path: Path) -> Path:
    """Write a TIFF that says nothing of where it lies."""
    return upload(path, smooth(), epsg=None, georeferenced=False)


def build(engine, source: Path, profile=BW, **beside: Path):
    sidecars = {SidecarKind(kind): file for kind, file in beside.items()}
    return engine.build(
        source, source.with_suffix(".out"), bands=Bands.BW, profile=profile, provenance={}, area=None, sidecars=sidecars
    )


def distance(cog, source: Path, srs: str | None) -> float:
    """Return how far, in pixels, a COG is from what gdalwarp makes of the source with what lies beside it."""
    like = gdal.Open(cog.path)
    left, right, _, top, _, down = like.GetGeoTransform()
    bounds = (left, top + down * like.RasterYSize, left + right * like.RasterXSize, top)
    wanted = gdal.Warp(
        "", str(source), format="MEM", srcSRS=srs, dstSRS="EPSG:3857", outputBounds=bounds, width=like.RasterXSize,
        height=like.RasterYSize, resampleAlg="bilinear", errorThreshold=0, warpOptions=["INIT_DEST=0", "SAMPLE_GRID=YES"],
    ).ReadAsArray()  # fmt: skip
    valid = (like.GetRasterBand(1).GetMaskBand().ReadAsArray() != 0) & (wanted != 0)
    valid = cv2.erode(valid.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=0) != 0
    assert valid.mean() > 0.2
    return shift(like.ReadAsArray(), wanted, valid)


@pytest.mark.parametrize("text", WORLD_FILES.values(), ids=WORLD_FILES)
def test_lies_where_gdal_puts_it_by_the_world_file(engine, tmp_path, text):
    source, beside = silent(tmp_path / "a.tif"), tmp_path / "a.tfw"
    beside.write_bytes(text.encode())

    cog = build(engine, source, DECLARED, world_file=beside)

    assert distance(cog, source, UTM) <= MOST_PX
    assert cog.adjustments == "position_of_world_file crs_declared"


@pytest.mark.parametrize("srs", [wkt(26914), ARCGIS.replace('"', "&quot;")], ids=["of GDAL", "of ArcGIS"])
def test_lies_where_gdal_puts_it_by_the_aux_xml(engine, tmp_path, srs):
    source, beside = silent(tmp_path / "a.tif"), tmp_path / "a.tif.aux.xml"
    beside.write_text(AUX_XML.format(srs=srs, six=SIX))

    cog = build(engine, source, aux_xml=beside)

    assert distance(cog, source, None) <= MOST_PX
    assert cog.adjustments == "position_of_aux_xml crs_of_aux_xml"


def test_takes_the_position_of_one_and_the_system_of_the_other(engine, tmp_path):
    source, world, aux = silent(tmp_path / "a.tif"), tmp_path / "a.tfw", tmp_path / "a.tif.aux.xml"
    world.write_text(WORLD_FILES["rotated"])
    aux.write_text(f"<PAMDataset><SRS>{wkt(26914)}</SRS></PAMDataset>")

    cog = build(engine, source, world_file=world, aux_xml=aux)

    assert distance(cog, source, None) <= MOST_PX
    assert cog.adjustments == "position_of_world_file crs_of_aux_xml"


def test_a_comma_is_a_decimal_point(engine, tmp_path):
    source, beside = silent(tmp_path / "a.tif"), tmp_path / "b.tfw"
    found = []
    for text in (WORLD_FILES["rotated"], WORLD_FILES["rotated"].replace(".", ",")):
        beside.write_text(text)
        found.append(build(engine, source, DECLARED, world_file=beside).transform)

    assert found[0] == found[1]


def test_the_position_of_the_file_counts_more(engine, tmp_path):
    source, beside = upload(tmp_path / "a.tif", smooth()), tmp_path / "a.tfw"
    beside.write_text("2\n0\n0\n-2\n0\n0\n")

    assert build(engine, source, world_file=beside).sha256 == build(engine, source).sha256


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">{}]><PAMDataset><SRS>&j;</SRS></PAMDataset>'.format(
    "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefghi", "bcdefghij", strict=True))
)
FILE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><PAMDataset><SRS>&a;</SRS></PAMDataset>'
HOSTILE = [
    (WORLD, "", "has 0 numbers of 6"),
    (WORLD, "2\n0\n0\n-2\n620001\n", "has 5 numbers of 6"),
    (WORLD, "2\n0\n0\n-2\nnan\n3349999\n", "has 'nan' where a number belongs"),
    (WORLD, "2\n0\n0\n-2\n6_2\n3349999\n", "has '6_2' where a number belongs"),
    (WORLD, "2\n0\n0\n-2\n1e999\n3349999\n", "degenerate geotransform"),
    (WORLD, "0\n0\n0\n0\n620001\n3349999\n", "degenerate geotransform"),
    (WORLD, "2\n0\n0\n-2\n1e300\n3349999\n", "outside_area.*impossible"),
    (WORLD, "2 " * 5000, "has more than 4096 bytes"),
    (WORLD, "\xff\xfe2\x000", "where a number belongs"),
    (AUX, "", "is no XML"),
    (AUX, "<PAMDataset><GeoTransform>1, 2", "is no XML"),
    (AUX, BOMB, "has a document type"),
    (AUX, FILE, "has a document type"),
    (AUX, AUX_XML.format(srs=wkt(26914), six="1, 2, 3"), "has 3 numbers of 6"),
    (AUX, AUX_XML.format(srs=wkt(26914), six="nan, 2, 0, 3, 0, -2"), "has 'nan' where a number belongs"),
    (AUX, AUX_XML.format(srs="/etc/passwd", six=SIX), "no_crs.*cannot be read"),
    (AUX, AUX_XML.format(srs="PROJCS[" * 20_000, six=SIX), "a coordinate system of 140000 characters"),
    (AUX, "<a>" * 100_000, "is no XML"),
    (AUX, "<PAMDataset><Metadata/></PAMDataset>", "not_georeferenced: no geotransform in the file"),
]


@pytest.mark.parametrize(
    ("kind", "text", "words"), HOSTILE, ids=[f"{kind} {n}" for n, (kind, *_) in enumerate(HOSTILE)]
)
def test_refuses_a_hostile_sidecar(engine, tmp_path, kind, text, words):
    beside = tmp_path / "beside"
    beside.write_bytes(text.encode("latin-1"))

    with pytest.raises(InvalidFrameError, match=words):
        build(engine, silent(tmp_path / "a.tif"), DECLARED, **{kind: beside})
