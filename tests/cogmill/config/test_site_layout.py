from __future__ import annotations

import datetime as dt

import pytest
from cogmill.cog.profiles import default_profile
from cogmill.config.site import load_site, use_site
from cogmill.domain import keys
from cogmill.domain.advice import advice, right_key
from cogmill.domain.advice_words import GERMAN
from cogmill.domain.errors import ADVICE, ConfigurationError, InvalidFrameError, Reason
from cogmill.domain.key_reading import Becomes, read_key
from cogmill.domain.layout import TEXAS, layout_in_use, use_layout
from cogmill.domain.model import Bands, Product
from cogmill.domain.public_access import public_patterns

SITE = """
title: Luftbilder
layout:
  keys:
    - "{place}/{year} {agency}/{product}/{bands}/{stage}/{file}"
    - "{place}/{year} {agency}/{product}/{file}"
  fixed: {bands: sw}
  bands: {bw: sw, nc: farbe, cir: cir}
  products:
    frames: Luftbilder
    index: {folder: Bildübersichten, scans: false}
    mosaic: Mosaike
  stages: {scanned: Rohscans, georef: georeferenziert}
  letters: "äöüÄÖÜß -"
  parts:
    place: {label: Landkreis, folders: 2}
    year: {label: Jahr, rule: '\\d{4}'}
  names:
    - products: [index]
      patterns: ["Übersicht {date}[ Blatt {frame}]"]
      fixed: {roll: N/A, frame: '1'}
    - patterns: ["{date} {roll}-{frame}"]
  dates: {formats: [YYYY-MM-DD, DD.MM.YYYY], vague: true, ambiguous: reject, unreadable: reject}
"""


