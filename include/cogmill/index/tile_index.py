"""The tile index: one row per published frame, as MapServer reads it and as a shapefile for people to download."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from osgeo import gdal, ogr, osr

from cogmill.domain.model import FrameName, Product
from cogmill.mapserver.urls import download_url

SRS = "EPSG:3857"
"""CRS of every footprint and every COG."""

TEXT_COLUMNS = ("location", "src_srs", "date", "roll", "frame_num", "dl_orig", "dl_georef", "dl_index")
"""The legacy columns in their order; all fit the ten characters of a DBF name. `oid` exists only in PostGIS."""

PARTS = ("cpg", "dbf", "shp", "shx", "prj")
"""Files of one shapefile, in the order in which they are uploaded."""

ZIP_MEMBER_STEM = "tile_index"
"""Stem of the members of every zip: whoever unpacks one always finds the same names."""

NO_SCAN = "N/A"
"""`dl_orig` of a mosaic, which has no scan by nature. A scan that is merely missing is None."""

DBF_WIDTH = 254
"""Bytes that one DBF text field can hold."""

EPOCH = dt.date(1980, 1, 1)
"""Stands where DBF and zip ask for a date, so that equal rows give equal bytes; the earliest day that a zip can hold."""


@dataclass(frozen=True, slots=True)
class IndexedFrame:
    """One frame that is to be published, as the ledger knows it."""

    oid: int
    """Unique among all rows of all collections; stays the same for the life of the frame."""
    name: FrameName
    cog_key: str
    scan_key: str | None
    """Key of the scan that really exists, in its own spelling; None when there is none."""
    footprint_wkb: bytes
    """Polygon in EPSG:3857 (x east, y north, meters)."""


@dataclass(frozen=True, slots=True)
class IndexAddress:
    """Where the files of one collection are found; the same for all of its rows."""

    product: Product
    root: str
    """`/vsis3/<bucket>/`, what locations begin with."""
    public_url: str
    """Address under which keys can be downloaded: `https://s3.amazonaws.com/<bucket>`.

    With this path style the county is element 5 of a link split by `/`, which old web pages rely on.
    """
    zip_key: str
    """Key of the collection's `_idx.zip`."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One row of the tile index, with the legacy columns in their legacy order."""

    oid: int
    location: str
    """`/vsis3/<bucket>/<cog key>`: for MapServer, never for the public."""
    src_srs: str
    date: str
    """As written in the file name."""
    roll: str
    frame_num: str
    dl_orig: str | None
    """Public URL of the scan; None when it is missing, `N/A` for mosaics."""
    dl_georef: str
    """Public URL of the COG."""
    dl_index: str
    """Public URL of the collection's zipped shapefile."""
    geom_wkb: bytes
    """Polygon in EPSG:3857."""
    acquired: dt.date | None
    """Day of the photograph; None unless the name tells it to the day."""


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """A written shapefile and its zip."""

    parts: tuple[Path, ...]
    """One file per entry of `PARTS`, in that order."""
    zip_file: Path
    """`<name>_idx.zip`."""
    left_empty: int
    """Texts that are too long for a DBF field and were left empty rather than cut."""


def index_row(frame: IndexedFrame, address: IndexAddress) -> IndexRow:
    """Return the tile index row of one published frame."""
    return IndexRow(
        oid=frame.oid,
        location=address.root + frame.cog_key,
        src_srs=SRS,
        date=frame.name.date,
        roll=frame.name.roll,
        frame_num=frame.name.frame_num,
        dl_orig=_scan_url(frame, address),
        dl_georef=download_url(address.public_url, frame.cog_key),
        dl_index=download_url(address.public_url, address.zip_key),
        geom_wkb=frame.footprint_wkb,
        acquired=_single_day(frame.name.acquired),
    )


def _scan_url(frame: IndexedFrame, address: IndexAddress) -> str | None:
    """Return `dl_orig` of a frame."""
    if address.product is Product.MOSAIC:
        return NO_SCAN
    return download_url(address.public_url, frame.scan_key) if frame.scan_key else None


