from __future__ import annotations

import datetime as dt

import pytest
from cogmill.domain import keys
from cogmill.domain.advice import advice
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands

FRAME = "bw/Travis/USDA_1951/frames/georef/"


def cog_key(upload, digest):
    return keys.cog_key(upload.collection, upload.bands, upload.stem, digest)


@pytest.mark.parametrize(
    ("key", "collection_id", "date", "roll", "frame", "scan"),
    [
        (FRAME + "03-22-51_4-173.tif", "travis_usda_1951_frames", "03-22-51", "4", "173", "03-22-51_4-173"),
        (FRAME + "02-0860_6-111.TIF", "travis_usda_1951_frames", "02-0860", "6", "111", "02-0860_6-111"),
        (FRAME + "03-22-51_1A-2-33.tiff", "travis_usda_1951_frames", "03-22-51", "1A-2", "33", "03-22-51_1A-2-33"),
        (FRAME + "03-22-51_4-17 Ä+50%.tif", "travis_usda_1951_frames", "03-22-51", "4", "17 Ä+50%", "03-22-51_4-17 Ä+50%"),
        ("bw/Hays/AMS_1950/frames/georef/11-02-50_17.tif", "hays_ams_1950_frames", "11-02-50", "N/A", "17", "11-02-50_17"),
        ("bw/Hays/USGS_1954/frames/georef/1954_2-18.tif", "hays_usgs_1954_frames", "1954", "N/A", "2-18", "1954_2-18"),
        ("bw/Travis/USDA_1951/index/georef/USDA_1951_01.tif", "travis_usda_1951_index", "1951", "USDA", "01", "USDA_1951_01"),
        ("bw/Travis/USDA_1951/index/georef/USDA_1951_01_2.tif", "travis_usda_1951_index", "1951", "USDA", "01", "USDA_1951_01"),
        ("bw/T/U_1951/index/georef/U_1951_01_800dpi.tif", "t_u_1951_index", "1951", "U", "01", "U_1951_01_800dpi"),
        ("bw/T/U_1951/index/georef/U_1951_01_800dpi_2.tif", "t_u_1951_index", "1951", "U", "01", "U_1951_01_800dpi"),
        ("nc/Travis/TxDOT_1985/mosaic/georef/mosaic.tif", "travis_txdot_1985_mosaic", "MULTIPLE", "MULTIPLE", "", None),
        ("nc/Travis/TxDOT_1985/mosaic/georef/mosaic_1.tif", "travis_txdot_1985_mosaic", "MULTIPLE", "MULTIPLE", "_1", None),
        ("nc/StratMap/Hays/TNRIS_1996/frames/georef/7_12_01-29-96_4326.tif", "stratmap_hays_tnris_1996_frames", "01-29-96", "7", "12", "7_12_01-29-96_4326"),
        ("nc/Hays/StratMap/TNRIS_1996/frames/georef/7_12_01-29-96.tif", "hays_stratmap_tnris_1996_frames", "01-29-96", "7", "12", "7_12_01-29-96"),
        ("bw/AMS_V23/frames/georef/1950_17.tif", "ams_v23_frames", "1950", "N/A", "17", "1950_17"),
    ],
)  # fmt: skip
def test_reads_every_grammar(key, collection_id, date, roll, frame, scan):
    upload = keys.parse_upload(key)

    assert upload.name is not None
    assert (upload.collection.id, upload.name.date, upload.name.roll) == (collection_id, date, roll)
    assert (upload.name.frame_num, upload.name.scan_stem) == (frame, scan)


@pytest.mark.parametrize(
    "key",
    [
        "rgb/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif",
        "bw/Travis/USDA1951/frames/georef/03-22-51_4-173.tif",
        "bw/Travis/USDA_1951/photos/georef/03-22-51_4-173.tif",
        "bw/El Paso/USDA_1951/frames/georef/03-22-51_4-173.tif",
        "bw/a/b/USDA_1951/frames/georef/03-22-51_4-173.tif",
        "bw/../USDA_1951/frames/georef/03-22-51_4-173.tif",
        "bw//USDA_1951/frames/georef/03-22-51_4-173.tif",
        "bw/Travis//USDA_1951/frames/georef/03-22-51_4-173.tif",
        "bw/Travis/USDA_1951/frames/georef/epsg3857/03-22-51_4-173.tif",
        "bw/Travis/USDA_1951/frames/Georef/03-22-51_4-173.tif",
        "bw/Travis/USDA_1951/frames/georef /03-22-51_4-173.tif",
        "bw/Travis/USDA_1951/frames/03-22-51_4-173.tif",
        "bw/Travis/USDA_1951/georef/03-22-51_4-173.tif",
        "BW/Travis/USDA_1951/frames/georef/03-22-51_4-173.tif",
        "georef/x.tif",
        "x.tif",
        "",
    ],
)
def test_rejects_alone_what_lies_in_no_folder_for_uploads(key):
    with pytest.raises(InvalidFrameError) as caught:
        keys.parse_upload(key)

    assert caught.value.reason == Reason.WRONG_FOLDER
    assert advice(caught.value.reason, key)


