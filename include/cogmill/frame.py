"""One frame from upload to proven COG. Runs in the child process; reads and writes local files only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import osr

from include.cogmill import collar, proof, warp
from include.cogmill.cog import write_cog
from include.cogmill.datum import Operation, choose_operation, crs_name, is_web_mercator
from include.cogmill.errors import FrameRejected, Reason
from include.cogmill.footprint import footprint
from include.cogmill.limits import Limits
from include.cogmill.model import Bands
from include.cogmill.outline import Ring, area, densify, fill, rectangle
from include.cogmill.overviews import build_levels, level_sizes
from include.cogmill.pixels import Pixels, read_pixels, refuse_blank
from include.cogmill.profiles import Profile
from include.cogmill.raster import Affine6, Upload, open_upload
from include.cogmill.recipe import ENGINE_VERSION, gdal_version, recipe_digest
from include.cogmill.warp import Projector, Warped

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

FARTHEST_DEGREES, FARTHEST_UNITS = 720.0, 1e9
"""Largest coordinate that can mean anything; PROJ turns longitudes of 1e53 degrees round and round for ever."""

LATTICE_POINTS = 24
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
        FrameRejected: The frame is at fault.
        ProofFailed: The result is not what it should be.
        MemoryError: The frame needs more memory than the limits give.
    """
    upload = open_upload(
        request.source,
        request.bands,
        request.limits,
        deep=request.profile.scaling is not None,
        threads=request.threads,
    )
    bounds = degree_bounds(upload)
    refuse_outside(bounds, request.area)
    keeps_datum = is_web_mercator(upload.srs)
    operation = None if keeps_datum else choose_operation(upload.srs, bounds, request.limits.area_error_m)
    pixels = read_pixels(upload, request.profile)
    source_crs = crs_name(upload.srs)
    straight = keeps_datum and upload.geotransform[2] == upload.geotransform[4] == 0
    del upload
    warped, likeness = _to_web_mercator(pixels, operation, request, straight=straight)
    del pixels  # the source's share of memory is free before overviews and COG take theirs
    transformation = "none" if operation is None else operation.name
    tags = _tags(request, source_crs, transformation)
    return _write_and_prove(warped, likeness, request, tags, (source_crs, transformation))


