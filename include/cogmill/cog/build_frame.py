"""One frame from upload to proven COG. Runs in the child process; reads and writes local files only."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from cogmill.cog.arrays.polygons import Polygon, area, rasterize, rectangle
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.collar import detect
from cogmill.cog.fingerprint import ENGINE_VERSION, build_fingerprint, gdal_version, opencv_version
from cogmill.cog.footprint import footprint
from cogmill.cog.output import verify_cog
from cogmill.cog.output.overviews import build_levels, level_sizes
from cogmill.cog.output.writer import write_cog
from cogmill.cog.profiles import Profile
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.source.crs import Operation, choose_operation, crs_name, is_web_mercator, proj_version
from cogmill.cog.source.decode import Bytes, Pixels, read_pixels, refuse_blank
from cogmill.cog.source.extent import Bounds, apply_transform, degree_bounds, refuse_outside
from cogmill.cog.source.inspect import Upload, open_upload
from cogmill.cog.warp import resample
from cogmill.cog.warp.resample import Warped
from cogmill.cog.warp.target_grid import PixelTransformer, TargetGrid, choose_target_grid
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands

REFERENCE_POINTS = 24
"""Points a side at which the COG is compared with its source."""

MIN_COVERAGE = 0.2
"""Least share of the picture's outline that must be valid; a mask below that hides the photograph."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the child process is asked to do."""

    source: Path
    target: Path
    bands: Bands
    profile: Profile
    provenance: Mapping[str, str]
    area: Bounds | None
    limits: Limits
    threads: int


@dataclass(frozen=True, slots=True)
class Built:
    """What the child process answers; the fields of `BuiltCog` that it knows."""

    size: int
    sha256: str
    footprint_wkb: bytes
    width: int
    height: int
    gsd_m: float
    source_crs: str
    transformation: str


def build_frame(request: Request) -> Built:
    """Make and prove one COG.

    Raises:
        InvalidFrameError: The frame is at fault.
        VerificationError: The result is not what it should be.
        MemoryError: The frame needs more memory than the limits give.
    """
    upload = open_upload(
        request.source,
        request.bands,
        request.limits,
        allow_16bit=request.profile.scaling is not None,
        threads=request.threads,
    )
    bounds = degree_bounds(upload)
    refuse_outside(bounds, request.area)
    keeps_datum = is_web_mercator(upload.srs)
    operation = None if keeps_datum else choose_operation(upload.srs, bounds, request.limits.area_error_m)
    decoded = upload.width * upload.height * upload.bands
    folder = Path(tempfile.gettempdir()) if decoded > request.limits.in_memory_bytes else None
    with ScratchArrays(folder, decoded) as scratch:
        return _build(upload, operation, request, scratch)


def _build(upload: Upload, operation: Operation | None, request: Request, scratch: ScratchArrays) -> Built:
    """Do everything that needs pixels."""
    pixels = read_pixels(upload, request.profile, scratch)
    crs = (crs_name(upload.srs), "none" if operation is None else operation.name)
    axis_aligned = operation is None and upload.transform.b == upload.transform.d == 0
    del upload
    warped, reference = _to_web_mercator(pixels, operation, request, scratch, axis_aligned=axis_aligned)
    del pixels  # the source's share of memory is free before overviews and COG take theirs
    return _write_and_verify(warped, reference, request, crs, scratch)


def _to_web_mercator(
    pixels: Pixels, operation: Operation | None, request: Request, scratch: ScratchArrays, *, axis_aligned: bool
) -> tuple[Warped, verify_cog.ReferenceSamples]:
    """Find the picture, mask the rest, and bring both onto the COG's grid."""
    height, width = pixels.data.shape[1:]
    kernel_radius_px = 0.0 if axis_aligned else resample.KERNEL_RADIUS_PX[request.profile.resampling]
    polygon = (
        detect.find_photograph(pixels, kernel_radius_px, scratch)
        if request.profile.collar
        else rectangle(width, height)
    )
    if pixels.mask is not None:
        pixels.mask &= rasterize(polygon, scratch.zeros((height, width)))
    _refuse_hidden(pixels, polygon)
    if axis_aligned:
        warped = _keep(pixels, polygon, scratch)
        flip = np.array([warped.transform.a / pixels.transform.a, warped.transform.e / pixels.transform.e]) < 0
        return warped, _reference_samples(
            pixels, warped, lambda points: np.where(flip, (width, height) - points, points)
        )
    transformer = PixelTransformer(pixels, (height, width), operation)
    target_grid = choose_target_grid(transformer, polygon, request.profile.grid)
    _refuse_huge(target_grid, request.limits)
    warped = resample.warp(
        pixels, polygon, transformer, target_grid, request.profile.resampling, threads=request.threads, scratch=scratch
    )
    return warped, _reference_samples(
        pixels, warped, lambda points: transformer.to_pixel(apply_transform(warped.transform, points))
    )


