from __future__ import annotations

import dataclasses

from cogmill.cog.profiles import PROFILES, DatumAccuracy, Grid, Scaling, default_profile, profile_from
from cogmill.domain.model import Bands, Product


def test_keeps_the_margins_of_index_sheets_and_mosaics():
    assert default_profile(Bands.BW).collar
    assert not default_profile(Bands.BW, Product.INDEX).collar
    assert default_profile(Bands.NC, Product.MOSAIC).name == "nc"


def test_survives_the_way_to_the_worker():
    profile = dataclasses.replace(PROFILES["bw"], scaling=Scaling(1, 2), grid=Grid.WEB, accuracy=DatumAccuracy(12, 0.5))

    assert profile_from(dataclasses.asdict(profile)) == profile
