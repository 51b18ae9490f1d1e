"""How a COG is made, as data: one frozen value per profile and the reason beside every number."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cogmill.domain.layout import layout_in_use
from cogmill.domain.layout.rules import ProductTreatment
from cogmill.domain.model import Bands, Product


class Resampling(StrEnum):
    """Kernel of the warp. Nearest neighbor is not offered: it breaks roads and lettering."""

    BILINEAR = "bilinear"
    CUBIC = "cubic"


class Grid(StrEnum):
    """Pixel grid of a warped COG."""

    NATIVE = "native"
    """The frame's own ground resolution; the origin lies on a multiple of it."""
    WEB = "web"
    """The next finer zoom level of the web-mercator pyramid (256 px tiles)."""


class Nodata(StrEnum):
    """Which pixels of the nodata value are masked."""

    EDGE = "edge"
    """Only those connected to the edge: a black roof inside the photograph stays."""
    EVERYWHERE = "everywhere"
    """All of them, for mosaics with real holes."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Rule of a collection file that turns 16-bit values into 8 bits: `low` becomes 0, `high` becomes 255, linear between."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DatumAccuracy:
    """How accurate a datum shift is asked to be: the larger of a length and a share of the frame's pixel. The defaults are the standard."""

    meters: float = 5.0
    """NAD83 to WGS 84 claims 4, NAD27 without its grid 7 to 12."""
    pixels: float = 1.0
    """Nobody sees a shift of less than a pixel."""

    def allowed_m(self, pixel_m: float) -> float:
        """Return the largest error in meters for a frame whose pixels have this side on the ground, in meters."""
        return max(self.meters, self.pixels * pixel_m)

    @property
    def preferred(self) -> DatumAccuracy:
        """What a shift is first looked for with: the standard, or what is asked where that is less.

        So a site that allows more than the standard changes which frames are taken, and no frame's bytes.
        """
        standard = DatumAccuracy()
        return DatumAccuracy(min(self.meters, standard.meters), min(self.pixels, standard.pixels))


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
    """Gray is written as three equal bands, because the codec knows no single band."""
    resampling: Resampling = Resampling.BILINEAR
    grid: Grid = Grid.NATIVE
    collar: bool = True
    """Look for a film collar and mask it."""
    nodata: Nodata = Nodata.EDGE
    scaling: Scaling | None = None
    """None rejects 16-bit frames."""
    crs: str | None = None
    """Code of the coordinate system of files that name none; None rejects them."""
    accuracy: DatumAccuracy = DatumAccuracy()
    """Of its datum shift; only `accuracy.preferred` decides bytes."""
    control_points_px: float | None = None
    """Error of control points, root mean square in pixels, up to which files are placed by them; None rejects files that have nothing
    else."""

    @property
    def lossless(self) -> bool:
        """Whether decoding gives back exactly the pixels that were encoded."""
        return self.compress != "JPEG" and (self.compress != "WEBP" or self.quality == 100)  # noqa: PLR2004


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        # Historical gray frames are kept without loss: they are the archive people measure in. Predictor 2 takes a
        # quarter off photographs; level 6 is where libdeflate's curve of size over time bends.
        Profile(name="bw", compress="DEFLATE", predictor=True, level=6),
        # Color for display: JPEG 85 in YCbCr 4:2:0 is 10 to 15 times smaller than lossless and looks the same on a
        # map; the mask beside it is lossless, so the outline stays sharp.
        Profile(name="nc", compress="JPEG", quality=85),
        # Gray for display, where the lossless upload is kept elsewhere: a fifth of `bw`. 85 as in `nc`.
        Profile(name="bw_jpeg", compress="JPEG", quality=85),
        # Lossless for both bands. Level 9 costs about the time of DEFLATE 6 and decodes twice as fast; readers
        # need libtiff with ZSTD, which old desktop software lacks.
        Profile(name="archive_zstd", compress="ZSTD", predictor=True, level=9),
        # The smallest lossless files (two thirds of DEFLATE in gray, less in color) for the most CPU time. The codec
        # knows RGB only, so gray is written three times; the codec's color transform makes two of them free.
        Profile(name="webp_lossless", compress="WEBP", quality=100, rgb=True),
    )
}
"""Every profile by its name."""


CRS_DECLARED = "crs_declared"
"""How it is recorded that a file names no coordinate system and `Profile.crs` was taken."""

DEFAULTS = {Bands.BW: "bw", Bands.NC: "nc", Bands.CIR: "nc"}
"""Profile of each kind of bands: infrared film shows three colors too."""


def read_like(profile: Profile, other: Profile) -> Profile:
    """Return a profile that takes of each file what another one does."""
    return replace(
        profile, collar=other.collar, scaling=other.scaling, crs=other.crs, control_points_px=other.control_points_px
    )


def without_loss(profile: Profile) -> Profile:
    """Return a profile that differs in its codec only, and is lossless."""
    return replace(profile, compress="DEFLATE", predictor=True, level=6, quality=None)


def as_used(profile: Profile, adjustments: Collection[str]) -> Profile:
    """Return a profile without the rule that a frame had no need of, which decides nothing of its bytes.

    Args:
        profile: Asked for.
        adjustments: What was done with the frame.
    """
    return profile if CRS_DECLARED in adjustments else replace(profile, crs=None)


def default_profile(bands: Bands, product: Product = Product.FRAMES) -> Profile:
    """Return the profile of a collection that declares none, by the site's rules for its product.

    Index sheets and mosaics keep their margins: titles and legends stand there, and no film collar.
    """
    own = layout_in_use().treatments.get(product) or ProductTreatment()
    collar = product is Product.FRAMES if own.collar is None else own.collar
    return replace(PROFILES[own.profiles.get(bands) or DEFAULTS[bands]], collar=collar, crs=own.crs)


def profile_from(values: Mapping[str, Any]) -> Profile:
    """Return the profile that `dataclasses.asdict` took apart."""
    scaling, accuracy = values["scaling"], DatumAccuracy(**values["accuracy"])
    kinds = {"resampling": Resampling, "grid": Grid, "nodata": Nodata}
    changed: dict[str, Any] = {key: kind(values[key]) for key, kind in kinds.items()}
    return Profile(**{**values, **changed, "scaling": Scaling(**scaling) if scaling else None, "accuracy": accuracy})