@pytest.fixture
def site(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    use_site(file)
    yield
    use_layout(TEXAS)


def test_reads_keys_by_the_site_file(site):
    upload = keys.parse_upload("Harz/Bad Sachsa/1951 LGLN/Luftbilder/cir/georeferenziert/22.03.1951 4-17.TIF")

    assert upload.collection.id == "harz_badsachsa_lgln_1951_frames"
    assert (upload.bands, upload.name.roll, upload.name.frame_num) == ("cir", "4", "17")
    assert upload.name.acquired == (dt.date(1951, 3, 22),) * 2
    assert keys.cog_key(upload.collection, upload.bands, upload.stem, "0" * 12) == (
        "Harz/Bad Sachsa/1951 LGLN/Luftbilder/cir/cog/22.03.1951 4-17.000000000000.tif"
    )
    assert keys.scan_key(upload.collection, upload.bands, upload.name.scan_stem) == (
        "Harz/Bad Sachsa/1951 LGLN/Luftbilder/cir/Rohscans/22.03.1951 4-17.tif"
    )
    other = keys.parse_upload("Göttingen/1951 LGLN/Bildübersichten/Übersicht 1951~.tif")
    assert (other.bands, other.name.frame_num, other.name.scan_stem) == ("bw", "1", None)


def test_tells_people_of_the_site_where_files_belong(site):
    wrong = "Göttingen/1951 LGLN/luftbilder/SW/roll 4/1951-03-22 4-17.tif"

    assert right_key(wrong) == "Göttingen/1951 LGLN/Luftbilder/sw/georeferenziert/1951-03-22 4-17.tif"
    assert right_key("1951 LGLN/Luftbilder/sw/georeferenziert/1951-03-22 4-17.tif") is None
    assert advice(Reason.WRONG_FOLDER, "x.tif") == (
        "Move the file to <Landkreis>/<Jahr> <AGENCY>/<product>/<bands>/georeferenziert/<file>, a raw scan with Rohscans/ in place of"
        " georeferenziert/."
    )
    assert advice(Reason.WRONG_BANDS, "x.tif").startswith(
        "Put one-band grayscale below sw/ and three-band color below farbe/ and"
    )
    with pytest.raises(InvalidFrameError, match=r"YYYY-MM-DD, DD\.MM\.YYYY, YYYY, EDTF"):
        keys.parse_upload("Göttingen/1951 LGLN/Luftbilder/sw/georeferenziert/22-03-51 4-17.tif")


@pytest.mark.parametrize("folder", sorted(keys.OWN_FOLDERS))
def test_takes_nothing_into_a_folder_of_its_own_whatever_the_layout(site, folder):
    name = "1951 LGLN/Luftbilder/sw/georeferenziert/1951-03-22 4-17.tif"

    assert read_key(f"Harz/{name}").becomes == Becomes.FRAME
    assert read_key(f"{folder}/{name}").becomes in {Becomes.REJECTED, Becomes.IGNORED}


def test_opens_to_the_public_what_the_site_publishes(site):
    assert {"*/sw/cog/*", "*/cir/Rohscans/*"} <= set(public_patterns())


def test_keeps_the_default_for_everything_that_is_left_out(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text("layout: {bands: {bw: bw, nc: nc, cir: cir}}")
    try:
        use_site(file)
        assert keys.parse_upload("cir/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif").bands == "cir"
        assert keys.parse_upload("nc/Hays/StratMap/TNRIS_1996/frames/georef/7_12_01-29-96.tif").name.roll == "7"
        file.write_text("title: x")
        use_site(file)
        assert layout_in_use() is TEXAS
    finally:
        use_layout(TEXAS)


def test_takes_the_formats_of_the_site_and_no_others(tmp_path):
    file = tmp_path / "site.yaml"
    try:
        file.write_text("formats: [jp2]")
        use_site(file)
        assert keys.parse_upload("bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.jp2").stem == "03-22-51_4-173"
        file.write_text("title: x")
        use_site(file)
        with pytest.raises(InvalidFrameError, match="bad_name"):
            keys.parse_upload("bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.jp2")
        file.write_text("formats: [jp2, ecw]")
        with pytest.raises(ConfigurationError, match=r"site\.yaml:1: formats.1: 'ecw' is wrong, .*'jp2' or 'img'"):
            use_site(file)
    finally:
        use_layout(TEXAS)


def test_talks_to_people_in_the_language_of_the_site(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text("language: de-AT")
    try:
        use_site(file)
        assert advice(Reason.WRONG_FOLDER, "bw/Travis/USDA_1951/03-22-51_4-1.tif").startswith(
            "Verschieben Sie sie nach bw/"
        )
        assert advice(Reason.WRONG_FOLDER, "x.tif").startswith("Verschieben Sie die Datei nach <bands>/")
        assert advice(Reason.WRONG_BANDS, "x.tif").startswith(
            "Es gehören Graustufen mit einem Kanal unter bw/ und Farbe"
        )
        assert GERMAN.reasons.keys() == ADVICE.keys()
        file.write_text("language: fr")
        use_site(file)
        assert advice(Reason.EMPTY, "x.tif") == ADVICE[Reason.EMPTY]
    finally:
        use_layout(TEXAS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("output_crs: [EPSG:25832]", "site.yaml:1: output_crs: must hold EPSG:3857 and EPSG:4326, which"),
        ("output_crs: [wgs84]", "site.yaml:1: output_crs.0: 'wgs84' is wrong"),
        ("layout: {key: x}", "site.yaml:1: layout.key: unknown key, allowed are bands, dates,"),
        ("layout:\n  letters: 'ä/'", "site.yaml:2: layout.letters: 'ä/' is wrong, must be printable characters"),
        ("layout:\n  letters: '[a'", "can stand in no name"),
        ("layout:\n  bands: {rgb: rgb}", "site.yaml:2: layout.bands.rgb"),
        ("layout:\n  keys: ['{place}/{file}']", "bands, agency, year, product must be a part of it"),
        (
            "layout:\n  parts:\n    year: {rule: '('}",
            "site.yaml:3: layout.parts.year.rule: '(' is wrong, must be a regular expression",
        ),
        ("layout:\n  dates:\n    formats: [DD-MM]", "no format of dates"),
        ("layout:\n  names:\n  - patterns: ['{date}']", "roll, frame must be a part of it, or have a fixed value"),
        (
            "layout:\n  names:\n  - pattern: ['{date}']",
            "site.yaml:3: layout.names.0.pattern: unknown key, allowed are agencies, fixed,",
        ),
        ("layout: {stages: {georef: cog}}", "cog/ is where COGs are written"),
        ("layout: {products: {index: frames}}", "each needs a folder of its own"),
    ],
)
def test_names_file_line_and_key_of_a_mistake(tmp_path, text, says):
    file = tmp_path / "site.yaml"
    file.write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        load_site(file)

    assert says in str(caught.value)


def test_a_product_declares_the_coordinate_system_of_files_that_name_none(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text("layout: {products: {index: {folder: index, crs: EPSG:26914}}}\n")
    use_site(file)
    try:
        assert [default_profile(Bands.BW, kind).crs for kind in (Product.INDEX, Product.FRAMES)] == ["EPSG:26914", None]
    finally:
        use_layout(TEXAS)
    file.write_text("layout: {products: {index: {folder: index, crs: Texas}}}\n")
    with pytest.raises(ConfigurationError, match=r"crs: 'Texas' is wrong.*EPSG:26914"):
        load_site(file)
