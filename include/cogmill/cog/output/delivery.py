"""Write the COG of a placed frame, verify it, and only then give it its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine

from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.fingerprint import ENGINE_VERSION, gdal_version, opencv_version, recipe_digest
from cogmill.cog.footprint import footprint
from cogmill.cog.output import verify_cog
from cogmill.cog.output.levels import Level, build_levels
from cogmill.cog.output.outline import outline_margin
from cogmill.cog.output.writer import write_cog
from cogmill.cog.output.written_level import LossError
from cogmill.cog.profiles import Profile, without_loss
from cogmill.cog.sandbox.protocol import BuildRequest
from cogmill.cog.source.crs import DatumShift, proj_version
from cogmill.cog.source.file_texts import metadata_items
from cogmill.cog.warp.resample import Warped
from cogmill.domain.model import BuiltCog


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a frame came from."""

    source_crs: str
    """`EPSG:26914`, or the name of a CRS without a code."""
    shift: DatumShift | None
    """The operation to EPSG:3857; None for a source that is in it."""
    texts: Mapping[str, str]
    """What the upload says of itself."""

    @property
    def transformation(self) -> str:
        """Name of the operation; `none` where there is none."""
        return self.shift.operation.name if self.shift else "none"


@dataclass(frozen=True, slots=True)
class GriddedFrame:
    """A frame on the grid of its COG."""

    warped: Warped
    reference: verify_cog.ReferenceSamples
    """What its coarsest level must show."""
    collar_share: float
    """Share of its valid area that was cut off as film collar, 0 to 1."""
    adjustments: tuple[str, ...]
    """What was done otherwise than the profile says, or once did, because of this very frame."""


def write_verified(placed: GriddedFrame, request: BuildRequest, origin: Origin, scratch: ScratchArrays) -> BuiltCog:
    """Write the COG beside its target, verify it, and rename it; what it cost is left for the worker to fill in.

    Raises:
        VerificationError: It is not what it should be.
    """
    profile, adjustments, warped = request.profile, placed.adjustments, placed.warped
    data = warped.data
    if profile.rgb and len(data) == 1:
        data = np.broadcast_to(data, (3, *data.shape[1:]))  # three names for the same pixels
    levels = build_levels(data, warped.mask, scratch, request.threads)
    part = request.target.with_name(request.target.name + ".part")
    try:
        sha256 = _write(part, levels, placed, profile, _tags(request, origin, adjustments), threads=request.threads)
    except LossError:
        if profile.lossless:
            raise
        # Sharp saturated edges, as in maps and legends: the codec carries them at no quality.
        profile, adjustments = without_loss(profile), (*adjustments, "lossless")
        sha256 = _write(part, levels, placed, profile, _tags(request, origin, adjustments), threads=request.threads)
    height, width = warped.mask.shape
    last = len(levels) - 1
    outline = footprint(levels[last].mask != 0, warped.transform @ Affine.scale(2**last))
    size = part.stat().st_size
    os.replace(part, request.target)  # noqa: PTH105
    return BuiltCog(
        path=str(request.target),
        size=size,
        sha256=sha256,
        footprint_wkb=outline,
        width=width,
        height=height,
        gsd_m=warped.transform.a,
        source_crs=origin.source_crs,
        transformation=origin.transformation,
        outline_margin_m=outline_margin(outline, warped.mask, warped.transform, 2**last),
        transform=tuple(warped.transform)[:6],
        collar_share=round(placed.collar_share, 4),
        texts=origin.texts,
        adjustments=" ".join(adjustments),
        shift_accuracy_m=origin.shift.accuracy_m if origin.shift else None,
        missing_grids=origin.shift.missing_grids if origin.shift else (),
    )


def _write(  # noqa: PLR0913 - a file, what goes into it, and how
    part: Path, levels: list[Level], placed: GriddedFrame, profile: Profile, tags: dict[str, str], *, threads: int
) -> str:
    """Write a COG, verify its layout, every block and samples of the source, and return the sha256 of its bytes.

    Raises:
        VerificationError: It is not what was to be written; `LossError` when the codec lost too much.
    """
    write_cog(levels, placed.warped.transform, part, profile, tags, threads=threads)
    verify_cog.verify_layout(part, levels[0].width, levels[0].height)
    sha256 = verify_cog.verify_pixels(part, levels, lossless=profile.lossless, threads=threads)
    if placed.reference.values.size:
        verify_cog.verify_samples(part, len(levels) - 1, placed.reference)
    return sha256


def _tags(request: BuildRequest, origin: Origin, adjustments: tuple[str, ...]) -> dict[str, str]:
    """Return what the COG says about its origin; no clock, so that the same source gives the same bytes."""
    facts = {
        **request.provenance,
        "profile": request.profile.name,
        "recipe": recipe_digest(request.profile),
        "engine": ENGINE_VERSION,
        "gdal": gdal_version(),
        "opencv": opencv_version(),
        "proj": proj_version(),
        "source_crs": origin.source_crs,
        "transformation": origin.transformation,
    }
    if adjustments:
        facts["adjustments"] = " ".join(adjustments)
    return {f"COGMILL_{key.upper()}": value for key, value in facts.items()} | metadata_items(origin.texts)