@pytest.mark.parametrize(
    "key",
    [
        FRAME + "noroll.tif",
        FRAME + "03-22-51_173.tif",
        FRAME + "03-22-51_4-173.jpg",
        FRAME + "03-22-51_4-173.tif.tif",
        FRAME + "03-22-51_4-173\u202egpj.tif",
        FRAME + "03-22-51_4-173\n.tif",
        FRAME + "03-22-51_4-'; DROP TABLE frame --.tif",
        FRAME + '03-22-51_4-"END LAYER.tif',
        FRAME + "03-22-51_4-{{ x }}.tif",
        FRAME + "-03-22-51_4-173.tif",
        FRAME + ".tif",
        FRAME + "03-22-51_4-" + "9" * 300 + ".tif",
        "bw/Travis/USDA_1951/index/georef/USDA_1951.tif",
        "bw/Travis/USDA_1951/index/georef/USDA_1951_01_2_3.tif",
        "bw/Travis/USDA_1951/mosaic/georef/picture.tif",
        "nc/StratMap/Hays/TNRIS_1996/frames/georef/7_12.tif",
    ],
)
def test_rejects_alone_what_fits_no_grammar(key):
    with pytest.raises(InvalidFrameError) as caught:
        keys.parse_upload(key)

    assert caught.value.reason == Reason.BAD_NAME
    assert advice(caught.value.reason, key)


def test_takes_folders_for_the_same_collection_whatever_their_capital_letters():
    spelled = [keys.parse_upload(key.replace("/U/", "/georef/")) for key in (
        "nc/StratMap/Hays/TNRIS_1996/frames/U/7_12_01-29-96.tif", "nc/STRATMAP/hays/tnris_1996/frames/U/7_12_01-29-96.tif",
    )]  # fmt: skip

    assert spelled[0].collection.id == spelled[1].collection.id
    assert spelled[0].name == spelled[1].name
    assert keys.parse_upload("bw/hays/usgs_1954/frames/georef/1954_2-18.tif").name.roll == keys.NOT_KNOWN


@pytest.mark.parametrize("name", ["03-22-51_4-Müller.tif", "03-22-51_4-Mu\u0308ller.tif"])
def test_reads_both_ways_to_store_an_accent_as_one_name(name):
    upload = keys.parse_upload(FRAME + name)

    assert (upload.stem, upload.name.scan_stem) == ("03-22-51_4-Müller", "03-22-51_4-Müller")
    assert upload.key == FRAME + name


def test_looks_at_the_composed_name_for_what_it_must_not_contain():
    with pytest.raises(InvalidFrameError, match="contains ';'"):
        keys.parse_upload(FRAME + "03-22-51_4-1\u037e.tif")


def test_keeps_bw_and_nc_of_one_flight_apart_in_every_key():
    bw = keys.parse_upload(FRAME + "03-22-51_4-173.tif")
    nc = keys.parse_upload(FRAME.replace("bw/", "nc/", 1) + "03-22-51_4-173.tif")

    assert bw.collection == nc.collection
    assert cog_key(bw, "0" * 12) != cog_key(nc, "0" * 12)
    assert keys.tile_index_prefix(bw.collection, Bands.BW) != keys.tile_index_prefix(nc.collection, Bands.NC)


@pytest.mark.parametrize("extension", [".tif", ".TIF", ".Tiff", ".tiff"])
def test_changes_only_the_extension_of_a_name(extension):
    upload = keys.parse_upload(FRAME + "03-22-51_4-STIFF" + extension)

    assert cog_key(upload, "d" * 12).endswith("/cog/03-22-51_4-STIFF.dddddddddddd.tif")


@pytest.mark.parametrize(
    ("written", "year", "expected"),
    [
        ("01-29-60", "1960", (dt.date(1960, 1, 29), dt.date(1960, 1, 29))),
        ("1-9-1960", "1960", (dt.date(1960, 1, 9), dt.date(1960, 1, 9))),
        ("02-30-60", "1960", (dt.date(1960, 1, 1), dt.date(1960, 12, 31))),
        ("1954", "V12", (dt.date(1954, 1, 1), dt.date(1954, 12, 31))),
        ("01-29-07", "2007", (dt.date(2007, 1, 29), dt.date(2007, 1, 29))),
        ("nonsense", "V12", None),
    ],
)
def test_reads_a_date_as_a_range(written, year, expected):
    assert keys.acquisition(written, year) == expected
