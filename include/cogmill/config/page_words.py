"""Words of the public pages by language: the templates have them in English, and a file beside them each translation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from markupsafe import Markup

from cogmill.config.places import TEMPLATES

EXAMPLE = "12,345"
"""Key of how a language writes this number."""

SWAPPED = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class PageWords:
    """The words of one language."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Translations by the English text."""

    def __call__(self, text: str, **parts: object) -> Markup:
        """Return a text of ours with parts put in; parts are escaped, unless they are markup already.

        >>> PageWords({"Scan {name}": "Bild {name}"})("Scan {name}", name="<b>")
        Markup('Bild &lt;b&gt;')
        """
        return Markup(self.texts.get(text, text)).format(**parts)  # noqa: S704  our own text, from template or translation

    def plain(self, text: str, **parts: object) -> str:
        """Return a text with parts put in, not escaped: for documents that are no HTML."""
        return self.texts.get(text, text).format(**parts)

    def numeral(self, text: str) -> str:
        """Return a number that is written as in English as this language writes it.

        >>> PageWords({"12,345": "12.345"}).numeral("1,234.5")
        '1.234,5'
        """
        return text.translate(SWAPPED) if self.texts.get(EXAMPLE, EXAMPLE) != EXAMPLE else text


def words_file(language: str) -> Path | None:
    """Return the file with the words of a language, such as `de` or `de-AT`; None where pages are in English."""
    file = TEMPLATES / f"{language.partition('-')[0].lower()}.yaml"
    return file if file.is_file() else None


@cache
def words_of(language: str) -> PageWords:
    """Return the words of a language; English where there is no translation."""
    file = words_file(language)
    return PageWords(yaml.safe_load(file.read_text(encoding="utf-8")) if file else {})
