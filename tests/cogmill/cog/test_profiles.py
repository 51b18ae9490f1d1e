from __future__ import annotations

import dataclasses
import typing

import pytest
from cogmill.cog.profiles import PROFILES, Grid, Resampling, Scaling, default_profile, profile_from
from cogmill.config.collection_files import ProfileName, load_collection_config
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.model import Bands, Product


def test_keeps_the_margins_of_index_sheets_and_mosaics():
    assert default_profile(Bands.BW).collar
    assert not default_profile(Bands.BW, Product.INDEX).collar
    assert default_profile(Bands.NC, Product.MOSAIC).name == "nc"


def test_offers_every_profile_in_the_schema():
    assert set(typing.get_args(ProfileName)) == set(PROFILES)


def test_survives_the_way_to_the_child():
    profile = dataclasses.replace(PROFILES["bw"], scaling=Scaling(1, 2), grid=Grid.WEB)

    assert profile_from(dataclasses.asdict(profile)) == profile


def test_reads_a_declared_collection(tmp_path):
    (tmp_path / "travis_usda_1951_frames.yaml").write_text(
        "title: Travis County 1951\nprofiles: {bw: bw_jpeg}\nresampling: cubic\nscaling: {low: 0, high: 4095}\n",
        encoding="utf-8",
    )
    (tmp_path / "Travis_USDA_1951_index.yaml").write_text("grid: web\n", encoding="utf-8")

    frames = load_collection_config(tmp_path, "travis_usda_1951_frames")
    assert frames.title == "Travis County 1951"
    assert frames.profile(Bands.BW).compress == "JPEG"
    assert frames.profile(Bands.BW).resampling is Resampling.CUBIC
    assert frames.profile(Bands.NC).scaling == Scaling(0, 4095)
    assert frames.profile(Bands.NC).collar
    index = load_collection_config(tmp_path, "travis_usda_1951_index").profile(Bands.BW)
    assert (index.grid, index.collar) == (Grid.WEB, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profiles: {bw: fancy}", ["profiles.bw", "'fancy'", "'bw_jpeg'"]),
        ("colar: true", ["colar", "collar, grid"]),
        ("resampling: nearest", ["resampling", "'nearest'", "'bilinear' or 'cubic'"]),
        ("scaling: {low: 5, high: 5}", ["scaling", "low must be less than high"]),
        ("collar: maybe", ["collar", "'maybe'"]),
        ("[1, 2]", ["mapping"]),
        ("a: [", ["YAML"]),
        ("product: mosaic", ["mapping of collar"]),
    ],
)
def test_names_file_key_and_what_is_allowed_when_a_declaration_is_wrong(tmp_path, text, words):
    (tmp_path / "a_b_1951_frames.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError) as wrong:
        load_collection_config(tmp_path, "a_b_1951_frames")

    assert load_collection_config(tmp_path, "c_d_1951_frames") is None, (
        "a fault of one collection is no fault of another"
    )
    assert all(word in str(wrong.value) for word in ["a_b_1951_frames.yaml", *words]), str(wrong.value)


def test_says_which_file_belongs_to_no_collection(tmp_path, caplog):
    (tmp_path / "notes.yaml").write_text("", encoding="utf-8")

    assert load_collection_config(tmp_path, "a_b_1951_frames") is None
    assert "notes.yaml" in caplog.text
