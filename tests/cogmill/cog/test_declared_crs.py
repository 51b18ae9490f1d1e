"""Files that name no coordinate system, where the archive declares one: they lie where those lie that name it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cogmill.cog import fingerprint
from cogmill.cog.profiles import CRS_DECLARED, PROFILES
from cogmill.domain.errors import InvalidFrameError
from cogmill.domain.model import Bands
from osgeo import gdal, osr

from tests.cogmill.cog.engine_scenes import photograph, read_cog, upload

BW = dataclasses.replace(PROFILES["bw"], collar=False)
UTM = dataclasses.replace(BW, crs="EPSG:26914")
PLACE = (620_000.0, 3_350_000.0)


def build(engine, source, profile=UTM):
    return engine.build(source, source.with_suffix(".out"), bands=Bands.BW, profile=profile, provenance={}, area=None)


def local(path):
    """Name a system of which nobody knows where it lies, as CAD programs do."""
    dataset = gdal.Open(str(path), gdal.GA_Update)
    srs = osr.SpatialReference()
    srs.SetLocalCS("a drawing")
    srs.SetLinearUnits("metre", 1)
    dataset.SetSpatialRef(srs)
    dataset.FlushCache()
    return path


@pytest.mark.parametrize("nameless", [lambda path: path, local], ids=["without any", "with a drawing's"])
def test_lies_where_the_same_file_with_its_system_lies(engine, tmp_path, nameless):
    picture = photograph(400, 400)
    told = build(engine, upload(tmp_path / "a.tif", picture, degrees=7), BW)

    silent = nameless(upload(tmp_path / "b.tif", picture, degrees=7, epsg=None, origin=PLACE))
    cog = build(engine, silent)

    assert (cog.transform, cog.source_crs) == (told.transform, "EPSG:26914")
    assert np.array_equal(read_cog(cog.path)[0], read_cog(told.path)[0])
    assert cog.adjustments == gdal.Open(cog.path).GetMetadataItem("COGMILL_ADJUSTMENTS") == CRS_DECLARED


def test_is_rejected_where_nothing_is_declared(engine, tmp_path):
    with pytest.raises(InvalidFrameError, match="no_crs"):
        build(engine, upload(tmp_path / "a.tif", photograph(50, 50), epsg=None, origin=PLACE), BW)


def test_the_system_of_the_file_counts_and_the_declared_one_leaves_no_trace(engine, tmp_path):
    source = upload(tmp_path / "a.tif", photograph(400, 400), epsg=4326)

    plain = build(engine, source, BW).sha256

    assert build(engine, source, UTM).sha256 == plain


def test_only_a_frame_that_needed_the_rule_is_made_anew_when_it_changes():
    zone_13 = dataclasses.replace(BW, crs="EPSG:26913")

    assert fingerprint.build_fingerprint(BW) in fingerprint.possible_fingerprints(zone_13)
    assert fingerprint.build_fingerprint(zone_13) in fingerprint.possible_fingerprints(zone_13)
    assert fingerprint.build_fingerprint(UTM) not in fingerprint.possible_fingerprints(zone_13)
