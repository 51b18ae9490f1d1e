"""Build one frame, from upload to verified COG. Runs in the worker process; reads and writes local files only."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import all_valid
from cogmill.cog.arrays.polygons import area, covers, rasterize, rectangle
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar import detect
from cogmill.cog.collar.detect import PhotographOutline
from cogmill.cog.output.delivery import GriddedFrame, Origin, write_verified
from cogmill.cog.output.source_samples import sample_source
from cogmill.cog.profiles import DatumAccuracy, as_used
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import BuildRequest
from cogmill.cog.source.crs import DatumShift, choose_shift, crs_name, is_web_mercator
from cogmill.cog.source.decode import Bytes, Pixels, check_not_blank, read_pixels
from cogmill.cog.source.extent import apply_transform, check_area, degree_bounds, pixel_size_m
from cogmill.cog.source.file_texts import read_file_texts
from cogmill.cog.source.inspect import SourceRaster, open_upload
from cogmill.cog.warp import resample
from cogmill.cog.warp.resample import Warped
from cogmill.cog.warp.target_grid import PixelTransformer, choose_target_grid
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import BuiltCog

MIN_COVERAGE = 0.2
"""Least share of a photograph's outline that must be valid; a mask below that hides the photograph. Mosaics and sheets may be
strips along a river."""


def build_frame(request: BuildRequest, limits: Limits) -> BuiltCog:
    """Make and verify one COG; what it cost is left for the worker to fill in.

    Raises:
        InvalidFrameError: The frame is at fault.
        VerificationError: The result is not what it should be.
        MemoryError: The frame needs more memory than the limits give.
    """
    raster = open_upload(
        request.source,
        request.bands,
        limits,
        request.profile,
        request.sidecars,
        threads=request.threads,
    )
    request = replace(request, profile=as_used(request.profile, raster.adjustments))
    bounds = degree_bounds(raster)
    check_area(bounds, request.area)
    shift = None
    if not is_web_mercator(raster.srs):
        pixel_m = pixel_size_m(raster)
        shift = choose_shift(raster.srs, bounds, request.profile.accuracy, pixel_m)
        claimed_m = shift.operation.accuracy_m
        if claimed_m > DatumAccuracy().allowed_m(pixel_m):
            raster = replace(raster, adjustments=(*raster.adjustments, f"shift_within_{claimed_m:g}_m"))
    decoded = raster.width * raster.height * raster.count
    folder = Path(tempfile.gettempdir()) if decoded > limits.in_memory_bytes else None
    with ScratchArrays(folder, decoded) as scratch:
        return _build(raster, shift, request, limits, scratch)


def _build(
    raster: SourceRaster, shift: DatumShift | None, request: BuildRequest, limits: Limits, scratch: ScratchArrays
) -> BuiltCog:
    """Do everything that needs pixels."""
    pixels = read_pixels(raster, request.profile, scratch)
    origin = Origin(crs_name(raster.srs), shift, read_file_texts(raster.path))
    # Rectilinear and in EPSG:3857: such a frame keeps its pixels, though it may be mirrored or south up.
    axis_aligned = shift is None and raster.bend is None and raster.transform.b == raster.transform.d == 0
    read = raster.adjustments
    del raster
    if axis_aligned:
        placed = _flip_to_north_up(pixels, request, scratch)
    else:
        placed = _reproject(pixels, shift, request, limits, scratch)
    del pixels  # the source's share of memory is free before overviews and COG take theirs
    placed = replace(placed, adjustments=(*read, *placed.adjustments))
    return write_verified(placed, request, origin, scratch)


def _find_photograph(
    pixels: Pixels, kernel_radius_px: float, request: BuildRequest, scratch: ScratchArrays
) -> PhotographOutline:
    """Return the outline of the photograph, and clear the frame's mask outside of it, in place."""
    height, width = pixels.data.shape[1:]
    declared = None if pixels.mask is None else np.count_nonzero(pixels.mask)
    found = PhotographOutline(rectangle(width, height), 0.0, kept_rim=False)
    if request.profile.collar:
        found = detect.find_photograph(pixels, kernel_radius_px, scratch)
    polygon = found.polygon
    if pixels.mask is not None:
        pixels.mask &= rasterize(polygon, scratch.zeros((height, width)), scratch)
        check_not_blank(pixels.data, pixels.mask, scratch)
        kept = np.count_nonzero(pixels.mask)
        share = kept / area(polygon)
        if request.profile.collar and share < MIN_COVERAGE:
            raise InvalidFrameError(Reason.ALL_BLANK, f"only {100 * share:.1f} % of it is picture, the rest is masked")
        if declared:
            found = replace(found, collar_share=1 - kept / declared)
    return found


