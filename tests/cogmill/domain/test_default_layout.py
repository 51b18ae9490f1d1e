"""The default layout is data; what it has to say is what the code said before."""

from __future__ import annotations

from cogmill.domain import keys
from cogmill.domain.errors import InvalidFrameError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.cogmill.domain import old_grammar
from tests.hostile_keys import hostile_keys

BANDS = st.sampled_from(("bw", "nc", "cir", "BW", "rgb"))
FOLDERS = st.lists(st.sampled_from(("Travis", "StratMap", "STRATMAP", "El Paso", "a", "1", "")), max_size=3)
AGENCY = st.sampled_from(("USDA", "AMS", "usgs", "TxDOT", "1A", "A_B"))
YEAR = st.sampled_from(("1951", "V12", "2007", "1851", "0000", "51", ""))
PRODUCT = st.sampled_from(("frames", "index", "mosaic", "Frames", "photos"))
STAGE = st.sampled_from(("georef", "scanned", "Georef", "cog"))
WORDS = st.sampled_from(
    (
        "03-22-51",
        "1-9-1960",
        "02-30-60",
        "00-00-00",
        "02-0860",
        "1951",
        "4",
        "173",
        "1A-2",
        "800dpi",
        "DPI",
        "mosaic",
        "MOSAIC",
        "Ä",
        "",
        "x.y",
    )
)
STEMS = st.lists(st.tuples(WORDS, st.sampled_from(("_", "-", "__", ""))), max_size=6).map(
    lambda pieces: "".join(word + joint for word, joint in pieces)
)
ENDS = st.sampled_from((".tif", ".TIFF", ".jpg", ".tif.tif"))


@st.composite
def likely_keys(draw):
    folders = "/".join([draw(BANDS), *draw(FOLDERS), f"{draw(AGENCY)}_{draw(YEAR)}", draw(PRODUCT), draw(STAGE)])
    return f"{folders}/{draw(STEMS)}{draw(ENDS)}"


def outcome(parse, key):
    try:
        return parse(key)
    except InvalidFrameError as fault:
        return fault.reason, fault.detail


@given(hostile_keys | likely_keys())
@example("nc/StratMap/Hays/TNRIS_1996/mosaic/georef/7_12_01-29-96.tif")
@example("bw/Travis/U_1951/index/georef/U_1951_01_800dpi_800dpi.tif")
@example("bw/Travis/U_1951/mosaic/georef/Mosaic_mosaic.tif")
@example("bw/a/b/c/USDA_1951/frames/georef/x.tif")
@settings(max_examples=400)
def test_says_of_every_key_what_the_code_said(key):
    assert outcome(keys.parse_upload, key) == outcome(old_grammar.parse_upload, key)


@given(WORDS | st.from_regex(r"\d{1,2}-\d{1,2}-\d{2,4}", fullmatch=True), YEAR)
def test_reads_every_date_as_the_code_did(written, year):
    assert keys.acquisition(written, year) == old_grammar.acquisition(written, year)
