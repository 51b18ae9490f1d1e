"""The words of the public pages: each that they use is translated, and no translation is left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from cogmill.config.page_words import EXAMPLE, PageWords, words_file, words_of
from cogmill.config.places import TEMPLATES

SOURCES = [*TEMPLATES.glob("*.html.j2"), *(Path(__file__).parents[3] / "include/cogmill/public").rglob("*.py")]
USED = re.compile(r'(?:(?:\b_|\bwords|\bwords\.plain)\(|\bknown = )"((?:[^"\\]|\\.)+)"')


def used() -> set[str]:
    return {text for source in SOURCES for text in USED.findall(source.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("file", sorted(TEMPLATES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_translation_has_every_text_and_no_other(file: Path) -> None:
    texts = yaml.safe_load(file.read_text(encoding="utf-8"))

    assert set(texts) - {EXAMPLE} == used()
    parts = {text: (set(re.findall(r"{\w+}", text)), set(re.findall(r"{\w+}", said))) for text, said in texts.items()}
    assert {text: both for text, both in parts.items() if both[0] != both[1]} == {}


@pytest.mark.parametrize("language", ["de", "de-AT", "DE"])
def test_german_is_written_for_all_who_speak_it(language: str) -> None:
    words = words_of(language)

    assert words("License") == "Lizenz"
    assert words.numeral("1,234.5 MB") == "1.234,5 MB"


@pytest.mark.parametrize("language", ["en", "fr", "en-US"])
def test_pages_are_in_english_where_nobody_has_translated_them(language: str) -> None:
    assert words_file(language) is None
    assert words_of(language)("License") == "License"
    assert words_of(language).numeral("1,234.5 MB") == "1,234.5 MB"


def test_parts_are_text() -> None:
    words = PageWords({"Scan {name}": "Bild {name}"})

    assert words("Scan {name}", name="<script> {x}") == "Bild &lt;script&gt; {x}"
    assert words.plain("Scan {name}", name="<b>") == "Bild <b>"
