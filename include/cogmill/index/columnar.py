"""The compiled index in columnar formats: FlatGeobuf for web maps and desktop GIS, GeoParquet for analysis.

Both hold the same features and values as the GeoJSON: they are written from it and verified against it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from osgeo import gdal, ogr, osr

from cogmill.domain.errors import VerificationError
from cogmill.index.geojson import BATCH_FEATURES, FeatureBatch, FeatureDigest, read_geojson

LAYER = "compiled_historical_indexes"
"""Name of the only layer of the FlatGeobuf."""

ROW_GROUP = 50_000
"""Features per row group of the GeoParquet: what a reader must fetch at least, and what is held in memory."""


class FeatureWriter(Protocol):
    """Writes features to a file that is complete when the `with` block ends."""

    def write(self, batch: FeatureBatch) -> None:
        """Append features."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class FlatGeobufWriter:
    """Writes a FlatGeobuf with its spatial index, in longitude and latitude; features follow the index, not the order of writing."""

    def __init__(self, path: Path | str, names: Sequence[str], layer: str = LAYER) -> None:
        gdal.UseExceptions()
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(4326)
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        self._source = ogr.GetDriverByName("FlatGeobuf").CreateDataSource(str(path))
        self._layer = self._source.CreateLayer(layer, reference, ogr.wkbPolygon, ["SPATIAL_INDEX=YES"])
        for name in names:
            self._layer.CreateField(ogr.FieldDefn(name, ogr.OFTString))
        self._definition = self._layer.GetLayerDefn()

    def write(self, batch: FeatureBatch) -> None:
        """Append features."""
        for values, wkb in zip(batch.values, shapely.to_wkb(batch.polygons), strict=True):
            feature = ogr.Feature(self._definition)
            for position, value in enumerate(values):
                if value is not None:
                    feature.SetField(position, value)
            feature.SetGeometryDirectly(ogr.CreateGeometryFromWkb(wkb))
            self._layer.CreateFeature(feature)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # GDAL writes the file when it lets go of it, layer first
        self._layer = self._definition = None
        self._source = None


class GeoParquetWriter:
    """Writes a GeoParquet 1.1 file; without a CRS in its metadata it is OGC:CRS84, longitude and latitude."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        fields = [pa.field(name, pa.string()) for name in names]
        self._schema = pa.schema([*fields, pa.field("geometry", pa.binary())])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
        self._waiting: list[pa.Table] = []

    def write(self, batch: FeatureBatch) -> None:
        """Append features."""
        if not batch.values:
            return
        columns = [pa.array(column, pa.string()) for column in zip(*batch.values, strict=True)]
        geometry = pa.array(shapely.to_wkb(batch.polygons, byte_order=1), pa.binary())
        self._waiting.append(pa.Table.from_arrays([*columns, geometry], schema=self._schema))
        west, south, east, north = shapely.total_bounds(batch.polygons)
        self._bounds = np.array(
            [*np.minimum(self._bounds[:2], (west, south)), *np.maximum(self._bounds[2:], (east, north))]
        )
        if len(self._waiting) * BATCH_FEATURES >= ROW_GROUP:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        column: dict[str, object] = {
            "encoding": "WKB",
            "geometry_types": ["Polygon"],
            "orientation": "counterclockwise",
        }
        if np.isfinite(self._bounds).all():
            column["bbox"] = self._bounds.tolist()
        about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        self._writer.add_key_value_metadata({"geo": json.dumps(about)})
        self._writer.close()

    def _flush(self) -> None:
        """Write what waits as one row group."""
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=2 * ROW_GROUP)
        self._waiting = []


def read_flatgeobuf(path: Path, names: Sequence[str]) -> Iterator[FeatureBatch]:
    """Read the features of a file in bounded memory."""
    gdal.UseExceptions()
    source = gdal.OpenEx(str(path), gdal.OF_VECTOR, allowed_drivers=["FlatGeobuf"])
    features = iter(source.GetLayer(0))
    while group := list(islice(features, BATCH_FEATURES)):
        values = [
            tuple(None if f.IsFieldNull(position) else f.GetField(position) for position in range(len(names)))
            for f in group
        ]
        yield FeatureBatch(values, shapely.from_wkb([bytes(f.GetGeometryRef().ExportToWkb()) for f in group]))


def read_geoparquet(path: Path, names: Sequence[str]) -> Iterator[FeatureBatch]:
    """Read the features of a file in bounded memory."""
    with pq.ParquetFile(path) as source:
        for group in source.iter_batches(BATCH_FEATURES):
            columns = [group.column(name).to_pylist() for name in names]
            values = list(zip(*columns, strict=True))
            yield FeatureBatch(values, shapely.from_wkb(group.column("geometry").to_numpy(zero_copy_only=False)))


FORMATS: dict[
    str, tuple[Callable[[Path, Sequence[str]], FeatureWriter], Callable[[Path, Sequence[str]], Iterator[FeatureBatch]]]
] = {".fgb": (FlatGeobufWriter, read_flatgeobuf), ".parquet": (GeoParquetWriter, read_geoparquet)}
"""Writer and reader by suffix."""


def flatgeobuf(layer: str, names: Sequence[str], batches: Iterable[FeatureBatch]) -> bytes:
    """Return a FlatGeobuf with its spatial index, made in memory; the same features in the same order give the same bytes.

    Args:
        layer: Name of its only layer.
        names: Names of the properties in their order.
        batches: The features.
    """
    path = f"/vsimem/{uuid4().hex}.fgb"
    try:
        with FlatGeobufWriter(path, names, layer) as writer:
            for batch in batches:
                writer.write(batch)
        size = gdal.VSIStatL(path).size
        source = gdal.VSIFOpenL(path, "rb")
        try:
            return bytes(gdal.VSIFReadL(1, size, source))
        finally:
            gdal.VSIFCloseL(source)
    finally:
        gdal.Unlink(path)


def write_columnar(geojson: Path, names: Sequence[str]) -> FeatureDigest:
    """Write all columnar formats beside a GeoJSON, from its features as they are read back, and verify them.

    One after the other: a FlatGeobuf keeps the box of every feature in memory until it is complete, some 150 bytes each,
    and takes 100 MB more while it brings them into the order of its index.

    Args:
        geojson: A file that `GeoJsonWriter` wrote.
        names: Names of the properties in their order.

    Returns:
        Number and hash of the features, the same in all formats.

    Raises:
        VerificationError: A format does not hold the features of the GeoJSON.
    """
    written = FeatureDigest()
    for suffix, (make, read) in FORMATS.items():
        path, written, found = geojson.with_suffix(suffix), FeatureDigest(), FeatureDigest()
        with make(path, names) as writer:
            for batch in read_geojson(geojson, names):
                written.add(batch)
                writer.write(batch)
        for batch in read(path, names):
            found.add(batch)
        if found != written:
            raise VerificationError(
                f"{suffix} holds {found.count} features ({found.hash}), the GeoJSON {written.count} ({written.hash})"
            )
    return written
