"""Texts with named parts, such as `{date}_{roll}-{frame}[_{epsg}]`: read by them, and written by them.

A name in braces is a part; what stands in brackets may be missing; everything else stands for itself.

>>> named = Pattern("{date}_{roll}-{frame}[_{epsg}]", {"roll": ".+"})
>>> named.read("1951-03-22_4-173")
{'date': '1951-03-22', 'roll': '4', 'frame': '173'}
>>> named.write({"date": "1951", "roll": "4", "frame": "173", "epsg": "31467"})
'1951_4-173_31467'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cogmill.domain.errors import ConfigurationError

_TOKENS = re.compile(r"\{(?P<part>[a-z]+)\}|(?P<text>[^][{}]+)|(?P<bracket>[][])")

Token = tuple[str, str]
"""Kind (`part`, `text`, `bracket`) and what stands there."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """One pattern with the rules of its parts."""

    text: str
    rules: Mapping[str, str] = field(default_factory=dict)
    """Regular expression of a part; one without a rule ends before the text that follows it in the pattern."""
    any_case: bool = False
    """Whether letters of the pattern itself may be capital or small."""

    @cached_property
    def parts(self) -> list[str]:
        """Names of its parts, in their order; one that stands there twice is read as both texts joined."""
        return [value for kind, value in self._tokens if kind == "part"]

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The same as a regular expression, with one group for each part."""
        return re.compile("".join(self._pieces()), re.DOTALL | (re.IGNORECASE if self.any_case else 0))

    @cached_property
    def _once(self) -> bool:
        return len(set(self.parts)) == len(self.parts)

    def read(self, text: str) -> dict[str, str] | None:
        """Return the parts of a text; None when it does not fit. Parts in brackets that are not there are left out."""
        match = self.expression.fullmatch(text)
        if match is None:
            return None
        found = match.groupdict()
        if not self._once:
            joined: dict[str, str] = {}
            for group, value in found.items():
                name = group.rstrip("0123456789")
                joined[name] = joined.get(name, "") + (value or "")
            return joined
        return {name: value for name, value in found.items() if value is not None}

    def write(self, values: Mapping[str, str]) -> str:
        """Return the text with these parts; what stands in brackets only where all of its parts are given.

        Raises:
            KeyError: A part that must be there is not given.
        """
        written = [""]
        missing = False
        for kind, value in self._tokens:
            if kind == "bracket" and value == "[":
                written.append("")
                missing = False
            elif kind == "bracket":
                section = written.pop()
                written[-1] += "" if missing else section
                missing = False
            elif kind == "text":
                written[-1] += value
            elif len(written) > 1 and value not in values:
                missing = True
            else:
                written[-1] += values[value]
        return written[0]

    @cached_property
    def _tokens(self) -> Sequence[Token]:
        tokens, at, depth = [], 0, 0
        while at < len(self.text):
            match = _TOKENS.match(self.text, at)
            depth += {"[": 1, "]": -1}.get(match["bracket"] or "", 0) if match else 0
            if match is None or depth not in (0, 1):
                raise ConfigurationError(
                    f"{self.text!r}: the pattern cannot be read from {self.text[at:]!r} on; parts are written {{name}} in small letters,"
                    " and what may be missing in one pair of brackets"
                )
            tokens.append((str(match.lastgroup), match[0] if match.lastgroup != "part" else match["part"]))
            at = match.end()
        if depth:
            raise ConfigurationError(f"{self.text!r}: a bracket is not closed")
        return tokens

    def _pieces(self) -> Iterator[str]:
        seen: dict[str, int] = {}
        for number, (kind, value) in enumerate(self._tokens):
            if kind == "text":
                yield re.escape(value)
            elif kind == "bracket":
                yield "(?:" if value == "[" else ")?"
            else:
                seen[value] = seen.get(value, -1) + 1
                group = value if not seen[value] else f"{value}{seen[value]}"
                yield f"(?P<{group}>{self.rules.get(value) or self._until_next(number, value)})"

    def _until_next(self, number: int, part: str) -> str:
        """Return the rule of a part without one: up to the text that follows, or up to the end."""
        after = next((token for token in self._tokens[number + 1 :] if token[0] != "bracket"), None)
        if after is None:
            return ".+"
        if after[0] == "part":
            raise ConfigurationError(
                f"{self.text!r}: nothing stands between {{{part}}} and {{{after[1]}}}, so {{{part}}} needs a rule of its own"
            )
        text = re.escape(after[1])
        return f"[^{text}]+" if len(after[1]) == 1 else f"(?:(?!{text}).)+"
