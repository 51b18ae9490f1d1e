"""What a TIFF says of itself in words: description, copyright, author, time, camera. Strangers wrote it, so it is cut and cleaned."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from cogmill.cog.output.tiff import read_ascii

TEXTS = {
    270: "description",
    271: "camera_make",
    272: "camera_model",
    306: "file_datetime",
    315: "artist",
    33432: "copyright",
}
"""Tags of TIFF 6.0 by number, and our words for them."""

WRITTEN = {
    "description": "TIFFTAG_IMAGEDESCRIPTION",
    "file_datetime": "TIFFTAG_DATETIME",
    "artist": "TIFFTAG_ARTIST",
    "copyright": "TIFFTAG_COPYRIGHT",
}
"""Items of GDAL's metadata that it writes as the very tag; it has none for the camera."""

LONGEST = 500
"""Characters of a text that are kept."""

_DATETIME = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")


def read_file_texts(path: Path) -> dict[str, str]:
    """Return the texts of the first directory of a TIFF, in the order of our words; those that are empty or no text are left out."""
    found = {TEXTS[tag]: _clean(raw) for tag, raw in read_ascii(path, TEXTS).items()}
    if not _DATETIME.fullmatch(found.get("file_datetime", "")):
        found.pop("file_datetime", None)
    return {word: text for word, text in sorted(found.items()) if text}


def metadata_items(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts as items of GDAL's metadata."""
    return {WRITTEN.get(word, f"COGMILL_{word.upper()}"): text for word, text in texts.items()}


def _clean(raw: bytes) -> str:
    r"""Return one line of printable characters; the standard says ASCII, programs write UTF-8 or Latin-1.

    >>> _clean(b"Flight 4,\r\n roll\x00 2\x1b[0m"), _clean("Peña".encode()), _clean("Peña".encode("latin-1"))
    ('Flight 4, roll 2 [0m', 'Peña', 'Peña')
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    printable = (" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFC", text))
    return " ".join("".join(printable).split())[:LONGEST].strip()
