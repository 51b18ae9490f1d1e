"""The part `layout` of the site file: where the files of an archive lie, how they are named and dated.

Every key may be left out and keeps the default of `cogmill.domain.layout.texas`; `docs/site.md` lists them with examples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cogmill.cog.profiles import PROFILES
from cogmill.config.values import Crs, StrictModel
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.keys import FORBIDDEN
from cogmill.domain.layout import TEXAS, KeyLayout
from cogmill.domain.layout.dates import Ambiguous, DateRules, Unreadable, date_format
from cogmill.domain.layout.file_names import NameRule
from cogmill.domain.layout.folders import KeyPattern, PartRule, choice
from cogmill.domain.layout.kinds import Bands, Product, Stage
from cogmill.domain.layout.patterns import Pattern
from cogmill.domain.layout.rules import ProductTreatment

LONGEST_FOLDER = 60
"""Characters of the name of one folder, where no rule says otherwise."""


def _expression(text: str) -> str:
    try:
        compiled = re.compile(text)
    except re.error as err:
        raise ValueError(f"must be a regular expression: {err}") from None
    if compiled.groupindex:
        raise ValueError("must be a regular expression without named groups")
    return text


def _letters(text: str) -> str:
    if wrong := sorted(FORBIDDEN & set(text)):
        raise ValueError(
            f"{' '.join(wrong)} can stand in no name: they mean something to a shell, SQL, a mapfile or HTML"
        )
    if not text.isprintable() or "/" in text:
        raise ValueError("must be printable characters other than a slash, such as 'äöüÄÖÜß -'")
    return text


def _format(text: str) -> str:
    try:
        date_format(text)
    except ConfigurationError as err:
        raise ValueError(str(err)) from None
    return text


def _profile(name: str) -> str:
    if name not in PROFILES:
        raise ValueError(f"allowed are {', '.join(PROFILES)}")
    return name


def _folder_alone(value: Any) -> Any:
    return {"folder": value} if isinstance(value, str) else value


Expression = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_expression)]
FolderName = Annotated[
    str, Field(min_length=1, max_length=LONGEST_FOLDER, pattern=r"^[^/\x00-\x1f]+$"), AfterValidator(_letters)
]
PatternText = Annotated[str, Field(min_length=1, max_length=400)]
PartName = Literal["place", "agency", "year"]


class PartConfig(StrictModel):
    """One part of the names of folders."""

    label: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """How people call it, such as `Landkreis`."""
    rule: Expression | None = None
    """Regular expression of one folder's name, or of its part."""
    folders: Annotated[int, Field(ge=1, le=4)] | None = None
    """Of `place`: how many folders it may stand for."""
    optional: bool | None = None
    """Of `place`: whether it may be missing."""


class ProductConfig(StrictModel):
    """One product of the archive."""

    folder: FolderName
    scans: bool = True
    """Whether its frames have raw scans."""
    collar: bool | None = None
    """Whether film collars are removed, where the collection's file says nothing."""
    profiles: dict[Bands, Annotated[str, AfterValidator(_profile)]] = Field(default={})
    """Profile of each kind of bands, where the collection's file says nothing."""
    crs: Crs | None = None
    """Coordinate system of files that name none, where the collection's file says nothing."""


class NameConfig(StrictModel):
    """How some files are named; the first entry that holds for a file counts."""

    patterns: Annotated[tuple[PatternText, ...], Field(min_length=1)]
    """Names without extension, such as `{date}_{roll}-{frame}`; the first that fits counts."""
    products: tuple[Product, ...] = tuple(Product)
    agencies: tuple[str, ...] = ()
    """Agencies that name their files so, in any case; all when left out."""
    place: Expression | None = None
    """Regular expression of the place."""
    parts: dict[Annotated[str, Field(pattern="^[a-z]+$")], Expression] = Field(default={})
    """Regular expressions of parts of the patterns."""
    fixed: dict[Literal["date", "roll", "frame"], str] = Field(default={})
    """Values of what the names do not tell."""
    scan: PatternText | None = None
    """Name of the raw scan, of the parts of the patterns; the frame's own name when left out."""


class DateConfig(StrictModel):
    """How days are written."""

    formats: tuple[Annotated[str, AfterValidator(_format)], ...] = TEXAS.dates.formats
    """Such as `YYYY-MM-DD` or `D.M.YY`: the order of day and month is said, never guessed."""
    vague: bool = False
    """Whether EDTF is understood: `1951`, `1951-03`, `195X`, `1951~`, `1951..1952`."""
    ambiguous: Ambiguous = Ambiguous.RANGE
    unreadable: Unreadable = Unreadable.YEAR


