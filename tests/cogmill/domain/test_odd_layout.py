"""Layouts that share nothing with the default one: every key that they write is read as what it was written from."""

from __future__ import annotations

import pytest
from cogmill.domain import keys, screening
from cogmill.domain.errors import ConfigurationError, InvalidFrameError, Reason
from cogmill.domain.layout import TEXAS, layout_in_use, use_layout
from cogmill.domain.layout.dates import DateRules
from cogmill.domain.layout.file_names import FolderParts, NameRule
from cogmill.domain.layout.folders import KeyPattern, PartRule, choice
from cogmill.domain.layout.kinds import Bands, Product, Stage
from cogmill.domain.layout.patterns import Pattern
from cogmill.domain.layout.rules import KeyLayout
from hypothesis import given
from hypothesis import strategies as st

LETTERS = "A-Za-z0-9ÄÖÜäöüß. -"
BANDS = {Bands.BW: "s/w".replace("/", "+"), Bands.CIR: "infrarot (falsch)"}
PRODUCTS = {Product.FRAMES: "Bilder", Product.INDEX: "Bildübersicht", Product.MOSAIC: "Mosaik"}
STAGES = {Stage.GEOREF: "fertig", Stage.SCANNED: "roh"}
PARTS = {
    "bands": choice(tuple(BANDS.values()), "Kanäle"),
    "place": PartRule(f"[{LETTERS}]{{1,40}}", "Kreis", most_folders=3),
    "agency": PartRule("[A-Z]{2,9}", "Amt"),
    "year": PartRule(r"\d{4}(?:\.\.\d{4})?", "Jahr"),
    "product": choice(tuple(PRODUCTS.values()), "Produkt"),
    "stage": choice(tuple(STAGES.values()), "Stufe"),
}
NAMES = (
    NameRule(
        (
            Pattern("Bild {frame} Film {roll} ({date})", {"roll": ".+", "date": "[^()]+"}),
            Pattern("{frame}={roll}={date}"),
        ),
        "ist nicht Bild <Nummer> Film <Film> (<Datum>)",
        fixed={},
    ),
)


def layout(*patterns: str, fixed=None):
    made = tuple(KeyPattern(text, PARTS, fixed=fixed or {}) for text in patterns)
    return KeyLayout(BANDS, PRODUCTS, STAGES, made, NAMES, DateRules(("DD.MM.YYYY",), vague=True))


ODD = (
    layout("{stage} - {bands}/{year}, {agency}@{product}/{place}/{file}"),
    layout(
        "{product}/{place}/{agency}/{year}/{bands}/{stage}/{file}", "{place}/{agency}.{year}/{product}/{bands}/{file}"
    ),
    layout("{year}/{agency} {product} {bands}/{place}/{file}"),
    layout("{stage}/{place}/{year}/{product}/{file}", fixed={"bands": BANDS[Bands.CIR], "agency": "LGLN"}),
)


@pytest.fixture(autouse=True)
def default_again():
    yield
    use_layout(TEXAS)


WORD = st.text(st.sampled_from("abzAZ09Äöß. -"), min_size=1, max_size=9)
PLACES = st.lists(WORD, min_size=1, max_size=3).map("/".join)


