"""The compiled index: every published footprint of the archive in one GeoJSON file, one feature per line.

The five properties and the WGS 84 coordinates are what the web sites of the archive have always read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import shapely
from numpy.typing import NDArray

from cogmill.domain.errors import VerificationError

PROPERTIES = ("tablename", "collection", "dl_orig", "dl_georef", "dl_index")
"""What consumers have always found in a feature."""

EXTRA_PROPERTIES = ("date", "roll", "frame_num", "acquired", "shift_accuracy_m")
"""Added after them on demand; `acquired` is an ISO day or null, `shift_accuracy_m` what the datum shift claims, in meters, or null."""

DECIMALS = 7
"""Digits of a coordinate: about a centimeter."""

BATCH_FEATURES = 2000
"""Features held in memory at a time."""

_HEAD = '{"type":"FeatureCollection","features":['
_TAIL = "]}"
_GEOMETRY = ',"geometry":'
"""What the geometry, the last member of a feature, comes after."""


@dataclass(frozen=True, slots=True)
class FeatureBatch:
    """Some features, in order: their properties and their polygons."""

    values: list[tuple[str | None, ...]]
    """One entry per feature, in the order of the property names."""
    polygons: NDArray[np.object_]
    """Shape (features,): shapely polygons, longitude and latitude in degrees, exterior rings counter-clockwise, rounded."""

    def __post_init__(self) -> None:
        if len(self.values) != len(self.polygons):
            raise ValueError(f"{len(self.values)} features with {len(self.polygons)} polygons")


@dataclass(slots=True)
class FeatureDigest:
    """Number and hash of features, whatever their order, since a format may sort them for its own index."""

    count: int = 0
    total: int = field(default=0, repr=False)
    """Sum of the SHA-256 of each feature, modulo 2^256."""

    def add(self, batch: FeatureBatch) -> None:
        """Count and hash more features."""
        for values, wkb in zip(batch.values, shapely.to_wkb(batch.polygons, byte_order=1), strict=True):
            digest = hashlib.sha256(json.dumps(values).encode() + wkb).digest()
            self.total = (self.total + int.from_bytes(digest)) % (1 << 256)
            self.count += 1

    @property
    def hash(self) -> str:
        """The sum in hexadecimal."""
        return f"{self.total:064x}"


def catalog_name(collection_id: str) -> str:
    """Return the name under which the public catalog knows all products of a county, agency and year.

    >>> catalog_name("travis_usda_1951_frames")
    'TRAVIS USDA 1951'
    """
    return collection_id.rpartition("_")[0].replace("_", " ").upper()


def property_names(*, extra: bool) -> tuple[str, ...]:
    """Return the names of the properties in their order."""
    return PROPERTIES + EXTRA_PROPERTIES if extra else PROPERTIES


def feature_batches(collection_id: str, rows: Iterable[Mapping[str, Any]], *, extra: bool) -> Iterator[FeatureBatch]:
    """Yield the features of tile index rows, `BATCH_FEATURES` at a time.

    Args:
        collection_id: Collection of the rows.
        rows: Columns of the tile index, geometry as `geom_wkb` in longitude and latitude (degrees).
        extra: Add the properties beyond the five.

    Raises:
        VerificationError: A geometry that no GeoJSON reader would accept.
    """
    names = property_names(extra=extra)
    constant = {"tablename": collection_id, "collection": catalog_name(collection_id)}
    rows = iter(rows)
    while group := list(islice(rows, BATCH_FEATURES)):
        polygons = _polygons(collection_id, [row["geom_wkb"] for row in group])
        yield FeatureBatch([tuple(_text({**constant, **row}[name]) for name in names) for row in group], polygons)


class GeoJsonWriter:
    """Writes features to a file, collection by collection; one that fails half-way is cut off again."""

    def __init__(self, target: TextIO, names: Sequence[str]) -> None:
        self._target = target
        self._names = names
        self._written = False
        target.write(_HEAD)

    def write_collection(self, features: Iterable[FeatureBatch]) -> int:
        """Append the features of one collection and return their number.

        Raises:
            VerificationError: Passed through from `features`; the file is as it was before.
        """
        start, written, count = self._target.tell(), self._written, 0
        try:
            for batch in features:
                for line in self._lines(batch):
                    self._target.write((",\n" if self._written else "\n") + line)
                    self._written = True
                count += len(batch.values)
        except VerificationError:
            self._target.seek(start)
            self._target.truncate()
            self._written = written
            raise
        return count

    def finish(self) -> None:
        """Write what closes the document."""
        self._target.write("\n" + _TAIL + "\n")

    def _lines(self, batch: FeatureBatch) -> Iterator[str]:
        """Yield one feature as GeoJSON, without the comma."""
        for values, geometry in zip(batch.values, shapely.to_geojson(batch.polygons), strict=True):
            properties = json.dumps(
                dict(zip(self._names, values, strict=True)), ensure_ascii=False, separators=(",", ":")
            )
            yield f'{{"type":"Feature","properties":{properties}{_GEOMETRY}{geometry}}}'


def read_geojson(path: Path, names: Sequence[str]) -> Iterator[FeatureBatch]:
    """Read the features of a file that `GeoJsonWriter` wrote, in bounded memory.

    Raises:
        VerificationError: The file does not hold what was to be written.
    """
    with path.open(encoding="utf-8") as source:
        lines = (line.rstrip(",\n") for line in source)
        if next(lines, None) != _HEAD:
            raise VerificationError(f"{path.name} does not begin as a FeatureCollection")
        while group := list(islice(lines, BATCH_FEATURES)):
            ended = group[-1] == _TAIL
            features = group[:-1] if ended else group
            properties = [json.loads(feature)["properties"] for feature in features]
            yield FeatureBatch(
                [tuple(entry[name] for name in names) for entry in properties],
                shapely.from_geojson([feature.rpartition(_GEOMETRY)[2].removesuffix("}") for feature in features]),
            )
            if ended:
                return
    raise VerificationError(f"{path.name} is not closed")


def _polygons(collection_id: str, wkbs: Sequence[bytes]) -> NDArray[np.object_]:
    """Return polygons from well-known binaries, rounded and oriented, shape (features,); see `FeatureBatch.polygons`."""
    try:
        polygons = shapely.from_wkb(wkbs)
    except shapely.errors.GEOSException as err:
        raise VerificationError(f"{collection_id}: a footprint is broken: {err}") from err
    coordinates = shapely.get_coordinates(polygons)
    if any(polygon is None for polygon in polygons) or not (np.abs(coordinates) <= (180, 90)).all():  # NaN is no less
        raise VerificationError(f"{collection_id}: a footprint does not lie on the Earth")
    rounded = shapely.transform(polygons, lambda xy: np.round(xy, DECIMALS))
    if not (shapely.get_type_id(rounded) == shapely.GeometryType.POLYGON).all() or shapely.is_empty(rounded).any():
        raise VerificationError(f"{collection_id}: a footprint is no polygon")
    oriented: NDArray[np.object_] = shapely.orient_polygons(rounded)
    return oriented


def _text(value: object) -> str | None:
    """Return a property as the formats hold it."""
    return None if value is None else str(value)
