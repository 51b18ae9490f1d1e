"""Build one frame, from upload to verified COG. Runs in the worker process; reads and writes local files only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from cogmill.cog.arrays.masks import all_valid
from cogmill.cog.arrays.polygons import Polygon, area, covers, rasterize, rectangle
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar import detect
from cogmill.cog.fingerprint import ENGINE_VERSION, gdal_version, opencv_version, recipe_digest
from cogmill.cog.footprint import footprint
from cogmill.cog.output import verify_cog
from cogmill.cog.output.levels import build_levels, level_sizes
from cogmill.cog.output.outline import outline_margin
from cogmill.cog.output.writer import write_cog
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import BuildRequest
from cogmill.cog.source.crs import choose_operation, crs_name, is_web_mercator, proj_version
from cogmill.cog.source.decode import Bytes, Pixels, check_not_blank, read_pixels
from cogmill.cog.source.extent import apply_transform, check_area, degree_bounds
from cogmill.cog.source.inspect import SourceRaster, open_upload
from cogmill.cog.source.libproj import Operation
from cogmill.cog.warp import resample
from cogmill.cog.warp.resample import Warped
from cogmill.cog.warp.target_grid import PixelTransformer, choose_target_grid
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import BuiltCog

REFERENCE_POINTS = 24
"""Points a side at which the COG is compared with its source."""

MIN_COVERAGE = 0.2
"""Least share of the photograph's outline that must be valid; a mask below that hides the photograph."""

ToPixel = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From pixel coordinates of the COG, shape (n, 2) as (column, row), to those of the source."""


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
        allow_16bit=request.profile.scaling is not None,
        threads=request.threads,
    )
    bounds = degree_bounds(raster)
    check_area(bounds, request.area)
    operation = None if is_web_mercator(raster.srs) else choose_operation(raster.srs, bounds, limits.area_error_m)
    decoded = raster.width * raster.height * raster.count
    folder = Path(tempfile.gettempdir()) if decoded > limits.in_memory_bytes else None
    with ScratchArrays(folder, decoded) as scratch:
        return _build(raster, operation, request, limits, scratch)


def _build(
    raster: SourceRaster, operation: Operation | None, request: BuildRequest, limits: Limits, scratch: ScratchArrays
) -> BuiltCog:
    """Do everything that needs pixels."""
    pixels = read_pixels(raster, request.profile, scratch)
    crs = (crs_name(raster.srs), "none" if operation is None else operation.name)
    # Rectilinear and in EPSG:3857: such a frame keeps its pixels, though it may be mirrored or south up.
    axis_aligned = operation is None and raster.transform.b == raster.transform.d == 0
    del raster
    if axis_aligned:
        warped, reference = _flip_to_north_up(pixels, request, scratch)
    else:
        warped, reference = _reproject(pixels, operation, request, limits, scratch)
    del pixels  # the source's share of memory is free before overviews and COG take theirs
    return _write_and_verify(warped, reference, request, crs, scratch)


def _find_photograph(pixels: Pixels, kernel_radius_px: float, request: BuildRequest, scratch: ScratchArrays) -> Polygon:
    """Return the outline of the photograph in pixel coordinates, and clear the frame's mask outside of it, in place."""
    height, width = pixels.data.shape[1:]
    if request.profile.collar:
        polygon = detect.find_photograph(pixels, kernel_radius_px, scratch)
    else:
        polygon = rectangle(width, height)
    if pixels.mask is not None:
        pixels.mask &= rasterize(polygon, scratch.zeros((height, width)), scratch)
        check_not_blank(pixels.data, pixels.mask, scratch)
        share = np.count_nonzero(pixels.mask) / area(polygon)
        if share < MIN_COVERAGE:
            raise InvalidFrameError(Reason.ALL_BLANK, f"only {100 * share:.1f} % of it is picture, the rest is masked")
    return polygon


