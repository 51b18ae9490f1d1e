"""How a COG is made, as data: one frozen value per profile and the reason beside every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from include.cogmill.errors import WrongSetting
from include.cogmill.model import Bands, Product


class Resampling(StrEnum):
    """Kernel of the warp. Nearest neighbour is not offered: it breaks roads and lettering."""

    BILINEAR = "bilinear"
    CUBIC = "cubic"


class Grid(StrEnum):
    """Pixel grid of a warped COG."""

    NATIVE = "native"
    """The frame's own ground resolution; the origin lies on a multiple of it."""
    WEB = "web"
    """The next finer zoom level of the web-mercator pyramid (256 px tiles)."""


class Nodata(StrEnum):
    """Which pixels of the declared nodata value are holes."""

    EDGE = "edge"
    """Only those connected to the edge: a black roof inside the photograph stays."""
    EVERYWHERE = "everywhere"
    """All of them, for mosaics with real holes."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Declared rule that turns 16-bit values into 8 bits: `low` becomes 0, `high` becomes 255, linear between."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that decides the bytes of a COG, apart from the source and the engine itself."""

    name: str
    compress: str
    """COMPRESS of GDAL's COG driver."""
    predictor: bool = False
    """Horizontal differencing before compression; for lossless codecs that do not predict by themselves."""
    level: int | None = None
    """Effort of DEFLATE (1-12 with libdeflate) or ZSTD (1-22)."""
    quality: int | None = None
    """JPEG or WebP quality; WebP at 100 is lossless."""
    rgb: bool = False
    """Grey is written as three equal bands, because the codec knows no single band."""
    resampling: Resampling = Resampling.BILINEAR
    grid: Grid = Grid.NATIVE
    collar: bool = True
    """Look for a film collar and mask it."""
    nodata: Nodata = Nodata.EDGE
    scaling: Scaling | None = None
    """None refuses 16-bit frames."""

    @property
    def lossless(self) -> bool:
        """Whether decoding gives back exactly the pixels that were encoded."""
        return self.compress != "JPEG" and (self.compress != "WEBP" or self.quality == 100)  # noqa: PLR2004


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        # Historical grey frames are kept without loss: they are the archive people measure in. Predictor 2 takes a
        # quarter off photographs; level 6 is where libdeflate's curve of size over time bends.
        Profile(name="bw", compress="DEFLATE", predictor=True, level=6),
        # Colour for display: JPEG 85 in YCbCr 4:2:0 is 10 to 15 times smaller than lossless and looks the same on a
        # map; the mask beside it is lossless, so the outline stays sharp.
        Profile(name="nc", compress="JPEG", quality=85),
        # Grey for display, where the lossless upload is kept elsewhere: a fifth of `bw`. 85 as in `nc`.
        Profile(name="bw_jpeg", compress="JPEG", quality=85),
        # Lossless for both bands. Level 9 costs about the time of DEFLATE 6 and decodes twice as fast; readers
        # need libtiff with ZSTD, which old desktop software lacks.
        Profile(name="archive_zstd", compress="ZSTD", predictor=True, level=9),
        # The smallest lossless files (two thirds of DEFLATE in grey, less in colour) for the most CPU time. The codec
        # knows RGB only, so grey is written three times; the codec's colour transform makes two of them free.
        Profile(name="webp_lossless", compress="WEBP", quality=100, rgb=True),
    )
}
"""Every profile by its name."""


def default_profile(bands: Bands, product: Product = Product.FRAMES) -> Profile:
    """Return the profile of a collection that declares none.

    Index sheets and mosaics keep their margins: titles and legends stand there, and no film collar.
    """
    profile = PROFILES[bands.value]
    return profile if product is Product.FRAMES else replace(profile, collar=False)


def profile_from(values: Mapping[str, Any]) -> Profile:
    """Return the profile that `dataclasses.asdict` took apart."""
    scaling = values["scaling"]
    kinds = {"resampling": Resampling, "grid": Grid, "nodata": Nodata}
    changed: dict[str, Any] = {key: kind(values[key]) for key, kind in kinds.items()}
    return Profile(**{**values, **changed, "scaling": Scaling(**scaling) if scaling else None})


ProfileName = Literal["bw", "nc", "bw_jpeg", "archive_zstd", "webp_lossless"]
"""The keys of `PROFILES`, spelled out for the schema of collection files."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeclaredProfiles(_Strict):
    """Profile by bands; a band left out keeps its default."""

    bw: ProfileName | None = None
    nc: ProfileName | None = None


class DeclaredScaling(_Strict):
    """`low` becomes 0 and `high` becomes 255."""

    low: float
    high: float

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class Declared(_Strict):
    """What `include/collections/<collection id>.yaml` says about a collection. Everything is optional."""

    title: str | None = Field(default=None, min_length=1)
    profiles: DeclaredProfiles = DeclaredProfiles()
    collar: bool | None = None
    """None: on for frames, off for index sheets and mosaics."""
    nodata: Nodata | None = None
    resampling: Resampling | None = None
    grid: Grid | None = None
    scaling: DeclaredScaling | None = None
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


def load_declared(path: Path) -> dict[str, Declared]:
    """Return every declared collection by its id.

    Args:
        path: Folder of the collection files, or one of them.

    Raises:
        WrongSetting: Naming the file, the key and what is allowed.
    """
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return {file.stem.lower(): _load_one(file) for file in files}


def _load_one(file: Path) -> Declared:
    suffix = file.stem.lower().rpartition("_")[2]
    if suffix not in set(Product):
        raise WrongSetting(f"{file.name}: a collection file is named <collection id>.yaml, ending in {_words(Product)}")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as err:
        raise WrongSetting(f"{file.name}: not readable as YAML: {err}") from err
    if not isinstance(values, dict) or "product" in values:
        raise WrongSetting(
            f"{file.name}: a mapping of {', '.join(sorted(set(Declared.model_fields) - {'product'}))} is expected"
        )
    try:
        return Declared.model_validate({**values, "product": suffix})
    except ValidationError as err:
        raise WrongSetting("; ".join(_complaint(file.name, error) for error in err.errors())) from err


def _complaint(file: str, error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "file"
    if error["type"] == "extra_forbidden":
        return f"{file}: {key}: unknown key, allowed are {', '.join(sorted(set(Declared.model_fields) - {'product'}))}"
    return f"{file}: {key}: {error['input']!r} is wrong, {error['msg'][0].lower()}{error['msg'][1:]}"


def _words(kind: type[StrEnum]) -> str:
    return ", ".join(f"_{each.value}" for each in kind)
