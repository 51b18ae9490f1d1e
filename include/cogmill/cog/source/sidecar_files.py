"""Read where a file beside an upload says that it lies. Such a file is as hostile as the upload, and is read in the worker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import numpy as np
from affine import Affine
from osgeo import osr

from cogmill.cog.source.control_points import ControlPoints
from cogmill.cog.source.gdal_types import SpatialReference
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.sidecars import LARGEST_BYTES, SidecarKind

NUMBER = re.compile(r"[+-]?(\d{1,40}([.,]\d{0,40})?|[.,]\d{1,40})([eE][+-]?\d{1,3})?")
"""A number as world files have it, with a decimal comma where the program's language has one."""

SIX = 6
"""Numbers of a transform."""

LONGEST_CRS = 65_536
"""Characters of a coordinate system in WKT; the longest of PROJ's own have about 8,000."""


@dataclass(frozen=True, slots=True)
class StatedPosition:
    """What a sidecar says."""

    kind: SidecarKind
    transform: Affine | None = None
    """From (column, row), corners of pixels, to map coordinates (x, y); None when it says nothing of that."""
    srs: SpatialReference | None = None
    points: ControlPoints | None = None


def read_stated(kind: SidecarKind, file: Path) -> StatedPosition:
    """Return what a sidecar says.

    Raises:
        InvalidFrameError: not_georeferenced or no_crs, with what is wrong in it.
    """
    with file.open("rb") as opened:
        body = opened.read(LARGEST_BYTES[kind] + 1)
    if len(body) > LARGEST_BYTES[kind]:
        raise _fault(kind, f"has more than {LARGEST_BYTES[kind]} bytes")
    if kind is SidecarKind.WORLD_FILE:
        return StatedPosition(kind, _world_file(body))
    found = _AuxXml(body)
    transform, wkt = found.text("GeoTransform"), found.text("SRS") or found.points_crs
    six = _numbers(kind, re.split(r"[\s,]+", transform)) if transform else None
    points = _points(found.points) if found.points else None
    return StatedPosition(kind, Affine.from_gdal(*six) if six else None, _srs(wkt) if wkt else None, points)


def _world_file(body: bytes) -> Affine:
    """Return the transform of a world file: the two axes of a pixel, then the center of the first one."""
    a, d, b, e, x, y = _numbers(SidecarKind.WORLD_FILE, body.decode("ascii", "replace").split())
    return Affine(a, b, x, d, e, y) @ Affine.translation(-0.5, -0.5)


def _numbers(kind: SidecarKind, words: Iterable[str]) -> tuple[float, ...]:
    """Return the six numbers of a transform; more than those say something else."""
    found = [word for word in words if word][:SIX]
    wrong = next((word for word in found if not NUMBER.fullmatch(word)), None)
    if wrong is not None:
        raise _fault(kind, f"has {wrong[:40]!r} where a number belongs")
    if len(found) < SIX:
        raise _fault(kind, f"has {len(found)} numbers of {SIX}")
    return tuple(float(word.replace(",", ".")) for word in found)


class _AuxXml:
    """What an `.aux.xml` says of a position: the texts right below its root, and its control points.

    A document type is refused: with it entities would come, which grow without bound or name other files.
    """

    def __init__(self, body: bytes) -> None:
        self.points: list[dict[str, str]] = []
        """Attributes of each control point."""
        self.points_crs = ""
        """WKT."""
        self._path: list[str] = []
        self._texts: dict[str, list[str]] = {}
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._hear
        try:
            parser.Parse(body, True)  # noqa: FBT003 - its only way to say that nothing follows
        except (expat.ExpatError, ValueError) as err:
            raise _fault(SidecarKind.AUX_XML, f"is no XML ({err})") from err

    def text(self, name: str) -> str:
        """Return the text of an element; empty without one."""
        return "".join(self._texts.get(name, ())).strip()

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if self._path[1:] == ["GCPList"]:
            self.points_crs = attributes.get("Projection", "")
        elif self._path[1:] == ["GCPList", "GCP"]:
            self.points.append(attributes)

    def _end(self, _name: str) -> None:
        self._path.pop()

    def _hear(self, data: str) -> None:
        if len(self._path) == 2:  # noqa: PLR2004 - below the root
            self._texts.setdefault(self._path[-1], []).append(data)

    @staticmethod
    def _refuse(*_: object) -> None:
        raise _fault(SidecarKind.AUX_XML, "has a document type, which no such file needs")


def _points(found: Sequence[Mapping[str, str]]) -> ControlPoints:
    """Return the control points of GDAL's list of them."""
    rows = [[point.get(name, "") for name in ("Pixel", "Line", "X", "Y")] for point in found]
    wrong = next((word for row in rows for word in row if not NUMBER.fullmatch(word)), None)
    if wrong is not None:
        raise _fault(SidecarKind.AUX_XML, f"has {wrong[:40]!r} where a number belongs")
    values = np.array([[float(word.replace(",", ".")) for word in row] for row in rows])
    return ControlPoints(values[:, :2], values[:, 2:])


def _srs(wkt: str) -> SpatialReference:
    """Return the CRS of a WKT text; nothing else is understood, no path and no address."""
    srs = osr.SpatialReference()
    if len(wkt) > LONGEST_CRS:
        raise _fault(SidecarKind.AUX_XML, f"has a coordinate system of {len(wkt)} characters")
    try:
        srs.ImportFromWkt(wkt)
    except RuntimeError as err:
        detail = f"the coordinate system in the .aux.xml beside it cannot be read ({err})"
        raise InvalidFrameError(Reason.NO_CRS, detail) from err
    found: SpatialReference = srs
    return found


def _fault(kind: SidecarKind, what: str) -> InvalidFrameError:
    name = "world file" if kind is SidecarKind.WORLD_FILE else ".aux.xml"
    return InvalidFrameError(Reason.NOT_GEOREFERENCED, f"the {name} beside it {what}")