def _reproject(
    pixels: Pixels, operation: Operation | None, request: BuildRequest, limits: Limits, scratch: ScratchArrays
) -> tuple[Warped, verify_cog.ReferenceSamples]:
    """Mask all but the photograph, and resample both onto a north-up grid of EPSG:3857."""
    profile = request.profile
    polygon = _find_photograph(pixels, resample.KERNEL_RADIUS_PX[profile.resampling], request, scratch)
    height, width = pixels.data.shape[1:]
    transformer = PixelTransformer(pixels, (height, width), operation)
    grid = choose_target_grid(transformer, polygon, profile.grid)
    if max(grid.width, grid.height) > 2 * limits.side_px:
        raise InvalidFrameError(Reason.TOO_LARGE, f"{grid.width} x {grid.height} px in EPSG:3857")
    warped = resample.warp(
        pixels, polygon, transformer, grid, profile.resampling, threads=request.threads, scratch=scratch
    )

    def to_pixel(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return transformer.to_pixel(apply_transform(warped.transform, points))

    return warped, _reference_samples(pixels, warped, to_pixel, scratch)


def _flip_to_north_up(
    pixels: Pixels, request: BuildRequest, scratch: ScratchArrays
) -> tuple[Warped, verify_cog.ReferenceSamples]:
    """Mask all but the photograph, and flip an axis-aligned frame of EPSG:3857 north up, bit for bit."""
    polygon = _find_photograph(pixels, 0.0, request, scratch)
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

    return warped, _reference_samples(pixels, warped, to_pixel, scratch)


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


def _reference_samples(
    pixels: Pixels, warped: Warped, to_pixel: ToPixel, scratch: ScratchArrays
) -> verify_cog.ReferenceSamples:
    """Sample the source at a lattice of the COG, each the mean of a window of an overview pixel's size.

    Only where the whole window is valid in the COG, and lies at least in part in the source.
    """
    rows, columns = warped.mask.shape
    scale = 2 ** (len(level_sizes(columns, rows)) - 1)
    steps = (np.arange(REFERENCE_POINTS) + 0.5) / REFERENCE_POINTS
    mesh = np.stack(np.meshgrid(steps * columns, steps * rows), axis=-1) // scale
    cells = np.array(
        [cell for row in scratch.sweep(mesh) for cell in row if _window(warped.mask, cell * scale, scale).all()]
    ).reshape(-1, 2)
    points = (cells + 0.5) * scale
    found = to_pixel(points) if len(points) else points
    parts = np.array_split(found, REFERENCE_POINTS)
    windows = (_window(pixels.data, point - scale / 2, scale) for part in scratch.sweep(parts) for point in part)
    values = np.array([each.mean(axis=(1, 2)) if each.size else np.full(len(pixels.data), np.nan) for each in windows])
    known = np.isfinite(values).all(axis=1) if len(values) else np.zeros(0, bool)
    return verify_cog.ReferenceSamples(
        points[known], values[known].T if len(values) else np.zeros((len(pixels.data), 0))
    )


def _window(layers: Bytes, corner: NDArray[np.float64], size: int) -> Bytes:
    """Return a view of a square window of an image.

    Args:
        layers: Shape (..., rows, columns).
        corner: Column and row of the window's upper left corner, rounded to whole pixels; what is negative counts as 0.
        size: Side in pixels; what lies beyond the image is left out, so that the view may be smaller or empty.
    """
    column, row = (max(0, round(float(each))) for each in corner)
    return layers[..., row : row + size, column : column + size]


def _tags(request: BuildRequest, source_crs: str, transformation: str) -> dict[str, str]:
    """Return what the COG says about its origin; no clock, so that the same source gives the same bytes."""
    facts = {
        **request.provenance,
        "profile": request.profile.name,
        "recipe": recipe_digest(request.profile),
        "engine": ENGINE_VERSION,
        "gdal": gdal_version(),
        "opencv": opencv_version(),
        "proj": proj_version(),
        "source_crs": source_crs,
        "transformation": transformation,
    }
    return {f"COGMILL_{key.upper()}": value for key, value in facts.items()}


def _write_and_verify(
    warped: Warped,
    reference: verify_cog.ReferenceSamples,
    request: BuildRequest,
    crs: tuple[str, str],
    scratch: ScratchArrays,
) -> BuiltCog:
    """Write the COG beside its target, verify it, and only then give it its name."""
    profile, threads = request.profile, request.threads
    data = warped.data
    if profile.rgb and len(data) == 1:
        data = np.broadcast_to(data, (3, *data.shape[1:]))  # three names for the same pixels
    levels = build_levels(data, warped.mask, scratch, threads)
    height, width = warped.mask.shape
    part = request.target.with_name(request.target.name + ".part")
    write_cog(levels, warped.transform, part, profile, _tags(request, *crs), threads=threads)
    verify_cog.verify_layout(part, width, height)
    sha256 = verify_cog.verify_pixels(part, levels, lossless=profile.lossless, threads=threads)
    last = len(levels) - 1
    if reference.values.size:
        verify_cog.verify_samples(part, last, reference)
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
        source_crs=crs[0],
        transformation=crs[1],
        outline_margin_m=outline_margin(outline, warped.mask, warped.transform, 2**last),
    )
