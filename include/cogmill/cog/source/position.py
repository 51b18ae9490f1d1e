"""Read where an upload says it lies: its transform and its coordinate system, with a word for every way to say it wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from osgeo import osr

from cogmill.cog.profiles import CRS_DECLARED, Profile
from cogmill.cog.source.control_points import Bend, ControlPoints, fit_points
from cogmill.cog.source.crs import from_code, from_epsg
from cogmill.cog.source.gdal_types import Dataset, Six, SpatialReference
from cogmill.cog.source.sidecar_files import StatedPosition, read_stated
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.geo import EARTH_RADIUS_M, Bounds4326
from cogmill.domain.sidecars import SidecarKind, placed_by

NO_SIDECARS: Mapping[SidecarKind, Path] = {}

UNKNOWN_DATUM = re.compile(r"unknown|not.?specified|unspecified|undefined", re.IGNORECASE)
"""Names of datums that older programs wrote when they knew the ellipsoid only."""

ITRF = re.compile(r"International.Terrestrial.Reference.Frame|^ITRF", re.IGNORECASE)
"""Names of the frames to which WGS 84 has been fitted, within a decimeter, since 1994."""

MODERN_AXIS_M, MODERN_FLATTENING = EARTH_RADIUS_M, (298.25722, 298.25723)
"""Semi-major axis, and range of the inverse flattening, of the ellipsoids of WGS 84 and GRS 1980: datums on them agree within
two meters."""

MOST_DEGREES = 720.0
"""Largest coordinate in degrees that can mean anything: two whole turns."""

ASSUMED = "datum_assumed_wgs84"
"""How an assumed datum is recorded."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a raster lies."""

    transform: Affine
    """From (column, row) to the units of `srs` (x, y)."""
    srs: SpatialReference
    """Horizontal part only, x before y."""
    assumptions: tuple[str, ...]
    """What the file does not say, in words of the COG's tag."""
    bend: Bend | None = None
    """How its pixels lie off that transform; None where they do not."""


def read_position(dataset: Dataset, profile: Profile, sidecars: Mapping[SidecarKind, Path] = NO_SIDECARS) -> Position:
    """Return where a file lies. What it says itself counts first, then what lies beside it, then what is declared.

    Args:
        dataset: The opened file.
        profile: What is declared of files that do not tell everything.
        sidecars: Local files that say where the frame lies.

    Raises:
        InvalidFrameError: not_georeferenced or no_crs, naming what was found instead.
    """
    beside = [read_stated(kind, file) for kind, file in sorted(sidecars.items())]
    place = _place(dataset, profile, beside)
    found, notes = place.srs, list(place.notes)
    if _names_none(found):
        naming = next((stated for stated in beside if not _names_none(stated.srs)), None)
        if naming is not None:
            found = naming.srs
            notes.append(placed_by(naming.kind, "crs"))
        elif profile.crs:
            found = from_code(profile.crs)
            notes.append(CRS_DECLARED)
    srs = _horizontal_srs(found)
    notes += [ASSUMED] * _assume_datum(srs)
    return Position(_turned(place.transform, srs, dataset), srs, tuple(notes), place.bend)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the pixels of a raster lie in some coordinate system."""

    transform: Affine
    srs: SpatialReference | None
    """Named together with it; None or a local one when none is."""
    notes: tuple[str, ...] = ()
    bend: Bend | None = None


def _place(dataset: Dataset, profile: Profile, beside: Sequence[StatedPosition]) -> _Place:
    """Return the first place that the file or what lies beside it tells."""
    size = dataset.RasterXSize, dataset.RasterYSize
    six = dataset.GetGeoTransform(can_return_null=True)
    if six is not None:
        return _Place(_checked(six), dataset.GetSpatialRef())
    if profile.control_points_px is not None and dataset.GetGCPCount():
        fit = fit_points(_points_of(dataset), *size, profile.control_points_px)
        return _Place(fit.transform, dataset.GetGCPSpatialRef(), fit.notes, fit.bend)
    for stated in beside:
        notes = (placed_by(stated.kind),)
        if stated.transform is not None:
            return _Place(_checked(stated.transform.to_gdal()), dataset.GetSpatialRef(), notes)
        if stated.points is not None and profile.control_points_px is not None:
            fit = fit_points(stated.points, *size, profile.control_points_px)
            return _Place(fit.transform, dataset.GetSpatialRef(), (*notes, *fit.notes), fit.bend)
    raise InvalidFrameError(Reason.NOT_GEOREFERENCED, _instead_of_transform(dataset))


def _points_of(dataset: Dataset) -> ControlPoints:
    """Return the control points in a file."""
    found = dataset.GetGCPs()
    pixels = np.array([(point.GCPPixel, point.GCPLine) for point in found], float)
    return ControlPoints(pixels, np.array([(point.GCPX, point.GCPY) for point in found], float))


def _checked(six: Six) -> Affine:
    """Return the transform from (column, row) to map coordinates (x, y) of GDAL's six numbers; its pixels must have an area."""
    determinant = six[1] * six[5] - six[2] * six[4]
    if not np.isfinite(six).all() or determinant == 0:
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, f"degenerate geotransform {six}")
    return Affine.from_gdal(*six)