def _refuse_hidden(pixels: Pixels, polygon: Polygon) -> None:
    if pixels.mask is None:
        return
    refuse_blank(pixels.data, pixels.mask)
    share = np.count_nonzero(pixels.mask) / area(polygon)
    if share < MIN_COVERAGE:
        raise InvalidFrameError(Reason.ALL_BLANK, f"only {100 * share:.1f} % of it is picture, the rest is masked")


def _refuse_huge(target_grid: TargetGrid, limits: Limits) -> None:
    if max(target_grid.width, target_grid.height) > 2 * limits.side_px:
        raise InvalidFrameError(Reason.TOO_LARGE, f"{target_grid.width} x {target_grid.height} px in EPSG:3857")


def _keep(pixels: Pixels, polygon: Polygon, scratch: ScratchArrays) -> Warped:
    """Return a frame that already lies on an axis-aligned grid of EPSG:3857, turned north up but otherwise bit for bit."""
    height, width = pixels.data.shape[1:]
    transform = pixels.transform
    mask = rasterize(polygon, scratch.zeros((height, width))) if pixels.mask is None else pixels.mask
    data = pixels.data
    if transform.a < 0:
        transform, data, mask = transform @ Affine(-1, 0, width, 0, 1, 0), data[:, :, ::-1], mask[:, ::-1]
    if transform.e > 0:
        transform, data, mask = transform @ Affine(1, 0, 0, 0, -1, height), data[:, ::-1], mask[::-1]
    return Warped(_in_order(data, scratch), _in_order(mask, scratch), transform)


def _in_order(layers: Bytes, scratch: ScratchArrays) -> Bytes:
    """Return an array itself, or a copy of a mirrored one."""
    if layers.flags.c_contiguous:
        return layers
    copy = scratch.zeros(layers.shape)
    copy[...] = layers
    return copy


def _reference_samples(pixels: Pixels, warped: Warped, to_source: Any) -> verify_cog.ReferenceSamples:
    """Take samples of the source on a lattice of the COG, each the mean of a window of an overview pixel's size."""
    rows, columns = warped.mask.shape
    scale = 2 ** (len(level_sizes(columns, rows)) - 1)
    steps = (np.arange(REFERENCE_POINTS) + 0.5) / REFERENCE_POINTS
    cells = np.stack(np.meshgrid(steps * columns, steps * rows), axis=-1).reshape(-1, 2) // scale
    inside = [bool(_window(warped.mask, point * scale, scale).all()) for point in cells]
    points = (cells[inside] + 0.5) * scale
    found = to_source(points) if len(points) else points
    windows = [_window(pixels.data, point - scale / 2, scale) for point in found]
    values = np.array([each.mean(axis=(1, 2)) if each.size else np.full(len(pixels.data), np.nan) for each in windows])
    known = np.isfinite(values).all(axis=1) if len(values) else np.zeros(0, bool)
    return verify_cog.ReferenceSamples(
        points[known], values[known].T if len(values) else np.zeros((len(pixels.data), 0))
    )


def _window(layers: Any, corner: Any, size: int) -> Any:
    """Return the part of a picture, shape (..., rows, columns), in a square window."""
    column, row = (max(0, round(float(each))) for each in corner)
    return layers[..., row : row + size, column : column + size]


def _tags(request: Request, source_crs: str, transformation: str) -> dict[str, str]:
    """Return what the COG says about its origin; no clock, so that the same source gives the same bytes."""
    facts = {
        **request.provenance,
        "profile": request.profile.name,
        "recipe": build_fingerprint(request.profile),
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
    request: Request,
    crs: tuple[str, str],
    scratch: ScratchArrays,
) -> Built:
    """Write the COG beside its target, prove it, and only then give it its name."""
    profile, threads = request.profile, request.threads
    data = warped.data
    if profile.rgb and len(data) == 1:
        data = np.broadcast_to(data, (3, *data.shape[1:]))  # three names for the same pixels
    levels = build_levels(data, warped.mask, scratch, threads)
    height, width = warped.mask.shape
    part = request.target.with_name(request.target.name + ".part")
    write_cog(levels, warped.transform, part, profile, _tags(request, *crs), threads=threads)
    verify_cog.verify_layout(part, width, height)
    verify_cog.verify_pixels(part, levels, lossless=profile.lossless, threads=threads)
    last = len(levels) - 1
    if reference.values.size:
        verify_cog.verify_samples(part, last, reference)
    outline = footprint(levels[last].mask != 0, warped.transform @ Affine.scale(2**last))
    with part.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = part.stat().st_size
    os.replace(part, request.target)  # noqa: PTH105
    return Built(size, sha256, outline, width, height, warped.transform.a, *crs)
