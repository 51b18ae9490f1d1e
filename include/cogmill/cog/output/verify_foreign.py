"""Look at a COG of another system that is to be published as it is. Runs in the worker process; reads one local file only."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from affine import Affine

from cogmill.cog.arrays.masks import all_valid
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.footprint import footprint
from cogmill.cog.output.levels import build_levels, level_sizes
from cogmill.cog.output.outline import outline_margin
from cogmill.cog.output.tiff import read_directories
from cogmill.cog.profiles import Nodata, Profile
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import VerifyRequest
from cogmill.cog.source.crs import crs_name, is_web_mercator
from cogmill.cog.source.decode import Pixels, read_pixels
from cogmill.cog.source.extent import check_area, degree_bounds
from cogmill.cog.source.file_texts import read_file_texts
from cogmill.cog.source.inspect import SourceRaster, open_upload
from cogmill.domain.errors import InvalidFrameError, Reason, VerificationError
from cogmill.domain.model import BuiltCog

AS_SERVED = Profile(name="as_it_is", compress="", collar=False, nodata=Nodata.EVERYWHERE)
"""How its pixels are read: valid is what MapServer draws, so nodata counts wherever it is."""

SQUARE = 1e-3
"""How far, as a share, width and height of a pixel may differ: half a pixel at the far edge of a frame of 500 px."""

TOGETHER = 1
"""Value of PlanarConfiguration where the samples of a pixel lie side by side."""


def verify_foreign(request: VerifyRequest, limits: Limits) -> BuiltCog:
    """Read every block of a COG and describe it; what it cost is left for the worker to fill in.

    Missing overviews make maps slow and not wrong: they are told as an adjustment.

    Raises:
        InvalidFrameError: The COG is at fault; `not_as_it_is` where only its form is, so that it can be built again.
        MemoryError: It needs more memory than the limits give.
    """
    raster = open_upload(request.source, request.bands, limits, AS_SERVED, threads=request.threads)
    check_area(degree_bounds(raster), request.area)
    _check_grid(raster)
    _check_form(raster)
    decoded = raster.width * raster.height * raster.count
    folder = Path(tempfile.gettempdir()) if decoded > limits.in_memory_bytes else None
    with ScratchArrays(folder, decoded) as scratch:
        return _describe(request, raster, read_pixels(raster, AS_SERVED, scratch), scratch)


def _check_grid(raster: SourceRaster) -> None:
    """Raise not_as_it_is unless the pixels are squares of EPSG:3857 in rows from west to east, the northernmost first.

    The tile index promises that CRS for every COG, and overviews are composed of such pixels.
    """
    grid = raster.transform
    if not is_web_mercator(raster.srs):
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, f"it is in {crs_name(raster.srs)}, not in EPSG:3857")
    if grid.b or grid.d or grid.a <= 0 or grid.e >= 0:
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, "its rows do not run from west to east, the northernmost first")
    if abs(grid.a + grid.e) > SQUARE * grid.a:
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, f"its pixels are {grid.a:g} m wide and {-grid.e:g} m high")


def _check_form(raster: SourceRaster) -> None:
    """Raise not_as_it_is unless MapServer shows the bands that the file has, and overviews can be composed of parts of it."""
    if raster.adjustments:
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, f"it is no plain picture ({' '.join(raster.adjustments)})")
    if raster.palette is not None or raster.dataset.RasterCount != raster.count:
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, "it has a palette, or bands besides those that are shown")
    try:
        directories = read_directories(raster.path)
    except VerificationError as err:
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, "it is not tiled") from err
    if any(each.coding.planar != TOGETHER and each.coding.samples > 1 for each in directories):
        raise InvalidFrameError(Reason.NOT_AS_IT_IS, "its bands lie one behind the other")


def _describe(request: VerifyRequest, raster: SourceRaster, pixels: Pixels, scratch: ScratchArrays) -> BuiltCog:
    mask = all_valid(raster.height, raster.width) if pixels.mask is None else pixels.mask
    levels = build_levels(pixels.data[:1], mask, scratch, request.threads)
    last, grid = len(levels) - 1, raster.transform
    outline = footprint(levels[last].mask != 0, grid @ Affine.scale(2**last))
    with request.source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return BuiltCog(
        path=str(request.source),
        size=request.source.stat().st_size,
        sha256=sha256,
        footprint_wkb=outline,
        width=raster.width,
        height=raster.height,
        gsd_m=grid.a,
        source_crs=crs_name(raster.srs),
        transformation="none",
        outline_margin_m=outline_margin(outline, mask, grid, 2**last),
        transform=tuple(grid)[:6],
        texts=read_file_texts(request.source),
        adjustments="no_overviews" if _lacks_overviews(raster) else "",
    )


def _lacks_overviews(raster: SourceRaster) -> bool:
    larger_than_a_block = len(level_sizes(raster.width, raster.height)) > 1
    return larger_than_a_block and raster.dataset.GetRasterBand(1).GetOverviewCount() == 0