class LayoutConfig(StrictModel):
    """All of it."""

    keys: tuple[PatternText, ...] = ()
    """Accepted layouts of keys, such as `{bands}/{place}/{agency}_{year}/{product}/{stage}/{file}`. Cogmill writes by the first."""
    bands: dict[Bands, FolderName] = Field(default=dict(TEXAS.bands))
    products: dict[Product, Annotated[ProductConfig, BeforeValidator(_folder_alone)]] = Field(default={})
    stages: dict[Stage, FolderName] = Field(default={})
    letters: Annotated[str, AfterValidator(_letters)] = ""
    """Characters that names of folders may have beside A-Z, a-z and digits, such as `äöüÄÖÜß -`."""
    parts: dict[PartName, PartConfig] = Field(default={})
    fixed: dict[Literal["bands", "agency", "year", "product"], str] = Field(default={})
    """Folder or value of parts that the keys do not have."""
    names: tuple[NameConfig, ...] = ()
    dates: DateConfig = DateConfig()

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        try:
            self.key_layout().check()
        except ConfigurationError as err:
            raise ValueError(str(err)) from None
        return self

    def key_layout(self) -> KeyLayout:
        """Return the layout that this part of the file describes."""
        products = {**TEXAS.products, **{kind: entry.folder for kind, entry in self.products.items()}}
        stages = {**TEXAS.stages, **self.stages}
        rules = {
            "bands": choice(tuple(self.bands.values()), "bands"),
            "product": choice(tuple(products.values()), "product"),
            "stage": choice(tuple(stages.values()), "stage"),
            **{part: self._part(part) for part in ("place", "agency", "year")},
        }
        keys = tuple(
            KeyPattern(text, rules, self._letters_in_words, dict(self.fixed.items()))
            for text in self.keys or (TEXAS.keys[0].text,)
        )
        names = tuple(map(self._name_rule, self.names)) or TEXAS.names
        dates = DateRules(self.dates.formats, self.dates.vague, self.dates.ambiguous, self.dates.unreadable)
        treatments = {
            kind: ProductTreatment(one.collar, dict(one.profiles), one.crs) for kind, one in self.products.items()
        }
        without_scans = frozenset(kind for kind, product in self.products.items() if not product.scans)
        return KeyLayout(dict(self.bands), products, stages, keys, names, dates, treatments, without_scans)

    def _part(self, part: str) -> PartRule:
        """Return the rule of a part: the default one as far as the file says nothing."""
        default = TEXAS.keys[0].rules[part]
        stated = self.parts.get(part)  # type: ignore[call-overload]
        if stated is None and not self.letters:
            return default
        stated = stated or PartConfig()
        keeps = not self.letters and stated.rule is None
        letters = f"A-Za-z0-9{re.escape(self.letters)}"
        own = f"[A-Za-z0-9{re.escape(_word_letters(self.letters))}][{letters}]{{0,{LONGEST_FOLDER - 1}}}"
        return PartRule(
            stated.rule or (own if self.letters else default.expression),
            stated.label or default.label,
            checks=default.checks if keeps else (),
            most_folders=stated.folders or (default.most_folders if keeps else 1),
            optional=(keeps and default.optional) if stated.optional is None else stated.optional,
        )

    @property
    def _letters_in_words(self) -> str:
        others = "".join(letter for letter in self.letters if letter != " ")
        words = ["letters", "digits", *(["blanks"] if " " in self.letters else []), *([others] if others else [])]
        return f"{', '.join(words[:-1])} and {words[-1]}"

    def _name_rule(self, entry: NameConfig) -> NameRule:
        patterns = tuple(Pattern(text, entry.parts) for text in entry.patterns)
        shown = " or ".join(_shown(text) for text in entry.patterns)
        return NameRule(
            patterns,
            f"is not {shown}",
            products=frozenset(entry.products),
            agencies=frozenset(agency.upper() for agency in entry.agencies),
            place=entry.place or "",
            fixed=dict(entry.fixed.items()),
            scan=Pattern(entry.scan) if entry.scan else None,
        )


def _word_letters(letters: str) -> str:
    """Return those with which a name may begin: no blank and no sign."""
    return "".join(letter for letter in letters if letter.isalnum())


def _shown(pattern: str) -> str:
    return re.sub(r"\{([a-z]+)\}", r"<\1>", pattern)


KEYS: Mapping[str, list[str]] = {
    "layout": sorted(LayoutConfig.model_fields),
    **{f"layout.parts.{part}": sorted(PartConfig.model_fields) for part in ("place", "agency", "year")},
    **{f"layout.products.{product}": sorted(ProductConfig.model_fields) for product in Product},
    "layout.names": sorted(NameConfig.model_fields),
    "layout.dates": sorted(DateConfig.model_fields),
}
"""Keys of this part of the site file, by the key that they are below."""
