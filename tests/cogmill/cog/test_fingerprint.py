from __future__ import annotations

import dataclasses

import pytest
from cogmill.cog import fingerprint, libraries
from cogmill.cog.profiles import PROFILES, DatumAccuracy
from cogmill.cog.source.crs import proj_version
from osgeo import gdal

BW = PROFILES["bw"]


@pytest.fixture(autouse=True)
def forgotten():
    caches = (libraries.library_versions, libraries.grids_digest)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


def test_versions_are_those_of_the_libraries_that_are_loaded():
    versions = libraries.library_versions()

    assert versions["proj"] == proj_version()
    assert libraries.UNKNOWN not in versions.values(), "every one of them is a package of Debian here"
    assert versions["tiff"] in gdal.GetDriverByName("GTiff").GetMetadataItem("LIBTIFF")


@pytest.mark.parametrize("library", libraries.PACKAGES)
def test_names_each_library(monkeypatch, tmp_path, library):
    before, recipe = fingerprint.build_fingerprint(BW), fingerprint.recipe_digest(BW)
    versions = {**libraries.library_versions(), library: "99.0"}

    monkeypatch.setattr(fingerprint, "library_versions", lambda: versions)

    assert fingerprint.build_fingerprint(BW) != before
    assert fingerprint.recipe_digest(BW) == recipe, "the tag in the file, and with it golden bytes, stay"


def test_a_package_that_was_only_rebuilt_or_held_is_the_same_library(monkeypatch, tmp_path):
    status = tmp_path / "status"
    monkeypatch.setattr(libraries, "DPKG", status)
    found = []
    for wish, version in (
        ("install", "4.5.0-6+deb12u4"),
        ("install", "4.5.0-6+deb12u5"),
        ("hold", "4.5.0-6+deb12u5"),
        ("install", "4.7.0-3"),
    ):
        libraries.library_versions.cache_clear()
        status.write_text(
            f"Package: libtiff6t64\nStatus: {wish} ok installed\nPriority: optional\nVersion: {version}\n\n"
            "Package: libdeflate0\nStatus: deinstall ok config-files\nVersion: 1.14-1\n\n"
        )
        found.append((libraries.library_versions()["tiff"], libraries.library_versions()["deflate"]))

    assert found == [("4.5.0", "unknown")] * 3 + [("4.7.0", "unknown")]


def test_names_database_and_grids_of_proj(monkeypatch, tmp_path):
    monkeypatch.setenv("PROJ_DATA", str(tmp_path))
    found = []
    for name, body in (
        ("proj.db", b"one"),
        ("proj.db", b"two"),
        ("us_noaa_conus.tif", b"grid"),
        ("us_noaa_conus.tif", b"dirg"),
    ):
        (tmp_path / name).write_bytes(body)
        libraries.grids_digest.cache_clear()
        found.append(fingerprint.build_fingerprint(BW))

    assert len(set(found)) == 4


def test_what_is_allowed_beyond_the_standard_decides_no_byte_and_what_is_asked_below_it_may():
    def of(**accuracy):
        return fingerprint.build_fingerprint(dataclasses.replace(BW, accuracy=DatumAccuracy(**accuracy)))

    assert of() == of(meters=12) == of(meters=12, pixels=3) == fingerprint.build_fingerprint(BW)
    assert len({of(), of(meters=1), of(pixels=0), of(meters=1, pixels=0)}) == 4