def _single_day(acquired: tuple[dt.date, dt.date] | None) -> dt.date | None:
    """Return the day of a range that is one day long."""
    return acquired[0] if acquired and acquired[0] == acquired[1] else None


def write_index_files(rows: Sequence[IndexRow], folder: Path, name: str) -> IndexFiles:
    """Write the shapefile `<name>.*` and `<name>_idx.zip` into a folder.

    Equal rows give equal bytes, in whatever order they come: records follow the byte order of `location`, as S3 lists keys.
    A text beyond the 254 bytes of a DBF field is left empty, because half a link is worse than none; PostGIS keeps it whole.

    Args:
        rows: Rows of one collection.
        folder: Existing folder that holds none of these files.
        name: The collection's service name, case kept.

    Raises:
        ValueError: A geometry is not a polygon.
    """
    ordered = sorted(rows, key=lambda row: row.location.encode())
    records = [{column: _fitting(getattr(row, column)) for column in TEXT_COLUMNS} for row in ordered]
    _write_shapefile(ordered, records, folder / f"{name}.shp")
    parts = tuple(folder / f"{name}.{part}" for part in PARTS)
    zip_file = folder / f"{name}_idx.zip"
    _write_zip(parts, zip_file)
    wanted = sum(getattr(row, column) is not None for row in ordered for column in TEXT_COLUMNS)
    written = sum(value is not None for record in records for value in record.values())
    return IndexFiles(parts, zip_file, left_empty=wanted - written)


def _fitting(text: str | None) -> str | None:
    """Return a text that a DBF field can hold, or None."""
    return text if text is not None and len(text.encode()) <= DBF_WIDTH else None


def _write_shapefile(rows: Sequence[IndexRow], records: Sequence[dict[str, str | None]], path: Path) -> None:
    """Write the five files of a shapefile; `records` holds the text columns of each row."""
    gdal.UseExceptions()
    reference = osr.SpatialReference()
    reference.SetFromUserInput(SRS)
    source = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(path))
    options = ["ENCODING=UTF-8", f"DBF_DATE_LAST_UPDATE={EPOCH.isoformat()}"]
    layer = source.CreateLayer(path.stem, reference, ogr.wkbPolygon, options)
    for column in TEXT_COLUMNS:
        field = ogr.FieldDefn(column, ogr.OFTString)
        # The width is fixed before the first record, else GDAL rewrites the file as longer texts come along.
        field.SetWidth(max([1, *(len((record[column] or "").encode()) for record in records)]))
        layer.CreateField(field)
    for row, record in zip(rows, records, strict=True):
        layer.CreateFeature(_feature(layer, row, record))
    # The files are complete only once GDAL has let go of them, layer first.
    del layer
    del source


def _feature(layer: ogr.Layer, row: IndexRow, record: dict[str, str | None]) -> ogr.Feature:
    """Return a row as a feature of the layer; raise ValueError when its geometry is no polygon."""
    geometry = ogr.CreateGeometryFromWkb(row.geom_wkb)
    if ogr.GT_Flatten(geometry.GetGeometryType()) != ogr.wkbPolygon:
        raise ValueError(f"a footprint is one polygon, not {geometry.GetGeometryName()}: {row.location}")
    feature = ogr.Feature(layer.GetLayerDefn())
    for number, value in enumerate(record.values()):  # by number: looking fields up by name took most of the time
        if value is not None:
            feature.SetFieldString(number, value)
    feature.SetGeometryDirectly(geometry)
    return feature


def _write_zip(parts: Sequence[Path], zip_file: Path) -> None:
    """Write a zip of the parts, without the clock and the permissions of this machine."""
    with zipfile.ZipFile(zip_file, "w") as target:
        for part in parts:
            member = zipfile.ZipInfo(
                f"{ZIP_MEMBER_STEM}{part.suffix}", date_time=(EPOCH.year, EPOCH.month, EPOCH.day, 0, 0, 0)
            )
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            target.writestr(member, part.read_bytes())
