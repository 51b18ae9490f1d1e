from __future__ import annotations

import pytest
from cogmill.domain import screening

FRAMES = "bw/Travis/USDA_1951/frames/"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (FRAMES + "georef/x.tif", True),
        (FRAMES + "scanned/x.TIF", True),
        (FRAMES + "georef/x.jpg", True),
        (FRAMES + "georef/", False),
        (FRAMES + "georef/x.tif.aux.xml", False),
        (FRAMES + "georef/x.tfw", False),
        (FRAMES + "georef/x.tif.points", False),
        (FRAMES + "scanned/x.wld", False),
        (FRAMES + "georef/x.RPB", False),
        # wherever else a TIFF lies, somebody has put it there
        (FRAMES + "georef/sub/x.tif", True),
        (FRAMES + "Georef/x.tif", True),
        (FRAMES + "georef /x.TIFF", True),
        (FRAMES + "x.tif", True),
        ("bw/Travis/USDA_1951/georef/x.tif", True),
        ("bw/Travis/cog/x.tif", True),
        ("cog/x.tif", True),
        ("catalog/x.tif", True),
        ("x.tif", True),
        # what is no TIFF concerns nobody there
        (FRAMES + "georef/sub/x.jpg", False),
        (FRAMES + "x.pdf", False),
        ("x.tif/", False),
        ("tif", False),
        ("", False),
        # where Cogmill writes
        (FRAMES + "cog/x.0123456789ab.tif", False),
        (FRAMES + "cog/of_the_old_system.tif", False),
        ("nc/StratMap/Travis/TxDOT_1996/mosaic/cog/x.0123456789ab.tif", False),
        ("nc/AMS_V23/index/cog/x.0123456789ab.tif", False),
        (FRAMES + "cog/tile_index/x.shp", False),
        (FRAMES + "cog/tile_index/x.tif", False),
        ("mapfiles/travis_usda_1951_frames.map", False),
        ("mapfiles/georef/x.tif", False),
        ("overviews/travis_usda_1951_frames/12/3_4.0123456789ab.tif", False),
        ("thumbnails/x.tif", False),
        ("quarantine/" + FRAMES + "georef/x.tif", False),
    ],
)
def test_an_upload_is_every_tiff_that_cogmill_did_not_write_and_every_file_in_a_stage(key, expected):
    assert screening.is_upload(key) is expected


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("a\0.tif", "NUL"),
        ("a\ud800.tif", "half of a character"),
        ("x" * 1021 + ".tif", "1024 bytes"),
        ("ä" * 511 + ".tif", "1024 bytes"),
        ("x" * 1020 + ".tif", None),
        ("ä" * 510 + ".tif", None),
        ("a\x01\n\u202e\uffff.tif", None),
        ("", None),
    ],
)
def test_names_why_the_ledger_cannot_hold_a_key(key, part):
    fault = screening.key_fault(key)

    assert fault is None if part is None else part in fault
