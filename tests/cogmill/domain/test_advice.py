from __future__ import annotations

import pytest
from cogmill.domain.advice import advice, rejected_frame, right_key
from cogmill.domain.errors import ADVICE, Reason
from cogmill.domain.keys import parse_upload

FRAMES = "bw/Travis/USDA_1951/frames/"
GOOD = FRAMES + "georef/03-22-51_4-1.tif"


@pytest.mark.parametrize(
    ("key", "right"),
    [
        (FRAMES + "georef/roll4/03-22-51_4-1.tif", GOOD),
        (FRAMES + "Georef/03-22-51_4-1.tif", GOOD),
        (FRAMES + "georef /03-22-51_4-1.tif", GOOD),
        (FRAMES + "geo/03-22-51_4-1.tif", GOOD),
        (FRAMES + "03-22-51_4-1.tif", GOOD),
        (FRAMES + "frames/03-22-51_4-1.tif", GOOD),
        (FRAMES + "Scans/roll4/03-22-51_4-1.tif", FRAMES + "scanned/03-22-51_4-1.tif"),
        ("bw/Travis/USDA_1951/georef/03-22-51_4-1.tif", GOOD),
        ("bw/Travis/USDA_1951/georef/frames/03-22-51_4-1.tif", GOOD),
        ("bw/Travis/USDA_1951/roll_4/03-22-51_4-1.tif", GOOD),
        ("bw/Travis/USDA_1951/frames/roll_4/03-22-51_4-1.tif", GOOD),
        ("bw/Travis/USDA 1951/frames/georef/03-22-51_4-1.tif", GOOD),
        ("bw/Travis/USDA1951/frames/georef/03-22-51_4-1.tif", GOOD),
        ("BW/Travis/USDA_1951/Frames/Georef/03-22-51_4-1.tif", GOOD),
        ("upload of May/" + GOOD, GOOD),
        ("bw/Travis/USDA_1951/mosaic_1.tif", "bw/Travis/USDA_1951/mosaic/georef/mosaic_1.tif"),
        ("bw/El Paso/USDA_1951/frames/georef/x.tif", "bw/ElPaso/USDA_1951/frames/georef/x.tif"),
        ("bw/AMS_V23/frames/1950_17.tif", "bw/AMS_V23/frames/georef/1950_17.tif"),
        ("nc/StratMap/Hays/TNRIS_1996/7_12_01-29-96.tif", "nc/StratMap/Hays/TNRIS_1996/frames/georef/7_12_01-29-96.tif"),
        # nobody could tell
        ("x.tif", None),
        ("georef/x.tif", None),
        ("bw/Travis/frames/georef/x.tif", None),
        ("bw/USDA_1951/Travis/frames/georef/x.tif", None),
        ("bw/a/b/USDA_1951/frames/georef/x.tif", None),
        ("rgb/Travis/USDA_1951/frames/georef/x.tif", None),
        # it is there
        (GOOD, None),
        (FRAMES + "georef/x.tif", None),
    ],
)  # fmt: skip
def test_finds_the_folder_that_was_meant(key, right):
    assert right_key(key) == right


def test_a_moved_file_is_accepted():
    upload = parse_upload(right_key(FRAMES + "Georef/roll4/03-22-51_4-1.tif"))

    assert (upload.collection.id, upload.stem) == ("travis_usda_1951_frames", "03-22-51_4-1")


def test_the_advice_names_the_key_to_move_the_file_to():
    assert advice(Reason.WRONG_FOLDER, FRAMES + "georef/roll4/03-22-51_4-1.tif") == f"Move it to {GOOD}."


def test_the_advice_says_too_when_the_name_must_change():
    text = advice(Reason.WRONG_FOLDER, FRAMES + "georef/roll4/x.tif")

    assert text == f"Move it to {FRAMES}georef/x.tif and rename it: 'x' is not <date>_<roll>-<frame>."


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_advice_where_the_folder_tells_nothing(reason):
    assert advice(reason, "x.tif") == ADVICE[reason]
    assert advice(reason, GOOD) == ADVICE[reason]


def test_a_rejection_is_one_line_whatever_its_key():
    frame = rejected_frame(FRAMES + "roll\n4/03-22-51_4-1\u2028.tif", Reason.WRONG_FOLDER, "x")

    assert len(frame.text.splitlines()) == 1
    assert "Move it to 'bw/Travis/USDA_1951/frames/georef/03-22-51_4-1\\u2028.tif'" in frame.text
