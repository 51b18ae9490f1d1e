"""Folders of keys as patterns: `{bands}/{place}/{agency}_{year}/{product}/{stage}/{file}`.

One segment of a pattern is one folder; only `{place}` may stand for several or for none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cogmill.domain.errors import ConfigurationError
from cogmill.domain.layout.patterns import Pattern

KNOWN_PARTS = ("bands", "place", "agency", "year", "product", "stage")
"""Parts that the folders of a key may have; `file` is the last segment."""

NEEDED_PARTS = ("bands", "agency", "year", "product")
"""Parts that a pattern has, or to which it gives a fixed value: the ledger knows every frame by them."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, eq=False)
class PartRule:
    """What one part of a folder's name may be."""

    expression: str
    """Regular expression; of one folder, where the part may stand for several."""
    label: str
    """How it is shown to people, in angle brackets: `County`."""
    checks: tuple[tuple[str, str], ...] = ()
    """Regular expressions that the whole part must fit, and what is said where it does not; `{value}` is the part."""
    most_folders: int = 1
    """Of `{place}`: how many folders it may stand for."""
    optional: bool = False
    """Of `{place}`: whether it may be missing."""
    says: str = ""
    """What is said of folders that do not fit, `{value}`; empty: made of label and letters."""
    names: tuple[str, ...] = ()
    """All that the part may be, where that is a list."""


def choice(names: Sequence[str], label: str) -> PartRule:
    """Return the rule of a part that is one of some names."""
    return PartRule("|".join(map(re.escape, names)), label, names=tuple(names))


