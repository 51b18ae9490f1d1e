"""Read where an upload says it lies: its transform and its coordinate system, with a word for every way to say it wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from osgeo import osr

from cogmill.cog.profiles import CRS_DECLARED
from cogmill.cog.source.crs import from_code, from_epsg
from cogmill.cog.source.gdal_types import Dataset, Six, SpatialReference
from cogmill.cog.source.sidecar_files import read_stated
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


def read_position(
    dataset: Dataset, declared_crs: str | None = None, sidecars: Mapping[SidecarKind, Path] = NO_SIDECARS
) -> Position:
    """Return where a file lies.

    Args:
        dataset: The opened file.
        declared_crs: Code of the coordinate system of files that name none; None rejects them.
        sidecars: Local files that say where the frame lies. What the file itself says counts first, then these, then what is declared.

    Raises:
        InvalidFrameError: not_georeferenced or no_crs, naming what was found instead.
    """
    beside = [read_stated(kind, file) for kind, file in sidecars.items()]
    notes: list[str] = []
    six = dataset.GetGeoTransform(can_return_null=True)
    placing = next((stated for stated in beside if stated.transform), None) if six is None else None
    if placing is not None and placing.transform is not None:
        six = placing.transform.to_gdal()
        notes.append(placed_by(placing.kind))
    transform = _transform(dataset, six)
    found = dataset.GetSpatialRef()
    if _names_none(found):
        naming = next((stated for stated in beside if not _names_none(stated.srs)), None)
        if naming is not None:
            found = naming.srs
            notes.append(placed_by(naming.kind, "crs"))
        elif declared_crs:
            found = from_code(declared_crs)
            notes.append(CRS_DECLARED)
    srs = _horizontal_srs(found)
    notes += [ASSUMED] * _assume_datum(srs)
    return Position(_turned(transform, srs, dataset), srs, tuple(notes))


def _transform(dataset: Dataset, found: Six | None) -> Affine:
    """Return the transform from (column, row) to map coordinates (x, y) of what was found; its pixels must have an area."""
    if found is None:
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, _instead_of_transform(dataset))
    determinant = found[1] * found[5] - found[2] * found[4]
    if not np.isfinite(found).all() or determinant == 0:
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, f"degenerate geotransform {found}")
    return Affine.from_gdal(*found)


def _instead_of_transform(dataset: Dataset) -> str:
    """Return what a file has that is no position yet, and which step is missing."""
    if points := dataset.GetGCPCount():
        return (
            f"only control points ({points} of them): it was marked and never rectified. Rectify it and upload the result "
            "(QGIS: Georeferencer, Start Georeferencing; ArcGIS: Rectify, not Update Georeferencing; GDAL: gdalwarp)"
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
