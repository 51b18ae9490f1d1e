"""What `include/collections/*.yaml` declare about collections, checked against a schema."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cogmill.cog.profiles import PROFILES, Grid, Nodata, Profile, Resampling, Scaling, default_profile
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.model import Bands, Product

log = logging.getLogger(__name__)

ProfileName = Literal["bw", "nc", "bw_jpeg", "archive_zstd", "webp_lossless"]
"""The keys of `PROFILES`, spelled out for the schema of collection files."""


ENDINGS = tuple(f"_{product.value}.yaml" for product in Product)
"""How the names of collection files end."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CollectionProfiles(_Strict):
    """Profile by bands; a band left out keeps its default."""

    bw: ProfileName | None = None
    nc: ProfileName | None = None


class CollectionScaling(_Strict):
    """`low` becomes 0 and `high` becomes 255."""

    low: float
    high: float

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class CollectionConfig(_Strict):
    """What `include/collections/<collection id>.yaml` says about a collection. Everything is optional."""

    title: str | None = Field(default=None, min_length=1)
    profiles: CollectionProfiles = CollectionProfiles()
    collar: bool | None = None
    """None: on for frames, off for index sheets and mosaics."""
    nodata: Nodata | None = None
    resampling: Resampling | None = None
    grid: Grid | None = None
    scaling: CollectionScaling | None = None
    product: Product = Field(default=Product.FRAMES, exclude=True)
    """Taken from the file's name."""

    def profile(self, bands: Bands) -> Profile:
        """Return the profile of one bands folder of the collection."""
        name = getattr(self.profiles, bands.value)
        default = default_profile(bands, self.product)
        changed: dict[str, Any] = {
            key: value
            for key in ("collar", "nodata", "resampling", "grid")
            if (value := getattr(self, key)) is not None
        }
        if self.scaling is not None:
            changed["scaling"] = Scaling(self.scaling.low, self.scaling.high)
        chosen = default if name is None else replace(PROFILES[name], collar=default.collar)
        return replace(chosen, **changed)


def load_collection_config(folder: Path, collection_id: str) -> CollectionConfig | None:
    """Return what is declared about a collection; None when nothing is.

    Files of other collections are not read, so that a fault in one of them harms no other.

    Args:
        folder: Folder of the collection files.
        collection_id: The file's name without `.yaml`, which may have capital letters.

    Raises:
        ConfigurationError: Naming the file, the key and what is allowed.
    """
    # Asked once per service by whoever compiles thousands, so plain names are compared, not paths.
    names = _names(folder) if folder.is_dir() else []
    for name in names:
        if name.lower().endswith(".yaml") and not name.lower().endswith(ENDINGS):
            _warn_once(folder / name)
    found = [name for name in names if name.lower() == f"{collection_id}.yaml"]
    return _load(folder / found[0]) if found else None


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


@cache
def _warn_once(file: Path) -> None:
    log.warning("collection_file_ignored file=%s expected=<collection id>.yaml", file.name)


def _load(file: Path) -> CollectionConfig:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as err:
        raise ConfigurationError(f"{file.name}: not readable as YAML: {err}") from err
    if not isinstance(values, dict) or "product" in values:
        raise ConfigurationError(
            f"{file.name}: a mapping of {', '.join(sorted(set(CollectionConfig.model_fields) - {'product'}))} is expected"
        )
    try:
        return CollectionConfig.model_validate({**values, "product": file.stem.lower().rpartition("_")[2]})
    except ValidationError as err:
        raise ConfigurationError("; ".join(_complaint(file.name, error) for error in err.errors())) from err


def _complaint(file: str, error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "file"
    if error["type"] == "extra_forbidden":
        return f"{file}: {key}: unknown key, allowed are {', '.join(sorted(set(CollectionConfig.model_fields) - {'product'}))}"
    return f"{file}: {key}: {error['input']!r} is wrong, {error['msg'][0].lower()}{error['msg'][1:]}"
