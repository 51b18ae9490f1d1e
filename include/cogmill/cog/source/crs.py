"""Chooses the coordinate operation from a frame's CRS to EPSG:3857, and names it.

GDAL picks an operation by itself but cannot say which. PROJ can: so PROJ chooses for the frame's own area, ballpark and
inaccurate operations are refused by name, and GDAL is given exactly the pipeline that is recorded.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from osgeo import osr

from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.geo import Bounds4326

WEB_MERCATOR = 3857

PARTIAL_INTERSECTION = 1
"""PROJ_SPATIAL_CRITERION_PARTIAL_INTERSECTION: operations that cover a part of the frame's area count."""

PROJ_5 = 0
"""PJ_PROJ_5: the flavour of the exported pipeline."""

pointer = ctypes.c_void_p
SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "proj_context_create": (pointer, []),
    "proj_log_level": (ctypes.c_int, [pointer, ctypes.c_int]),
    "proj_create": (pointer, [pointer, ctypes.c_char_p]),
    "proj_destroy": (pointer, [pointer]),
    "proj_create_operation_factory_context": (pointer, [pointer, ctypes.c_char_p]),
    "proj_operation_factory_context_destroy": (None, [pointer]),
    "proj_operation_factory_context_set_area_of_interest": (None, [pointer, pointer, *[ctypes.c_double] * 4]),
    "proj_operation_factory_context_set_spatial_criterion": (None, [pointer, pointer, ctypes.c_int]),
    "proj_create_operations": (pointer, [pointer, pointer, pointer, pointer]),
    "proj_list_get_count": (ctypes.c_int, [pointer]),
    "proj_list_get": (pointer, [pointer, pointer, ctypes.c_int]),
    "proj_list_destroy": (None, [pointer]),
    "proj_get_name": (ctypes.c_char_p, [pointer]),
    "proj_as_proj_string": (ctypes.c_char_p, [pointer, pointer, ctypes.c_int, pointer]),
    "proj_coordoperation_get_accuracy": (ctypes.c_double, [pointer, pointer]),
    "proj_coordoperation_has_ballpark_transformation": (ctypes.c_int, [pointer, pointer]),
    "proj_coordoperation_is_instantiable": (ctypes.c_int, [pointer, pointer]),
}
"""The functions of PROJ's C interface used here: result and arguments."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One way from a CRS to EPSG:3857."""

    name: str
    """`Inverse of UTM zone 14N + NAD83 to WGS 84 (1) + Popular Visualisation Pseudo-Mercator`."""
    pipeline: str
    """PROJ string in the axis order of the two CRS."""
    accuracy_m: float
    """As claimed by its source; 0 for a pure conversion, negative when nobody knows."""
    ballpark: bool
    instantiable: bool
    """False when a grid it needs is not installed."""

    @property
    def certain(self) -> bool:
        """Whether it is a conversion within one datum, or a shift of known accuracy."""
        conversion = "+proj=helmert" not in self.pipeline and "grid" not in self.pipeline and " to " not in self.name
        return not self.ballpark and (self.accuracy_m >= 0 or conversion)


def web_mercator() -> Any:
    """Return EPSG:3857, x before y."""
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(WEB_MERCATOR)
    srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return srs


def is_web_mercator(srs: Any) -> bool:
    """Whether a CRS is EPSG:3857 by meaning, whatever it is called."""
    return bool(srs.IsSame(web_mercator(), ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES", "CRITERION=EQUIVALENT"]))


def proj_version() -> str:
    """Return the version of PROJ that operations come from."""
    return f"{osr.GetPROJVersionMajor()}.{osr.GetPROJVersionMinor()}.{osr.GetPROJVersionMicro()}"


def crs_name(srs: Any) -> str:
    """Return `EPSG:26914`, or the name of a CRS without a code."""
    authority, code = srs.GetAuthorityName(None), srs.GetAuthorityCode(None)
    return f"{authority}:{code}" if authority and code else str(srs.GetName() or "unnamed")


def choose_operation(srs: Any, area: Bounds4326, error_m: float) -> Operation:
    """Return the most accurate usable operation to EPSG:3857.

    Args:
        srs: CRS of the frame.
        area: Where the frame lies.
        error_m: Accuracy in metres that the operation must claim.

    Raises:
        InvalidFrameError: no_transformation, naming the best one there is and why it does not do.
    """
    try:
        found = _operations(srs.ExportToWkt(["FORMAT=WKT2_2019"]), area)
    except RuntimeError as err:
        raise InvalidFrameError(Reason.NO_TRANSFORMATION, f"{crs_name(srs)} cannot be written down ({err})") from err
    usable = [each for each in found if each.instantiable and each.certain and each.accuracy_m <= error_m]
    if usable:
        return usable[0]
    raise InvalidFrameError(Reason.NO_TRANSFORMATION, _why_none(crs_name(srs), found, error_m))


def _why_none(crs: str, found: list[Operation], error_m: float) -> str:
    if not found:
        return f"no operation leads from {crs} to EPSG:3857"
    best = next((each for each in found if each.instantiable), found[0])
    if not best.certain:
        return f"from {crs} only {best.name!r}, which is a guess"
    missing = [each.name for each in found if not each.instantiable and 0 <= each.accuracy_m <= error_m]
    hint = f"; {missing[0]!r} would do, but its grid is not installed" if missing else ""
    return f"from {crs} only {best.name!r}, accurate to {best.accuracy_m:g} m ({error_m:g} m asked){hint}"


@cache
def _proj() -> ctypes.CDLL:
    """Return the very libproj that libgdal has loaded into this process."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    path = next(line.split()[-1] for line in maps.splitlines() if "/libproj.so" in line)
    library = ctypes.CDLL(path)
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@cache
def _context() -> int:
    context = _proj().proj_context_create()
    _proj().proj_log_level(context, 0)  # missing grids are an answer here, not an error to print
    return int(context)


def _operations(wkt: str, area: Bounds4326) -> list[Operation]:
    proj, context = _proj(), _context()
    source = proj.proj_create(context, wkt.encode())
    if not source:
        return []
    target = proj.proj_create(context, f"EPSG:{WEB_MERCATOR}".encode())
    factory = proj.proj_create_operation_factory_context(context, None)
    proj.proj_operation_factory_context_set_area_of_interest(context, factory, *area)
    proj.proj_operation_factory_context_set_spatial_criterion(context, factory, PARTIAL_INTERSECTION)
    candidates = proj.proj_create_operations(context, source, target, factory)
    found = [
        _describe(proj.proj_list_get(context, candidates, at)) for at in range(proj.proj_list_get_count(candidates))
    ]
    proj.proj_list_destroy(candidates)
    proj.proj_operation_factory_context_destroy(factory)
    for crs in (source, target):
        proj.proj_destroy(crs)
    return [each for each in found if each is not None]


def _describe(operation: int) -> Operation | None:
    proj, context = _proj(), _context()
    pipeline = proj.proj_as_proj_string(context, operation, PROJ_5, None)
    described = None
    if pipeline:
        described = Operation(
            name=proj.proj_get_name(operation).decode(),
            pipeline=pipeline.decode(),
            accuracy_m=proj.proj_coordoperation_get_accuracy(context, operation),
            ballpark=bool(proj.proj_coordoperation_has_ballpark_transformation(context, operation)),
            instantiable=bool(proj.proj_coordoperation_is_instantiable(context, operation)),
        )
    proj.proj_destroy(operation)
    return described
