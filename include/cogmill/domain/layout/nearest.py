"""The folders that were meant: the ones nearest to those in which a file lies, as far as they tell."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from cogmill.domain.layout.folders import PartRule
from cogmill.domain.layout.kinds import Product, Stage
from cogmill.domain.layout.patterns import Pattern
from cogmill.domain.layout.rules import KeyLayout

SCANS = ("scan", "raw")
"""Beginnings of folder names that speak of raw scans."""

Parts = dict[str, str]


def nearest_folders(layout: KeyLayout, words: Sequence[str], product: Product) -> str | None:
    """Return the folders of a layout that some folders seem to mean, with a slash at the end; None when they do not tell.

    Capital letters and blanks at the ends may differ, folders before and behind the right ones are left out, and a stage or product that
    is missing is made up for.

    Args:
        layout: Of which the first pattern is tried.
        words: Names of the folders.
        product: Of the file, as far as its name tells.
    """
    pattern = layout.keys[0]
    scans = any(word.casefold().startswith((*SCANS, layout.stages[Stage.SCANNED].casefold())) for word in words)
    guesses = {
        "stage": layout.stages[Stage.SCANNED if scans else Stage.GEOREF],
        "product": layout.products[product],
    }
    alignment = _Alignment(pattern.segments, pattern.rules, pattern.several, guesses)
    for start in range(len(words)):
        found = next(alignment.fits(0, words[start:]), None)
        if found is not None:
            return pattern.write({**guesses, **found})
    return None


class _Alignment:
    """Lay words over the segments of a pattern, one after the other."""

    def __init__(
        self, segments: Sequence[Pattern], rules: Mapping[str, PartRule], several: int | None, guesses: Parts
    ) -> None:
        self._segments = segments
        self._rules = rules
        self._several = several
        self._guesses = guesses
        # without capital letters, so that a folder is found whatever its own are
        self._names = {part: {_plain(name): name for name in rule.names} for part, rule in rules.items() if rule.names}

    def fits(self, number: int, words: Sequence[str]) -> Iterator[Parts]:
        """Yield the parts for every way to lay words over the segments from one on."""
        if number == len(self._segments):
            yield {}
            return
        for parts, rest in self._steps(number, words):
            for others in self.fits(number + 1, rest):
                yield {**parts, **others}

    def _steps(self, number: int, words: Sequence[str]) -> Iterator[tuple[Parts, Sequence[str]]]:
        segment = self._segments[number]
        if number == self._several:
            rule = self._rules["place"]
            place = Pattern("{place}", {"place": rule.expression})
            for count in range(min(rule.most_folders, len(words)), 0 if not rule.optional else -1, -1):
                if all(place.read(word) for word in words[:count]):
                    yield {"place": "/".join(words[:count])}, words[count:]
            return
        alone = segment.parts[0] if segment.text == f"{{{''.join(segment.parts[:1])}}}" else ""
        if words and (parts := self._read(segment, alone, words[0])):
            yield parts, words[1:]
        if alone in self._guesses:
            yield {alone: self._guesses[alone]}, words

    def _read(self, segment: Pattern, alone: str, word: str) -> Parts | None:
        if alone in self._names:
            name = self._names[alone].get(_plain(word))
            return {alone: name} if name else None
        return segment.read(word)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()
