"""Choose the coordinate operation from a frame's CRS to EPSG:3857, and name it.

GDAL picks an operation by itself but cannot say which. PROJ can: so PROJ lists them for the frame's own area, ballpark
and inaccurate ones are refused by name, and GDAL is given exactly the pipeline that is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

from osgeo import osr

from cogmill.cog.profiles import DatumAccuracy
from cogmill.cog.source.gdal_types import SpatialReference
from cogmill.cog.source.libproj import Operation, list_operations
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.geo import Bounds3857, Bounds4326


def web_mercator() -> SpatialReference:
    """Return EPSG:3857, x before y."""
    return from_epsg(Bounds3857.EPSG)


def from_epsg(code: int) -> SpatialReference:
    """Return the CRS of an EPSG code, x before y."""
    return from_code(f"EPSG:{code}")


def from_code(code: str) -> SpatialReference:
    """Return the horizontal CRS of a code such as `EPSG:26914`, x before y; configuration has checked the code."""
    srs = osr.SpatialReference()
    srs.SetFromUserInput(code)
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    found: SpatialReference = srs
    return found


def is_web_mercator(srs: SpatialReference) -> bool:
    """Whether a CRS is EPSG:3857 by meaning, whatever it is called."""
    return bool(srs.IsSame(web_mercator(), ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES", "CRITERION=EQUIVALENT"]))


def proj_version() -> str:
    """Return the version of PROJ that operations come from."""
    return f"{osr.GetPROJVersionMajor()}.{osr.GetPROJVersionMinor()}.{osr.GetPROJVersionMicro()}"


def crs_name(srs: SpatialReference) -> str:
    """Return `EPSG:26914`, or the name of a CRS without a code."""
    authority, code = srs.GetAuthorityName(None), srs.GetAuthorityCode(None)
    return f"{authority}:{code}" if authority and code else str(srs.GetName() or "unnamed")


@dataclass(frozen=True, slots=True)
class DatumShift:
    """The operation by which a frame comes to EPSG:3857."""

    operation: Operation
    missing_grids: tuple[str, ...] = ()
    """Grids by which it would be as accurate as is preferred, and which are not installed; empty when it is, or nothing would help."""

    @property
    def accuracy_m(self) -> float | None:
        """As the operation claims, in meters: 0 where the datum stays. None when nobody knows."""
        return None if self.operation.accuracy_m < 0 else self.operation.accuracy_m


def choose_shift(srs: SpatialReference, area: Bounds4326, asked: DatumAccuracy, pixel_m: float) -> DatumShift:
    """Return the best usable operation to EPSG:3857.

    PROJ lists those first that cover most of the area: the first that is as accurate as is preferred is taken, and where none is, the
    most accurate one, if it is allowed.

    Args:
        srs: CRS of the frame.
        area: Where the frame lies.
        asked: Accuracy that the operation must claim.
        pixel_m: Side of the frame's pixels on the ground, in meters.

    Raises:
        InvalidFrameError: no_transformation, naming the best one there is and why it does not do.
    """
    try:
        found = list_operations(srs.ExportToWkt(["FORMAT=WKT2_2019"]), f"EPSG:{Bounds3857.EPSG}", area)
    except RuntimeError as err:
        raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"{crs_name(srs)} cannot be written down ({err})") from err
    preferred_m, allowed_m = asked.preferred.allowed_m(pixel_m), asked.allowed_m(pixel_m)
    known = [each for each in found if _is_known(each)]
    usable = [each for each in known if each.instantiable]
    best = next((each for each in usable if each.accuracy_m <= preferred_m), None)
    if best is not None:
        return DatumShift(best)
    best = min(usable, key=lambda each: each.accuracy_m, default=None)
    wanting = [each.missing_grids for each in known if not each.instantiable and 0 <= each.accuracy_m <= preferred_m]
    missing = min(wanting, key=len, default=())
    if best is not None and best.accuracy_m <= allowed_m:
        return DatumShift(best, missing)
    raise InvalidFrameError(Reason.NO_TRANSFORMATION, _why_none(crs_name(srs), found, allowed_m, missing))


def _is_known(operation: Operation) -> bool:
    """Whether an operation is a conversion within one datum, or a shift of known accuracy."""
    shift = "+proj=helmert" in operation.pipeline or "grid" in operation.pipeline or " to " in operation.name
    return not operation.ballpark and (operation.accuracy_m >= 0 or not shift)


def _why_none(crs: str, found: list[Operation], allowed_m: float, missing_grids: tuple[str, ...]) -> str:
    """Return why none of the operations will do."""
    if not found:
        return f"no operation leads from {crs} to EPSG:3857"
    usable = [each for each in found if each.instantiable]
    best = next(filter(_is_known, usable), (usable or found)[0])
    if not _is_known(best):
        return f"from {crs} only {best.name!r}, which is a guess: set the datum it was made in (NAD27, NAD83, WGS 84 ...) at export"
    hint = f"; PROJ's grid {' and '.join(missing_grids)} would do, but is not installed" if missing_grids else ""
    return f"from {crs} only {best.name!r}, accurate to {best.accuracy_m:g} m ({allowed_m:.3g} m asked){hint}"