def _instead_of_transform(dataset: Dataset) -> str:
    """Return what a file has that is no position yet, and which step is missing."""
    if points := dataset.GetGCPCount():
        return (
            f"only control points ({points} of them): it was marked and never rectified. Rectify it and upload the result "
            "(QGIS: Georeferencer, Start Georeferencing; ArcGIS: Rectify, not Update Georeferencing; GDAL: gdalwarp), or have them "
            "accepted for the collection (control_points)"
        )
    if dataset.GetMetadata("RPC"):
        return "only the camera model of a satellite (RPC): orthorectify it with an elevation model and upload the result (gdalwarp -rpc)"
    return "no geotransform in the file"


def _names_none(found: SpatialReference | None) -> bool:
    """Whether a CRS is none, or one that says of itself that nobody knows where on Earth it lies."""
    return found is None or not found.ExportToWkt() or bool(found.IsLocal())


def _horizontal_srs(found: SpatialReference | None) -> SpatialReference:
    """Return the projected or geographic part of a CRS, without its heights, x before y."""
    if found is None or not found.ExportToWkt():
        raise InvalidFrameError(Reason.NO_CRS, "no coordinate system in the file")
    srs = osr.SpatialReference()
    srs.ImportFromWkt(found.ExportToWkt())
    if srs.IsCompound() or srs.IsVertical():
        srs.DemoteTo2D()
    if not (srs.IsProjected() or srs.IsGeographic()):
        raise InvalidFrameError(Reason.NO_CRS, f"{srs.GetName()!r} is neither a projected nor a geographic system")
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    horizontal: SpatialReference = srs
    return horizontal


def _assume_datum(srs: SpatialReference) -> bool:
    """Give a CRS the datum WGS 84 where it names none and its ellipsoid leaves no other reading, in place.

    Returns:
        Whether that was done.
    """
    datum = srs.GetAttrValue("DATUM") or ""
    low, high = MODERN_FLATTENING
    modern = abs(srs.GetSemiMajor() - MODERN_AXIS_M) < 1 and low < srs.GetInvFlattening() < high
    greenwich = float(srs.GetAttrValue("PRIMEM", 1) or 0) == 0
    if not (modern and greenwich and (UNKNOWN_DATUM.search(datum) or ITRF.search(datum))):
        return False
    wgs84 = from_epsg(Bounds4326.EPSG)
    if srs.IsProjected():
        srs.CopyGeogCSFrom(wgs84)
    else:
        srs.ImportFromWkt(wgs84.ExportToWkt())
        srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return True


def _turned(transform: Affine, srs: SpatialReference, dataset: Dataset) -> Affine:
    """Return a transform in degrees with the middle of the raster between -180 and 180: 262 degrees east are 98 west."""
    if not srs.IsGeographic() or abs(srs.GetAngularUnits() - np.pi / 180) > 1e-9:  # noqa: PLR2004 - degrees
        return transform
    middle, _ = transform @ (dataset.RasterXSize / 2, dataset.RasterYSize / 2)
    turns = int(np.floor((middle + 180) / 360)) if abs(middle) <= MOST_DEGREES else 0
    return Affine.translation(-360.0 * turns, 0) @ transform if turns else transform
