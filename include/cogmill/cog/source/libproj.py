"""Binding of the few functions of libproj that list the coordinate operations between two CRS.

GDAL's bindings transform, but do not say by which operation, how accurate it is and whether it ignores the datum.

Why not pyproj: GDAL must be given exactly the operation that was judged, so both must come from one libproj and one
database. The wheels of pyproj bring their own of each. Built from its sources against Debian's, no version does for both
releases: from 3.7 on it asks for PROJ 9.2 at least, and Debian 12 has 9.1; 3.6.1 takes that, but compiled with today's
Cython it fails at the first `pyproj.CRS`. So here are 19 functions of a C interface that has been stable since PROJ 6.2, from
the very library that libgdal has loaded.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from cogmill.cog.source.loaded import Pointer, Signatures, bind_loaded
from cogmill.domain.geo import Bounds4326

PARTIAL_INTERSECTION = 1
"""PROJ_SPATIAL_CRITERION_PARTIAL_INTERSECTION: operations that cover a part of the area count."""

PROJ_5 = 0
"""PJ_PROJ_5: the syntax of the exported pipeline."""

SIGNATURES: Signatures = {
    "proj_context_create": (Pointer, []),
    "proj_log_level": (ctypes.c_int, [Pointer, ctypes.c_int]),
    "proj_create": (Pointer, [Pointer, ctypes.c_char_p]),
    "proj_destroy": (Pointer, [Pointer]),
    "proj_create_operation_factory_context": (Pointer, [Pointer, ctypes.c_char_p]),
    "proj_operation_factory_context_destroy": (None, [Pointer]),
    "proj_operation_factory_context_set_area_of_interest": (None, [Pointer, Pointer, *[ctypes.c_double] * 4]),
    "proj_operation_factory_context_set_spatial_criterion": (None, [Pointer, Pointer, ctypes.c_int]),
    "proj_create_operations": (Pointer, [Pointer, Pointer, Pointer, Pointer]),
    "proj_list_get_count": (ctypes.c_int, [Pointer]),
    "proj_list_get": (Pointer, [Pointer, Pointer, ctypes.c_int]),
    "proj_list_destroy": (None, [Pointer]),
    "proj_get_name": (ctypes.c_char_p, [Pointer]),
    "proj_as_proj_string": (ctypes.c_char_p, [Pointer, Pointer, ctypes.c_int, Pointer]),
    "proj_coordoperation_get_accuracy": (ctypes.c_double, [Pointer, Pointer]),
    "proj_coordoperation_has_ballpark_transformation": (ctypes.c_int, [Pointer, Pointer]),
    "proj_coordoperation_is_instantiable": (ctypes.c_int, [Pointer, Pointer]),
    "proj_coordoperation_get_grid_used_count": (ctypes.c_int, [Pointer, Pointer]),
    "proj_coordoperation_get_grid_used": (ctypes.c_int, [Pointer, Pointer, ctypes.c_int, *[Pointer] * 7]),
}
"""The functions used here: result and arguments."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One way from a CRS to another."""

    name: str
    """`Inverse of UTM zone 14N + NAD83 to WGS 84 (1) + Popular Visualisation Pseudo-Mercator`."""
    pipeline: str
    """PROJ string in the axis order of the two CRS."""
    accuracy_m: float
    """As claimed by its source; 0 for a pure conversion, negative when nobody knows."""
    ballpark: bool
    """Whether it ignores the datum."""
    instantiable: bool
    """False when a grid it needs is not installed."""
    missing_grids: tuple[str, ...] = ()
    """Names of the files of the grids that it needs and that are not installed."""


def list_operations(source_wkt: str, target: str, area: Bounds4326) -> list[Operation]:
    """Return the operations between two CRS, in PROJ's order: the best for the area first.

    Args:
        source_wkt: CRS to come from, as WKT.
        target: CRS to go to, as anything `proj_create` understands: `EPSG:3857`.
        area: Where they are to be used; one that covers a part of it counts.

    Returns:
        Empty when PROJ does not understand the source.
    """
    proj, context = _library(), _context()
    source = proj.proj_create(context, source_wkt.encode())
    if not source:
        return []
    goal = proj.proj_create(context, target.encode())
    factory = proj.proj_create_operation_factory_context(context, None)
    proj.proj_operation_factory_context_set_area_of_interest(context, factory, *area)
    proj.proj_operation_factory_context_set_spatial_criterion(context, factory, PARTIAL_INTERSECTION)
    candidates = proj.proj_create_operations(context, source, goal, factory)
    found = [
        _describe(proj.proj_list_get(context, candidates, at)) for at in range(proj.proj_list_get_count(candidates))
    ]
    proj.proj_list_destroy(candidates)
    proj.proj_operation_factory_context_destroy(factory)
    for crs in (source, goal):
        proj.proj_destroy(crs)
    return [each for each in found if each is not None]


def _describe(operation: int) -> Operation | None:
    """Return what PROJ says about an operation, and free it; None when it has no PROJ string."""
    proj, context = _library(), _context()
    pipeline = proj.proj_as_proj_string(context, operation, PROJ_5, None)
    described = None
    if pipeline:
        described = Operation(
            name=proj.proj_get_name(operation).decode(),
            pipeline=pipeline.decode(),
            accuracy_m=proj.proj_coordoperation_get_accuracy(context, operation),
            ballpark=bool(proj.proj_coordoperation_has_ballpark_transformation(context, operation)),
            instantiable=bool(proj.proj_coordoperation_is_instantiable(context, operation)),
            missing_grids=tuple(_missing_grids(operation)),
        )
    proj.proj_destroy(operation)
    return described


def _missing_grids(operation: int) -> Iterator[str]:
    """Yield the names of the grids of an operation that PROJ does not find."""
    proj, context = _library(), _context()
    for at in range(proj.proj_coordoperation_get_grid_used_count(context, operation)):
        name, available = ctypes.c_char_p(), ctypes.c_int()
        told = (ctypes.byref(name), None, None, None, None, None, ctypes.byref(available))
        if proj.proj_coordoperation_get_grid_used(context, operation, at, *told) and name.value and not available.value:
            yield name.value.decode()


@cache
def _library() -> ctypes.CDLL:
    """Return the very libproj that libgdal has loaded into this process.

    Raises:
        RuntimeError: None is loaded.
    """
    library = bind_loaded("libproj", SIGNATURES)
    if library is None:
        raise RuntimeError("no libproj is loaded; import osgeo.osr first")
    return library


@cache
def _context() -> int:
    """Return this module's PJ_CONTEXT, which prints nothing: a missing grid is an answer here, not an error."""
    context = _library().proj_context_create()
    _library().proj_log_level(context, 0)
    return int(context)