@dataclass(frozen=True, eq=False)
class KeyPattern:
    """One accepted layout of keys."""

    text: str
    rules: Mapping[str, PartRule]
    """By part; every part of the pattern has one."""
    letters: str = "letters and digits"
    """What names of folders are made of, as it is told to people."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Values of parts that do not stand in the pattern."""
    shown: str = ""
    """The pattern as it is shown to people; empty: made of the labels."""

    def check(self) -> None:
        """Raise ConfigurationError unless the pattern can be read, and names all that the ledger needs."""
        if self.text.split("/")[-1] != "{file}":
            raise ConfigurationError(f"{self.text!r}: the last part of a layout of keys is /{{file}}")
        parts = self.parts
        for part in parts:
            if part not in KNOWN_PARTS:
                raise ConfigurationError(
                    f"{self.text!r}: {{{part}}} is unknown, allowed are {', '.join(KNOWN_PARTS)} and file"
                )
            if parts.count(part) > 1:
                raise ConfigurationError(f"{self.text!r}: {{{part}}} stands there twice")
        missing = [part for part in NEEDED_PARTS if part not in (*parts, *self.fixed)]
        if missing:
            raise ConfigurationError(f"{self.text!r}: {', '.join(missing)} must be a part of it, or have a fixed value")
        if (
            self.several is None
            and "{place}" in self.text
            and (self.rules["place"].most_folders > 1 or self.rules["place"].optional)
        ):
            raise ConfigurationError(
                f"{self.text!r}: {{place}} is optional or stands for several folders, so it must be a folder of its own"
            )
        self.expression  # noqa: B018 - which compiles it

    @cached_property
    def parts(self) -> list[str]:
        """Names of the parts in its folders, in their order."""
        return [part for segment in self.segments for part in segment.parts]

    @cached_property
    def segments(self) -> list[Pattern]:
        """One pattern for each folder."""
        rules = {part: f"(?:{rule.expression})" for part, rule in self.rules.items()}
        return [Pattern(segment, rules) for segment in self.text.split("/")[:-1]]

    @cached_property
    def several(self) -> int | None:
        """Position of the place, where it may stand for none or for several folders."""
        rule = self.rules.get("place")
        if rule is None or (rule.most_folders == 1 and not rule.optional):
            return None
        return next((n for n, segment in enumerate(self.segments) if segment.text == "{place}"), None)

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """All folders as one regular expression, each with its slash at the end."""
        return re.compile("".join(self._folder_expressions()))

    def _folder_expressions(self) -> Iterator[str]:
        for number, segment in enumerate(self.segments):
            if number != self.several:
                yield f"{segment.expression.pattern}/"
                continue
            rule = self.rules["place"]
            more = rule.most_folders - 1
            folders = f"(?:{rule.expression})(?:/(?:{rule.expression})){{0,{more}}}"
            yield f"(?:(?P<place>{folders})/)" + ("?" if rule.optional else "")

    def read(self, folders: str) -> dict[str, str] | None:
        """Return the parts of the folders of a key, joined by slashes; None when they do not fit."""
        match = self.expression.fullmatch(f"{folders}/")
        if match is None:
            return None
        values = {name: value or "" for name, value in match.groupdict().items()}
        fits = all(re.fullmatch(check, values[part]) for part in values for check, _ in self.rules[part].checks)
        return {**self.fixed, **values} if fits else None

    def write(self, values: Mapping[str, str]) -> str:
        """Return the folders with these parts, with a slash at the end; parts that are empty leave no folder behind.

        Where the pattern has no stage, that is a folder below all others.
        """
        folders = (segment.write(values) for segment in self._written)
        return "".join(f"{folder}/" for folder in folders if folder)

    @cached_property
    def _written(self) -> list[Pattern]:
        staged = [] if "stage" in self.parts else [Pattern("{stage}")]
        return [*self.segments, *staged]

    def made_expression(self, folder: str) -> str:
        """Return a regular expression of the folders in which Cogmill writes, a little wider than those that it does."""
        closed = {part: rule.expression for part, rule in self.rules.items() if part in {"bands", "product"}}
        rules = {**dict.fromkeys(KNOWN_PARTS, "[^/]+"), **closed, "stage": re.escape(folder)}
        pieces = []
        for number, segment in enumerate(self.segments):
            place = self.rules.get("place") if number == self.several else None
            if place:
                pieces.append(f"(?:[^/]+/){{{0 if place.optional else 1},{place.most_folders}}}")
            elif closed.keys() & set(segment.parts) or "stage" in segment.parts:
                pieces.append(f"{Pattern(segment.text, rules).expression.pattern}/")
            else:
                pieces.append("[^/]+/")
        if "stage" not in self.parts:
            pieces.append(f"{re.escape(folder)}/")
        return "".join(pieces)

    def stage_in(self, words: Sequence[str]) -> str | None:
        """Return the name of the stage that stands where folders of this pattern have it; None when none does."""
        number = next(n for n, segment in enumerate(self.segments) if "stage" in segment.parts)
        if self.several is not None and number > self.several:
            number -= len(self.segments)
        if not -len(words) <= number < len(words):
            return None
        values = self.segments[number].read(words[number])
        return values["stage"] if values else None

    def shown_text(self) -> str:
        """Return the pattern as it is shown to people: `<bands>/<County>/<AGENCY>_<YYYY>/<product>/<stage>/<file>`."""
        return self.shown or "/".join([*(self._shown(segment) for segment in self.segments), "<file>"])

    def _shown(self, segment: Pattern) -> str:
        return segment.write({part: f"<{self.rules[part].label}>" for part in segment.parts})

    def fault(self, words: Sequence[str]) -> tuple[int, str]:
        """Return how much of some folders fits, and the rule that they break first: stage, bands, product, then the others."""
        fixed = len(self.segments) - (self.several is not None)
        if len(words) < fixed or (self.several is None and len(words) > fixed):
            return 0, f"expected {self.shown_text()}"
        folders = self._assigned(words)
        order = sorted(range(len(self.segments)), key=lambda n: (_rank(self.segments[n]), n == self.several, n))
        for fitting, number in enumerate(order):
            fault = self._folder_fault(number, folders[number], len(words))
            if fault:
                return fitting + 1, fault
        return len(order), f"expected {self.shown_text()}"

    def _assigned(self, words: Sequence[str]) -> list[Sequence[str]]:
        """Return the folders of each segment."""
        if self.several is None:
            return [[word] for word in words]
        after = len(self.segments) - self.several - 1
        before, end = list(words[: self.several]), len(words) - after
        return [*([word] for word in before), words[self.several : end], *([word] for word in words[end:])]

    def _folder_fault(self, number: int, folders: Sequence[str], count: int) -> str | None:
        segment, value = self.segments[number], "/".join(folders)
        place = self.rules.get("place")
        if number == self.several and place is not None:
            fits = len(folders) <= place.most_folders and (bool(folders) or place.optional)
            fits = fits and all(re.fullmatch(place.expression, folder) for folder in folders)
            values = {"place": value} if fits else None
        else:
            values = segment.read(value)
        if values is None:
            return self._unfit(number, value, count)
        for part, text in values.items():
            for check, says in self.rules[part].checks:
                if not re.fullmatch(check, text):
                    return says.format(value=repr(text))
        return None

    def _unfit(self, number: int, value: str, count: int) -> str:
        segment = self.segments[number]
        names = self.rules[segment.parts[0]].names if segment.parts else ()
        if segment.text == "{stage}" and number == len(self.segments) - 1:
            return f"it is not directly below {' or '.join(f'{name}/' for name in names)}"
        if segment.text == "{product}":
            return f"the product folder is {value!r}, not one of {', '.join(names)}"
        if segment.text in {"{bands}", "{stage}"}:
            # behind a place of several folders nobody counts
            counted = min(len(ORDINALS), count if self.several is None else self.several)
            place = ORDINALS[number] if number < counted else segment.parts[0]
            return f"the {place} folder is {value!r}, not one of {', '.join(names)}"
        if number == self.several and self.rules["place"].says:
            return self.rules["place"].says.format(value=repr(value))
        return f"{value!r} is not {self._shown(segment)} in {self.letters}"


def _rank(segment: Pattern) -> int:
    return {"{stage}": 0, "{bands}": 1, "{product}": 2}.get(segment.text, 3)