@given(
    st.sampled_from(ODD),
    st.builds(
        FolderParts,
        bands=st.sampled_from([str(kind) for kind in BANDS]),
        folder=PLACES,
        agency=st.sampled_from(("LGLN", "LV", "USAAF")),
        year=st.sampled_from(("1951", "1943..1945")),
        product=st.sampled_from([str(kind) for kind in PRODUCTS]),
        stage=st.sampled_from([str(kind) for kind in STAGES]),
    ),
    st.tuples(WORD, WORD, st.sampled_from(("22.03.1951", "1951~"))),
)
def test_reads_what_it_writes(odd, where, name):
    use_layout(odd)
    if "agency" in odd.keys[0].fixed:
        where = where._replace(agency="LGLN", bands=str(Bands.CIR))
    if "stage" not in odd.keys[0].parts:
        where = where._replace(stage=str(Stage.GEOREF))
    folder = odd.keys[0].write(
        {
            "bands": BANDS[Bands(where.bands)],
            "place": where.folder,
            "agency": where.agency,
            "year": where.year,
            "product": PRODUCTS[Product(where.product)],
            "stage": STAGES[Stage(where.stage)] if "stage" in odd.keys[0].parts else "",
        }
    )
    frame, roll, date = name
    key = f"{folder}Bild {frame} Film {roll} ({date}).tif"

    upload = keys.parse_upload(key)

    assert odd.read_folders(folder[:-1]) == where
    if "stage" in odd.keys[0].parts:
        assert odd.made_folder(odd.read_folders(folder[:-1]), STAGES[Stage(where.stage)]) == folder
    assert (upload.bands, upload.collection.folder, upload.stage) == (where.bands, where.folder, where.stage)
    assert screening.is_upload(key)
    cog = keys.cog_key(upload.collection, upload.bands, upload.stem, "0" * 12)
    assert cog != key
    assert screening.is_below_cog(cog)
    assert not screening.is_upload(cog)
    assert (upload.name is None) == (where.stage == Stage.SCANNED)
    if upload.name:
        assert (upload.name.frame_num, upload.name.roll, upload.name.date) == (frame, roll, date)
        assert upload.name.acquired is not None
        foreign = keys.parse_cog(cog.replace(".000000000000.tif", ".tif"))
        assert (foreign.collection, foreign.bands, foreign.stem, foreign.name) == (
            upload.collection,
            upload.bands,
            upload.stem,
            upload.name,
        )


def test_takes_uploads_in_several_layouts_and_writes_by_the_first():
    use_layout(ODD[1])
    upload = keys.parse_upload("Göttingen/Süd/LGLN.1951/Bilder/s+w/7=3=22.03.1951.TIF")

    assert upload.collection.id == "goettingen_sued_lgln_1951_frames"
    assert upload.name
    assert (upload.name.frame_num, upload.name.roll) == ("7", "3")
    assert (
        keys.cog_key(upload.collection, upload.bands, upload.stem, "0" * 12)
        == "Bilder/Göttingen/Süd/LGLN/1951/s+w/cog/7=3=22.03.1951.000000000000.tif"
    )
    assert keys.scan_key(upload.collection, upload.bands, upload.stem).startswith(
        "Bilder/Göttingen/Süd/LGLN/1951/s+w/roh/"
    )


def test_names_what_does_not_fit_in_the_words_of_the_layout():
    use_layout(ODD[1])
    for key, says in (
        ("Bilder/Göttingen/LGLN/1951/s+w/Fertig/x.tif", "not directly below fertig/ or roh/"),
        ("Bilder/Göttingen/LGLN/1951/bw/fertig/x.tif", "the bands folder is 'bw', not one of s+w, infrarot (falsch)"),
        (
            "Photos/Göttingen/LGLN/1951/s+w/fertig/x.tif",
            "the product folder is 'Photos', not one of Bilder, Bildübersicht, Mosaik",
        ),
        ("Bilder/Göttingen/LGLN/51/s+w/fertig/x.tif", "'51' is not <Jahr> in letters and digits"),
        ("Bilder/x.tif", "expected <Produkt>/<Kreis>/<Amt>/<Jahr>/<Kanäle>/<Stufe>/<file>"),
    ):
        with pytest.raises(InvalidFrameError) as caught:
            keys.parse_upload(key)
        assert caught.value.reason == Reason.WRONG_FOLDER
        assert says in caught.value.detail


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{bands}/{place}/{agency}_{year}/{product}/{stage}", "the last part"),
        ("{bands}/{place}/{agency}/{product}/{stage}/{file}", "year must be a part"),
        ("{bands}/{county}/{agency}_{year}/{product}/{stage}/{file}", "{county} is unknown"),
        ("{bands}/{place}/{agency}_{year}/{product}/{bands}/{stage}/{file}", "stands there twice"),
        ("{bands}/{place} {agency}_{year}/{product}/{stage}/{file}", "a folder of its own"),
    ],
)
def test_says_what_is_wrong_with_a_layout_of_keys(text, says):
    with pytest.raises(ConfigurationError) as caught:
        use_layout(layout(text))

    assert says in str(caught.value)
    assert layout_in_use() is TEXAS
