"""The layout of the archive's keys as data: patterns with named parts, and the one layout that this process works by."""

from __future__ import annotations

from collections.abc import Iterable

from cogmill.domain.layout.formats import Format
from cogmill.domain.layout.rules import KeyLayout
from cogmill.domain.layout.texas import TEXAS

__all__ = ["TEXAS", "KeyLayout", "formats_in_use", "language_in_use", "layout_in_use", "use_layout"]

_NO_FORMATS: tuple[Format, ...] = ()

_in_use = [(TEXAS, "en", _NO_FORMATS)]


def layout_in_use() -> KeyLayout:
    """Return the layout by which this process reads and writes keys: that of its site, or the default one."""
    return _in_use[0][0]


def language_in_use() -> str:
    """Return the language in which this process talks to people who upload, such as `en`."""
    return _in_use[0][1]


def formats_in_use() -> tuple[Format, ...]:
    """Return the formats beside GeoTIFF of which this process takes uploads, each once."""
    return _in_use[0][2]


def use_layout(layout: KeyLayout, language: str = "en", formats: Iterable[Format] = ()) -> None:
    """Let this process work by a layout, talk in a language, and take files of some formats beside GeoTIFF.

    A process works for one archive: its settings do this once, as they are read.

    Raises:
        ConfigurationError: The layout cannot be read.
    """
    layout.check()
    _in_use[0] = layout, language, tuple(dict.fromkeys(formats))
