"""Files that programs lay beside a raster to say where it lies. They are read where the site takes them, and where the TIFF does not say it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.keys import parse_upload
from cogmill.domain.layout import formats_in_use
from cogmill.domain.layout.formats import format_of
from cogmill.domain.model import Stage, UploadKey


class SidecarKind(StrEnum):
    """Kinds of sidecars that a site may take."""

    WORLD_FILE = "world_file"
    """Six numbers: where a pixel lies, in no particular coordinate system."""
    AUX_XML = "aux_xml"
    """Position and coordinate system as GDAL and ArcGIS write them."""


ENDINGS = {
    SidecarKind.WORLD_FILE: (".tfw", ".tifw", ".tfwx", ".wld", ".j2w", ".jp2w", ".igw", ".imgw"),
    SidecarKind.AUX_XML: (".aux.xml",),
}
"""By kind, in lower case. Names of world files follow from that of the raster: `.tif`, any, `.jp2`, `.img`."""

SIDECAR_WORDS = {
    SidecarKind.WORLD_FILE: "its world file (such as .tfw, .j2w or .wld)",
    SidecarKind.AUX_XML: "its .aux.xml",
}
"""What people are told that a frame waits for."""

LARGEST_BYTES = {SidecarKind.WORLD_FILE: 4096, SidecarKind.AUX_XML: 4 * 1024**2}
"""More is not read; an `.aux.xml` may hold the histogram and the attribute table of a band."""

POSITION_FILES = {
    ENDINGS[SidecarKind.WORLD_FILE]: (
        "a world file",
        "write it into the TIFF with its coordinate system (gdal_translate -a_srs EPSG:<code> <file> <new file>, with both side by side)",
    ),
    ENDINGS[SidecarKind.AUX_XML]: (
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

MENDED_BESIDE = (*MISSING_POSITION, Reason.OUTSIDE_AREA, Reason.NO_TRANSFORMATION, Reason.BEYOND_WEB_MERCATOR)
"""Rejections that another sidecar may undo."""


def placed_by(kind: SidecarKind, what: str = "position") -> str:
    """Return how it is recorded what was taken from a sidecar: `position` or `crs`."""
    return f"{what}_of_{kind}"


PLACED_BY = tuple(placed_by(kind, what) for kind in SidecarKind for what in ("position", "crs"))
"""All words of `placed_by`."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One version of a sidecar in the bucket."""

    kind: SidecarKind
    key: str
    etag: str
    size: int
    """Bytes."""


def read_sidecar(key: str, taken: Collection[SidecarKind]) -> tuple[SidecarKind, UploadKey] | None:
    """Return the kind of a sidecar and the frame that it speaks of; None for other keys, and for kinds that are not taken.

    >>> kind, upload = read_sidecar("bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.TFW", {SidecarKind.WORLD_FILE})
    >>> str(kind), upload.stem, read_sidecar("bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tfw", ())
    ('world_file', '03-22-51_4-1', None)
    """
    folded = key.casefold()
    for kind in taken:
        ending = next((each for each in ENDINGS[kind] if folded.endswith(each)), None)
        if ending is None:
            continue
        begin = key[: -len(ending)]
        try:
            whole = begin.casefold().endswith((".tif", ".tiff")) or format_of(begin) in formats_in_use()
            upload = parse_upload(begin if whole else f"{begin}.tif")
        except InvalidFrameError:
            return None  # beside no frame
        return (kind, upload) if upload.stage is Stage.GEOREF else None
    return None


def sidecar_prefix(key: str) -> str:
    """Return the beginning of the keys of all files that may lie beside an upload and speak of it.

    >>> sidecar_prefix("bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif")
    'bw/Travis/USDA_1951/frames/georef/03-22-51_4-1'
    """
    return key.rpartition(".")[0]


def with_sidecars(
    fault: InvalidFrameError, key: str, listed: Iterable[str], taken: Collection[SidecarKind] = ()
) -> InvalidFrameError:
    """Return a rejection for a missing position with what lies beside the upload, and what to do about it.

    Args:
        fault: Of the upload.
        key: Of the upload.
        listed: Keys that begin with `sidecar_prefix`; those of other frames are left out.
        taken: Kinds that the site takes: what is wrong with those is said already.
    """
    begin, read = sidecar_prefix(key), [ENDINGS[kind] for kind in taken]
    beginnings = (key.casefold(), begin.casefold())
    found = {
        f"{name.rpartition('/')[2]} beside it is {what}, which is not read: {step}"
        for name in listed
        for endings, (what, step) in POSITION_FILES.items()
        if endings not in read
        and any(name.casefold() == f"{start}{ending}" for start in beginnings for ending in endings)
    }
    return InvalidFrameError(fault.reason, "; ".join([fault.detail, *sorted(found)])) if found else fault
