"""Text of strangers in a mapfile: as its strings, and as literals of the SQL in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def metadata_lines(pairs: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Return quoted keys and values for the template."""
    return [(quoted(key), quoted(value)) for key, value in pairs.items()]


def quoted(text: str) -> str:
    """Return a mapfile string that holds this text and nothing else.

    Control and format characters become spaces: no directive needs them, and they hide things from whoever reads the file.
    """
    plain = "".join(" " if unicodedata.category(char).startswith("C") else char for char in text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def sql_literal(text: str) -> str:
    """Return a PostgreSQL string literal in which every special character is an escape.

    MapServer searches this text for `USING UNIQUE`, `!BOX!` and more before PostgreSQL sees it, so quoting alone would not do.
    """
    if re.fullmatch(r"[a-z0-9_]+", text):
        return f"'{text}'"
    return "U&'" + "".join(char if re.match(r"[a-z0-9_]", char) else f"\\+{ord(char):06X}" for char in text) + "'"
