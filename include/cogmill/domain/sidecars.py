"""Files that programs lay beside a raster to say where it lies. None is read: only what stands in the TIFF itself counts."""

from __future__ import annotations

from collections.abc import Iterable

from cogmill.domain.errors import InvalidFrameError, Reason

POSITION_FILES = {
    (".tfw", ".tifw", ".tfwx", ".wld"): (
        "a world file",
        "write it into the TIFF with its coordinate system (gdal_translate -a_srs EPSG:<code> <file> <new file>, with both side by side)",
    ),
    (".aux.xml",): (
        "georeferencing of ArcGIS",
        "in ArcGIS use Export Raster or Rectify, not Update Georeferencing, so that it goes into the TIFF",
    ),
    (".points",): ("control points of QGIS", "run Start Georeferencing in the Georeferencer, and upload its result"),
    (".prj",): (
        "a coordinate system",
        "write it into the TIFF (gdal_translate -a_srs <file>.prj <file> <new file>), or have it declared for the collection (crs)",
    ),
    ("_rpc.txt", ".rpb"): ("a camera model (RPC)", "orthorectify the picture with an elevation model (gdalwarp -rpc)"),
}
"""Endings, in lower case: what such a file is, and how what it says gets into the TIFF."""

MISSING_POSITION = {Reason.NO_CRS, Reason.NOT_GEOREFERENCED}
"""Rejections for which people ask why, because they see the file beside."""


def sidecar_prefix(key: str) -> str:
    """Return the beginning of the keys of all files that may lie beside an upload and speak of it.

    >>> sidecar_prefix("bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif")
    'bw/Travis/USDA_1951/frames/georef/03-22-51_4-1'
    """
    return key.rpartition(".")[0]


def with_sidecars(fault: InvalidFrameError, key: str, listed: Iterable[str]) -> InvalidFrameError:
    """Return a rejection for a missing position with what lies beside the upload, and what to do about it.

    Args:
        fault: Of the upload.
        key: Of the upload.
        listed: Keys that begin with `sidecar_prefix`; those of other frames are left out.
    """
    begin = sidecar_prefix(key)
    beginnings = (key.casefold(), begin.casefold())
    found = {
        f"{name.rpartition('/')[2]} beside it is {what}, which is not read: {step}"
        for name in listed
        for endings, (what, step) in POSITION_FILES.items()
        if any(name.casefold() == f"{start}{ending}" for start in beginnings for ending in endings)
    }
    return InvalidFrameError(fault.reason, "; ".join([fault.detail, *sorted(found)])) if found else fault
