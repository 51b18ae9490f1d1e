"""What an upload says of itself in its TIFF tags is carried into its COG, cleaned; what says nothing has the bytes that it had."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from cogmill.cog.output.tiff import LONGEST_ASCII
from cogmill.cog.profiles import PROFILES
from cogmill.cog.source.file_texts import LONGEST, read_file_texts
from cogmill.domain.model import Bands
from osgeo import gdal
from PIL import Image

TAGS = {
    270: "Flight 4, Travis",
    271: "Fairchild",
    272: "K-17",
    306: "2018:06:12 14:42:31",
    315: "RDC",
    33432: "Ⓒ Peña".encode(),
}
SAYS = {
    "artist": "RDC",
    "camera_make": "Fairchild",
    "camera_model": "K-17",
    "copyright": "Ⓒ Peña",
    "description": "Flight 4, Travis",
    "file_datetime": "2018:06:12 14:42:31",
}


def tiff(path: Path, tags: dict[int, str | bytes]) -> Path:
    """Write a TIFF with texts; a program of its own, because GDAL writes no tags of cameras."""
    picture = Image.effect_noise((256, 256), 60)
    picture.save(path, tiffinfo={33550: (2.0, 2.0, 0.0), 33922: (0.0, 0.0, 0.0, -1.09e7, 3.5e6, 0.0)} | tags | GEOKEYS)
    return path


GEOKEYS = {34735: (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3857)}
"""A projected CRS, EPSG:3857."""


def build(engine, source: Path):
    target = source.with_suffix(".cog.tif")
    made = {"bands": Bands.BW, "profile": PROFILES["bw"], "provenance": {}, "area": None}
    return engine.build(source, target, **made), target


def test_texts_are_carried_into_the_cog(engine, tmp_path):
    built, target = build(engine, tiff(tmp_path / "x.tif", TAGS))

    assert dict(built.texts) == SAYS
    assert read_file_texts(target) == {word: text for word, text in SAYS.items() if "camera" not in word}
    found = gdal.Open(str(target)).GetMetadata()
    assert (found["COGMILL_CAMERA_MAKE"], found["COGMILL_CAMERA_MODEL"]) == ("Fairchild", "K-17")
    assert found["TIFFTAG_COPYRIGHT"] == "Ⓒ Peña"


def test_the_same_texts_give_the_same_bytes(engine, tmp_path):
    source = tiff(tmp_path / "x.tif", TAGS)

    assert build(engine, source)[0].sha256 == build(engine, source)[0].sha256


def test_nothing_is_added_when_an_upload_says_nothing(engine, tmp_path):
    built, target = build(engine, tiff(tmp_path / "x.tif", {306: "yesterday", 315: " \x00 "}))

    assert built.texts == {}
    assert [name for name in gdal.Open(str(target)).GetMetadata() if "TIFFTAG_" in name or "CAMERA" in name] == []


def test_long_and_odd_texts_become_one_short_line(tmp_path):
    text = "<script>alert(1)</script>\n\x1b[31mred\x07 " + "long " * 2000

    found = read_file_texts(tiff(tmp_path / "x.tif", {270: text}))["description"]

    assert found.startswith("<script>alert(1)</script> [31mred long long")
    assert len(found) <= LONGEST < LONGEST_ASCII
    assert found.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"II*\0",
        b"II*\0" + struct.pack("<I", 1 << 31),
        b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, (1 << 64) - 1),
        b"II*\0" + struct.pack("<IHHHII", 8, 1, 270, 2, 0xFFFFFFFF, 0xFFFFFFFF),
        b"no TIFF",
    ],
)
def test_a_damaged_file_says_nothing(tmp_path, body):
    path = tmp_path / "x.tif"
    path.write_bytes(body)

    assert read_file_texts(path).keys() <= {"description"}
