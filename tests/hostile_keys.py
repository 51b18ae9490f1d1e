"""Object keys as no person would write them: random ones, and proper ones with something wrong."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

PREFIX = "bw/Travis/USDA_1951/frames/"
PROPER = (
    PREFIX + "georef/03-22-51_5-173.tif",
    PREFIX + "scanned/03-22-51_5-173.TIFF",
    PREFIX + "cog/03-22-51_5-173.0123456789ab.tif",
    PREFIX + "cog/tile_index/Travis_USDA_1951_frames.shp",
    "nc/StratMap/Hays/TNRIS_1996/frames/georef/7_12_01-29-96_4326.tif",
    "bw/Hays/AMS_1950/index/georef/AMS_1950_17_800dpi_2.tif",
    "nc/AMS_V23/mosaic/georef/mosaic_Ü1.tif",
    "mapfiles/travis_usda_1951_frames.map",
    "overviews/travis_usda_1951_frames/12/3_4.0123456789ab.tif",
    "quarantine/mapfiles/x.txt",
)
ODD = "\0\x01\t\n\r\x1b\x7f\x80\xa0\u0308\u037e\u202e\u2028\ufeff\ufffd\uffff\U0001f600 %+#?&=;:'\"<>|*\\`$[]{}~.İß"
"""Characters that mean something to somebody: XML, SQL, JSON, addresses, shells, templates, terminals, Unicode."""

WORDS = (
    "..",
    ".",
    "",
    " ",
    "georef",
    "Georef",
    "cog",
    "%00",
    "{{ 7*7 }}",
    "'; DROP TABLE cogmill.frame --",
    "roll4",
    "x" * 300,
)

odd_characters = st.sampled_from(ODD) | st.characters(exclude_categories=())  # halves of characters included


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a proper key with one to four faults."""
    key = draw(st.sampled_from(PROPER))
    for _ in range(draw(st.integers(1, 4))):
        key = draw(st.sampled_from(FAULTS))(draw, key)
    return key


def _insert(draw: st.DrawFn, key: str) -> str:
    at = draw(st.integers(0, len(key)))
    return key[:at] + draw(odd_characters) + key[at:]


def _cut(draw: st.DrawFn, key: str) -> str:
    at = draw(st.integers(0, len(key)))
    return key[:at] + key[at + draw(st.integers(1, 6)) :]


def _respell(draw: st.DrawFn, key: str) -> str:
    return draw(st.sampled_from((str.upper, str.lower, str.swapcase, str.title)))(key)


def _recompose(draw: st.DrawFn, key: str) -> str:
    return unicodedata.normalize(draw(st.sampled_from(("NFC", "NFD", "NFKC", "NFKD"))), key)


def _folder(draw: st.DrawFn, key: str) -> str:
    parts = key.split("/")
    parts.insert(draw(st.integers(0, len(parts))), draw(st.sampled_from(WORDS)))
    return "/".join(parts)


def _without_folder(draw: st.DrawFn, key: str) -> str:
    parts = key.split("/")
    del parts[draw(st.integers(0, len(parts) - 1))]
    return "/".join(parts)


def _long(draw: st.DrawFn, key: str) -> str:
    return draw(st.sampled_from("aü\U0001f600/")) * draw(st.integers(100, 1100)) + key


FAULTS = (_insert, _insert, _cut, _respell, _recompose, _folder, _without_folder, _long)

hostile_keys = st.text(odd_characters, max_size=60) | mutated() | mutated() | mutated()