def _reproject(
    pixels: Pixels, shift: DatumShift | None, request: BuildRequest, limits: Limits, scratch: ScratchArrays
) -> GriddedFrame:
    """Mask all but the photograph, and resample both onto a north-up grid of EPSG:3857."""
    profile = request.profile
    found = _find_photograph(pixels, resample.KERNEL_RADIUS_PX[profile.resampling], request, scratch)
    polygon = found.polygon
    height, width = pixels.data.shape[1:]
    transformer = PixelTransformer(pixels, (height, width), shift.operation if shift else None)
    grid = choose_target_grid(transformer, polygon, profile.grid)
    if max(grid.width, grid.height) > 2 * limits.side_px:
        raise InvalidFrameError(Reason.TOO_LARGE, f"{grid.width} x {grid.height} px in EPSG:3857")
    warped = resample.warp(
        pixels, polygon, transformer, grid, profile.resampling, threads=request.threads, scratch=scratch
    )

    def to_pixel(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return transformer.to_pixel(apply_transform(warped.transform, points))

    reference = sample_source(pixels.data, warped.mask, to_pixel, scratch)
    return GriddedFrame(warped, reference, found.collar_share, _adjustments(found))


def _flip_to_north_up(pixels: Pixels, request: BuildRequest, scratch: ScratchArrays) -> GriddedFrame:
    """Mask all but the photograph, and flip an axis-aligned frame of EPSG:3857 north up, bit for bit."""
    found = _find_photograph(pixels, 0.0, request, scratch)
    polygon = found.polygon
    height, width = pixels.data.shape[1:]
    transform = pixels.transform
    flip = np.array([transform.a < 0, transform.e > 0])
    if pixels.mask is None and covers(polygon, width, height):
        mask = all_valid(height, width)  # the same from every side, and nothing to page in or to reduce
    else:
        mask = rasterize(polygon, scratch.zeros((height, width)), scratch) if pixels.mask is None else pixels.mask
        mask = _flipped(mask, flip, scratch)
    if flip[0]:
        transform @= Affine(-1, 0, width, 0, 1, 0)
    if flip[1]:
        transform @= Affine(1, 0, 0, 0, -1, height)
    warped = Warped(_flipped(pixels.data, flip, scratch), mask, transform)

    def to_pixel(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(flip, (width, height) - points, points)

    reference = sample_source(pixels.data, warped.mask, to_pixel, scratch)
    return GriddedFrame(warped, reference, found.collar_share, _adjustments(found))


def _adjustments(found: PhotographOutline) -> tuple[str, ...]:
    """Return how this frame is treated otherwise than such frames once were, in words of the COG's tag."""
    return ("rim_kept",) if found.kept_rim else ()


def _flipped(layers: Bytes, flip: NDArray[np.bool_], scratch: ScratchArrays) -> Bytes:
    """Return an array itself where there is nothing to flip, else a flipped, C-contiguous copy.

    Args:
        layers: Shape (..., rows, columns).
        flip: Shape (2,): whether the columns and whether the rows change their order.
        scratch: Gives the memory of the copy.
    """
    if not flip.any():
        return layers
    columns, rows = (slice(None, None, -1 if each else 1) for each in flip)
    copy = scratch.zeros(layers.shape)
    copy[...] = layers[..., rows, columns]
    return copy
