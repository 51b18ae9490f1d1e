"""The layout of an archive: where its files lie, how they are named, and how they are dated. Data alone: nothing here is read or written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from cogmill.domain.errors import ConfigurationError, InvalidFrameError, Reason
from cogmill.domain.layout.dates import DateRules, date_format
from cogmill.domain.layout.file_names import FolderParts, NameParts, NameRule
from cogmill.domain.layout.folders import KeyPattern, choice
from cogmill.domain.layout.kinds import Bands, Product, Stage

COG_FOLDER = "cog"
"""Folder that Cogmill makes in place of a stage's."""


@dataclass(frozen=True, eq=False)
class ProductTreatment:
    """How the COGs of one product are made, where the file of a collection says nothing."""

    collar: bool | None = None
    """Whether film collars are removed; None: only those of frames."""
    profiles: Mapping[Bands, str] = field(default_factory=dict)
    """Name of a profile by kind of bands."""
    crs: str | None = None
    """Code of the coordinate system of files that name none; None rejects them."""


@dataclass(frozen=True, eq=False)
class KeyLayout:
    """All rules of one archive."""

    bands: Mapping[Bands, str]
    """Folder of each kind of bands that the archive has."""
    products: Mapping[Product, str]
    stages: Mapping[Stage, str]
    keys: tuple[KeyPattern, ...]
    """Accepted layouts of keys. What Cogmill makes is written by the first one."""
    names: tuple[NameRule, ...]
    dates: DateRules
    treatments: Mapping[Product, ProductTreatment] = field(default_factory=dict)
    """How COGs of a product are made, where that differs from the built-in way."""
    without_scans: frozenset[Product] = frozenset()
    """Products of which there are no raw scans, however their files are named."""

    def check(self) -> None:
        """Raise ConfigurationError unless all rules can be read."""
        for pattern in self.keys:
            pattern.check()
        for rule in self.names:
            rule.check()
        for date in self.dates.formats:
            date_format(date)
        for folders in (self.bands, self.products, self.stages):
            if len({name.casefold() for name in folders.values()}) < len(folders):
                raise ConfigurationError(f"{', '.join(folders.values())}: each needs a folder of its own")
        if COG_FOLDER in self.stages.values():
            raise ConfigurationError(f"{COG_FOLDER}/ is where COGs are written; a stage needs another folder")

    def folder_of(self, kind: str) -> str:
        """Return what people call a kind of bands or of products: its folder; the kind where the archive does not have it any more."""
        folders = [*self._kinds["bands"].items(), *self._kinds["product"].items()]
        return next((folder for folder, word in folders if word == kind), kind)

    @cached_property
    def _kinds(self) -> dict[str, dict[str, str]]:
        """By part and name of a folder: the word of the ledger for it."""
        return {
            "bands": {folder: str(kind) for kind, folder in self.bands.items()},
            "product": {folder: str(kind) for kind, folder in self.products.items()},
            "stage": {folder: str(kind) for kind, folder in self.stages.items()},
        }

    @cached_property
    def read_folders(self) -> Callable[[str], FolderParts]:
        """What the folders of a key say, by their names joined by slashes; thousands of frames lie in one folder.

        Raises InvalidFrameError (`wrong_folder`) with the rule that they break; its message does not name the key.
        """
        return lru_cache(maxsize=8192)(self._parse_folders)

    def _parse_folders(self, folders: str) -> FolderParts:
        for pattern in self.keys:
            values = pattern.read(folders)
            if values is not None:
                return self._folder_parts(values)
        words = folders.split("/") if folders else []
        faults = [pattern.fault(words) for pattern in self.keys]
        raise InvalidFrameError(Reason.WRONG_FOLDER, max(faults, key=lambda fault: fault[0])[1])

    def _folder_parts(self, values: Mapping[str, str]) -> FolderParts:
        kinds = {part: self._kinds[part].get(values.get(part, ""), values.get(part, "")) for part in self._kinds}
        stage = kinds["stage"] or str(Stage.GEOREF)
        return FolderParts(
            kinds["bands"], values.get("place", ""), values["agency"], values["year"], kinds["product"], stage
        )

    def read_cog_folders(self, folders: str) -> FolderParts:
        """Return what the folders of a COG say, as those of its upload would.

        Raises:
            InvalidFrameError: `wrong_folder`: they are not those in which Cogmill writes COGs.
        """
        values = self._cog_pattern.read(folders)
        if values is None:
            raise InvalidFrameError(Reason.WRONG_FOLDER, f"not directly below the {COG_FOLDER}/ of a collection")
        return self._folder_parts({**values, "stage": self.stages[Stage.GEOREF]})

    @cached_property
    def _cog_pattern(self) -> KeyPattern:
        """The pattern by which keys of COGs are written."""
        first = self.keys[0]
        text = first.text if "stage" in first.parts else first.text.replace("/{file}", "/{stage}/{file}")
        return replace(first, text=text, rules={**first.rules, "stage": choice((COG_FOLDER,), "stage")})

    def read_name(self, stem: str, where: FolderParts) -> NameParts:
        """Return what the name of a georeferenced frame says, without its extension.

        Raises:
            InvalidFrameError: `bad_name`, with the pattern that it does not fit.
        """
        for rule in self.names:
            if rule.holds_for(where):
                name = rule.read(stem, where, self.dates)
                return name._replace(scan_stem=None) if where.product in self.without_scans else name
        raise InvalidFrameError(
            Reason.BAD_NAME, f"{stem!r}: no pattern is declared for the files of {where.product} of {where.agency}"
        )

    def made_folder(self, where: FolderParts, folder: str) -> str:
        """Return the folder in which Cogmill writes, or expects, something of a collection, with a slash at its end.

        Args:
            where: Bands and collection; the stage does not matter.
            folder: Takes the place of the stage; empty: there is none.
        """
        values = {
            # of bands that the archive does not have any more, too
            "bands": self.bands.get(Bands(where.bands), where.bands),
            "place": where.folder,
            "agency": where.agency,
            "year": where.year,
            "product": self.products[Product(where.product)],
            "stage": folder,
        }
        return self.keys[0].write(values)

    @cached_property
    def cogs(self) -> re.Pattern[str]:
        """Beginnings of the keys below the folders of COGs, whichever collection they belong to."""
        return re.compile(self.keys[0].made_expression(COG_FOLDER))

    def stage_of(self, folders: str) -> Stage | None:
        """Return the stage into which the folders of a key lead, whether they fit otherwise or not; None when they lead into none."""
        words = folders.split("/")
        return next((stage for pattern in self.keys if (stage := self._stage(pattern, words))), None)

    def _stage(self, pattern: KeyPattern, words: Sequence[str]) -> Stage | None:
        if "stage" not in pattern.parts:
            return Stage.GEOREF if pattern.read("/".join(words)) else None
        name = pattern.stage_in(words)
        return next((stage for stage, folder in self.stages.items() if folder == name), None)

    @cached_property
    def shown(self) -> str:
        """The first layout as it is shown to people."""
        return self.keys[0].shown_text()