def degree_bounds(upload: Upload) -> Bounds:
    """Return the frame's bounds in degrees, good enough to choose an operation and to test an area.

    Raises:
        FrameRejected: outside_area when its coordinates are impossible, no_transformation when its CRS leads nowhere.
    """
    wgs84 = osr.SpatialReference()
    wgs84.ImportFromEPSG(4326)
    wgs84.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    corners = _apply(upload.geotransform, cog_ring(upload.width, upload.height))
    if np.abs(corners).max() > (FARTHEST_DEGREES if upload.srs.IsGeographic() else FARTHEST_UNITS):
        raise FrameRejected(Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system: {corners[0]}")
    try:
        to_degrees = osr.CoordinateTransformation(upload.srs, wgs84)
    except RuntimeError as err:
        raise FrameRejected(Reason.NO_TRANSFORMATION, f"{crs_name(upload.srs)} leads nowhere ({err})") from err
    try:
        moved = np.array(to_degrees.TransformPoints(corners.tolist()))[:, :2]
    except RuntimeError as err:
        raise FrameRejected(
            Reason.OUTSIDE_AREA, f"its corners are impossible in its coordinate system ({err})"
        ) from err
    west, south = moved.min(axis=0).tolist()
    east, north = moved.max(axis=0).tolist()
    if not (np.isfinite(moved).all() and -180 <= west <= east <= 180 and -85.06 <= south <= north <= 85.06):  # noqa: PLR2004
        raise FrameRejected(Reason.OUTSIDE_AREA, f"its corners lie at {_degrees((west, south, east, north))}")
    return west, south, east, north


def cog_ring(width: int, height: int) -> Ring:
    """Return corners and middles of the sides of an image, so that a bent side is not cut off."""
    return densify(rectangle(width, height), 2)


def _apply(geotransform: Affine6, points: Ring) -> Ring:
    a, b, c, d, e, f = geotransform
    moved: Ring = points @ np.array([(b, e), (c, f)]) + np.array([a, d])
    return moved


def refuse_outside(bounds: Bounds, allowed: Bounds | None) -> None:
    """Raise outside_area when a frame has nothing in common with the allowed area, or is larger than it."""
    if allowed is None:
        return
    west, south, east, north = bounds
    apart = east < allowed[0] or west > allowed[2] or north < allowed[1] or south > allowed[3]
    larger = east - west > allowed[2] - allowed[0] or north - south > allowed[3] - allowed[1]
    if apart or larger:
        raise FrameRejected(Reason.OUTSIDE_AREA, f"it lies at {_degrees(bounds)}, allowed is {_degrees(allowed)}")


def _degrees(bounds: Bounds) -> str:
    west, south, east, north = bounds
    return f"longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"


def _to_web_mercator(
    pixels: Pixels, operation: Operation | None, request: Request, *, straight: bool
) -> tuple[Warped, proof.Likeness]:
    """Find the picture, mask the rest, and bring both onto the COG's grid."""
    height, width = pixels.data.shape[1:]
    reach = 0.0 if straight else warp.KERNEL_PX[request.profile.resampling]
    ring = collar.find_picture(pixels, reach) if request.profile.collar else rectangle(width, height)
    if pixels.valid is not None:
        pixels.valid &= fill(ring, (height, width))
    _refuse_hidden(pixels, ring)
    if straight:
        warped = _keep(pixels, ring)
        turn = np.array(warped.geotransform)[[1, 5]] / np.array(pixels.geotransform)[[1, 5]]
        return warped, _likeness(pixels, warped, lambda points: np.where(turn > 0, points, (width, height) - points))
    projector = Projector(pixels, (height, width), operation)
    lattice = warp.choose_lattice(projector, ring, request.profile.grid)
    _refuse_huge(lattice, request.limits)
    warped = warp.warp(pixels, ring, projector, lattice, request.profile.resampling, threads=request.threads)
    return warped, _likeness(pixels, warped, lambda points: projector.backward(_apply(warped.geotransform, points)))


def _refuse_hidden(pixels: Pixels, ring: Ring) -> None:
    if pixels.valid is None:
        return
    refuse_blank(pixels.data, pixels.valid)
    share = np.count_nonzero(pixels.valid) / area(ring)
    if share < MIN_COVERAGE:
        raise FrameRejected(Reason.ALL_BLANK, f"only {100 * share:.1f} % of it is picture, the rest is masked")


def _refuse_huge(lattice: warp.Lattice, limits: Limits) -> None:
    if max(lattice.width, lattice.height) > 2 * limits.side_px:
        raise FrameRejected(Reason.TOO_LARGE, f"{lattice.width} x {lattice.height} px in EPSG:3857")


def _keep(pixels: Pixels, ring: Ring) -> Warped:
    """Return a frame that already lies on a straight grid of EPSG:3857, turned north up but otherwise bit for bit."""
    height, width = pixels.data.shape[1:]
    a, b, _, d, _, f = pixels.geotransform
    valid = fill(ring, (height, width)) if pixels.valid is None else pixels.valid
    data = pixels.data
    if b < 0:
        a, b, data, valid = a + b * width, -b, data[:, :, ::-1], valid[:, ::-1]
    if f > 0:
        d, f, data, valid = d + f * height, -f, data[:, ::-1], valid[::-1]
    return Warped(np.ascontiguousarray(data), np.ascontiguousarray(valid), (a, b, 0.0, d, 0.0, f))


def _likeness(pixels: Pixels, warped: Warped, to_source: Any) -> proof.Likeness:
    """Take samples of the source on a lattice of the COG, each the mean of a window of an overview pixel's size."""
    rows, columns = warped.valid.shape
    scale = 2 ** (len(level_sizes(columns, rows)) - 1)
    steps = (np.arange(LATTICE_POINTS) + 0.5) / LATTICE_POINTS
    cells = np.stack(np.meshgrid(steps * columns, steps * rows), axis=-1).reshape(-1, 2) // scale
    inside = [bool(_window(warped.valid, point * scale, scale).all()) for point in cells]
    points = (cells[inside] + 0.5) * scale
    found = to_source(points) if len(points) else points
    windows = [_window(pixels.data, point - scale / 2, scale) for point in found]
    values = np.array([each.mean(axis=(1, 2)) if each.size else np.full(len(pixels.data), np.nan) for each in windows])
    known = np.isfinite(values).all(axis=1) if len(values) else np.zeros(0, bool)
    return proof.Likeness(points[known], values[known].T if len(values) else np.zeros((len(pixels.data), 0)))


def _window(layers: Any, corner: Any, size: int) -> Any:
    """Return the part of a picture, shape (..., rows, columns), in a square window."""
    column, row = (max(0, round(float(each))) for each in corner)
    return layers[..., row : row + size, column : column + size]


def _tags(request: Request, source_crs: str, transformation: str) -> dict[str, str]:
    """Return what the COG says about its origin; no clock, so that the same source gives the same bytes."""
    facts = {
        **request.provenance,
        "profile": request.profile.name,
        "recipe": recipe_digest(request.profile),
        "engine": ENGINE_VERSION,
        "gdal": gdal_version(),
        "proj": f"{osr.GetPROJVersionMajor()}.{osr.GetPROJVersionMinor()}.{osr.GetPROJVersionMicro()}",
        "source_crs": source_crs,
        "transformation": transformation,
    }
    return {f"COGMILL_{key.upper()}": value for key, value in facts.items()}


def _write_and_prove(
    warped: Warped, likeness: proof.Likeness, request: Request, tags: Mapping[str, str], crs: tuple[str, str]
) -> Built:
    """Write the COG beside its target, prove it, and only then give it its name."""
    profile, threads = request.profile, request.threads
    data = np.repeat(warped.data, 3, axis=0) if profile.rgb and len(warped.data) == 1 else warped.data
    levels = build_levels(data, warped.valid)
    height, width = warped.valid.shape
    part = request.target.with_name(request.target.name + ".part")
    write_cog(levels, warped.geotransform, part, profile, tags, threads=threads)
    proof.prove_layout(part, width, height)
    proof.prove_pixels(part, levels, lossless=profile.lossless, threads=threads)
    last = len(levels) - 1
    if likeness.values.size:
        proof.prove_likeness(part, last, likeness)
    outline = footprint(levels[last].valid != 0, _coarser(warped.geotransform, 2**last))
    with part.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = part.stat().st_size
    os.replace(part, request.target)  # noqa: PTH105
    return Built(size, sha256, outline, width, height, warped.geotransform[1], *crs)


def _coarser(geotransform: Affine6, scale: int) -> Affine6:
    a, b, _, d, _, f = geotransform
    return (a, b * scale, 0.0, d, 0.0, f * scale)
