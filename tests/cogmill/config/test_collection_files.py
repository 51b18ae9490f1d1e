from __future__ import annotations

import typing

import pytest
from cogmill.cog.profiles import PROFILES, Grid, Resampling, Scaling
from cogmill.config.collection_files import ProfileName, load_collection_config
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.model import Bands


def test_offers_every_profile_in_the_schema():
    assert set(typing.get_args(ProfileName)) == set(PROFILES)


def test_reads_the_file_of_a_collection(tmp_path):
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
        ("colar: true", ["colar", "collar, control_points, crs, date, datum_accuracy, facts, grid"]),
        ("resampling: nearest", ["resampling", "'nearest'", "'bilinear' or 'cubic'"]),
        ("scaling: {low: 5, high: 5}", ["scaling", "low must be less than high"]),
        ("collar: maybe", ["collar", "'maybe'"]),
        ("control_points: {most_px: 0}", ["control_points.most_px", "greater than 0"]),
        ("control_points: {px: 3}", ["control_points.px", "most_px"]),
        ("control_points: true", ["control_points", "dictionary"]),
        ("crs: UTM 14", ["crs", "the code of a coordinate system such as EPSG:26914"]),
        ("crs: EPSG:99999", ["crs", "'EPSG:99999'", "a code that PROJ knows"]),
        ("crs: EPSG:5703", ["crs", "NAVD88 height", "a projected or geographic system"]),
        ("crs: /vsicurl/http://example.org/crs", ["crs", "the code of"]),
        ("scaling: {low: 0, hi: 255}", ["scaling.hi", "high, low"]),
        ("scaling: {low: 0, high: .inf}", ["scaling.high", "finite"]),
        ("datum_accuracy: {meters: 0}", ["datum_accuracy.meters", "greater than 0"]),
        ("datum_accuracy: {meters: 200}", ["datum_accuracy.meters", "50"]),
        ("datum_accuracy: {pixels: -1}", ["datum_accuracy.pixels"]),
        ("datum_accuracy: {metres: 5}", ["datum_accuracy.metres", "allowed are meters, pixels"]),
        ("datum_accuracy: 12", ["datum_accuracy"]),
        ("profiles: {rgb: nc}", ["profiles.rgb", "allowed are bw, cir, nc"]),
        ("1: 2", ["1", "strings"]),
        ("[1, 2]", ["mapping"]),
        ("a: [", ["YAML"]),
        ("product: mosaic", ["mapping of collar"]),
        ("title: Travis\ncollar: maybe", ["a_b_1951_frames.yaml:2: collar", "'maybe'"]),
    ],
)
def test_names_file_key_and_what_is_allowed_when_a_file_is_wrong(tmp_path, text, words):
    (tmp_path / "a_b_1951_frames.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError) as wrong:
        load_collection_config(tmp_path, "a_b_1951_frames")

    assert load_collection_config(tmp_path, "c_d_1951_frames") is None, (
        "a fault of one collection is no fault of another"
    )
    assert all(word in str(wrong.value) for word in ["a_b_1951_frames.yaml", *words]), str(wrong.value)


@pytest.mark.parametrize("name", ["notes.yaml", "a_b_1951_frames.yml"])
def test_says_which_file_belongs_to_no_collection(tmp_path, caplog, name):
    (tmp_path / name).write_text("title: Notes", encoding="utf-8")

    assert load_collection_config(tmp_path, "a_b_1951_frames") is None
    assert name in caplog.text


def test_names_the_file_when_it_is_no_text(tmp_path):
    (tmp_path / "a_b_1951_frames.yaml").write_bytes(b"title: \xff\xfe")

    with pytest.raises(ConfigurationError, match=r"a_b_1951_frames\.yaml: not readable"):
        load_collection_config(tmp_path, "a_b_1951_frames")


def test_names_both_files_when_names_differ_by_case_only(tmp_path):
    for name in ("a_b_1951_frames.yaml", "A_B_1951_frames.yaml"):
        (tmp_path / name).write_text("collar: true", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"A_B_1951_frames\.yaml and a_b_1951_frames\.yaml"):
        load_collection_config(tmp_path, "a_b_1951_frames")


def test_looks_for_no_collar_in_frames_whose_names_fit_a_pattern(tmp_path):
    (tmp_path / "a_b_1951_frames.yaml").write_text("keep_rim: ['03-22-51_4-17*', 03-22-51_5-1]\n", encoding="utf-8")

    config = load_collection_config(tmp_path, "a_b_1951_frames")

    stems = ("03-22-51_4-173", "03-22-51_5-1", "03-22-51_5-11", "03-22-51_4-18")
    assert [config.profile(Bands.BW, stem).collar for stem in stems] == [False, False, True, True]
