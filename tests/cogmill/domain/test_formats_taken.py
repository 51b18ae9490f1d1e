"""Names of JPEG 2000 and ERDAS IMAGINE: uploads where the site takes them, and wrong names as ever where not."""

from __future__ import annotations

import pytest
from cogmill.domain.advice import advice
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.key_reading import Becomes, read_key
from cogmill.domain.keys import parse_cog, parse_upload
from cogmill.domain.layout import TEXAS, use_layout
from cogmill.domain.layout.formats import Format
from cogmill.domain.screening import is_upload
from cogmill.domain.sidecars import SidecarKind, read_sidecar

FRAMES = "bw/Travis/USDA_1951/frames/"
STEM = "03-22-51_4-1"


@pytest.fixture
def both():
    """A process that takes both formats."""
    use_layout(TEXAS, formats=[Format.JP2, Format.IMG, Format.JP2])
    yield
    use_layout(TEXAS)


@pytest.mark.parametrize("ending", ["jp2", "JP2", "img", "Img", "tif"])
def test_is_a_frame(both, ending):
    upload = parse_upload(f"{FRAMES}georef/{STEM}.{ending}")

    assert (upload.stem, upload.collection.id) == (STEM, "travis_usda_1951_frames")
    assert read_key(upload.key).becomes is Becomes.FRAME


@pytest.mark.parametrize("ending", ["jp2", "img"])
def test_no_name_of_it_is_silently_left_lying(both, ending):
    key = f"{FRAMES}georef/roll4/{STEM}.{ending}"

    assert is_upload(key)
    assert advice(Reason.WRONG_FOLDER, key) == f"Move it to {FRAMES}georef/{STEM}.{ending}."


@pytest.mark.parametrize("ending", ["jpg", "jp2.jpg", "jpx", "j2k", "ige", "img.zip"])
def test_other_endings_stay_wrong(both, ending):
    with pytest.raises(InvalidFrameError, match=r"does not end in \.tif, \.tiff, \.jp2 or \.img"):
        parse_upload(f"{FRAMES}georef/{STEM}.{ending}")


@pytest.mark.parametrize("name", [".jp2", " .img", "-x.jp2", "x.tif.jp2", "a<b_4-1.jp2", "03-22-51_4-1\n.jp2", "x.jp2"])
def test_rules_of_names_hold_for_it(both, name):
    with pytest.raises(InvalidFrameError, match="bad_name"):
        parse_upload(f"{FRAMES}georef/{name}")


def test_scans_and_cogs_are_tiffs(both):
    with pytest.raises(InvalidFrameError, match="bad_name"):
        parse_upload(f"{FRAMES}scanned/{STEM}.jp2")
    with pytest.raises(InvalidFrameError, match="bad_name"):
        parse_cog(f"{FRAMES}cog/{STEM}.jp2")


@pytest.mark.parametrize("ending", ["jp2.aux.xml", "aux.xml", "wld", "j2w", "JP2W", "igw", "imgw"])
def test_a_file_beside_it_speaks_of_it(both, ending):
    _, upload = read_sidecar(f"{FRAMES}georef/{STEM}.{ending}", tuple(SidecarKind))

    assert upload.stem == STEM


@pytest.mark.parametrize(
    ("key", "taken", "told"),
    [
        (f"{FRAMES}georef/{STEM}.jp2", [], "JPEG 2000 is only taken as a georeferenced frame"),
        (f"{FRAMES}georef/{STEM}.IMG", [Format.JP2], "ERDAS IMAGINE is only taken as a georeferenced frame"),
        (f"{FRAMES}scanned/{STEM}.jp2", list(Format), "JPEG 2000 is only taken as a georeferenced frame"),
        (f"{FRAMES}georef/x.jp2", list(Format), "Rename the file to the pattern of its folder"),
        (f"{FRAMES}georef/{STEM}.jpg", list(Format), "Rename the file to the pattern of its folder"),
    ],
)
def test_the_advice_names_the_case(key, taken, told):
    use_layout(TEXAS, formats=taken)
    try:
        assert told in advice(Reason.BAD_NAME, key)
        assert read_key(key).advice == advice(Reason.BAD_NAME, key)
    finally:
        use_layout(TEXAS)


def test_it_is_nobody_s_business_outside_of_the_stages_where_it_is_not_taken():
    assert not is_upload(f"{FRAMES}{STEM}.jp2")
    assert is_upload(f"{FRAMES}georef/{STEM}.jp2")
