"""A bucket as the functions of the predecessor leave it: COGs by the very options of GDAL that they used, index files, mapfiles."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cogmill.domain import keys
from cogmill.domain.model import Bands, Collection, Product
from cogmill.domain.public_access import COMPILED
from osgeo import gdal, ogr, osr

from tests.small_archive import SmallArchive, raster

COG = {
    Bands.BW: "-of GTiff -ot Byte -a_nodata 256 -co TILED=YES -co BLOCKXSIZE=512 -co BLOCKYSIZE=512 -co COMPRESS=DEFLATE"
    " -co COPY_SRC_OVERVIEWS=YES",
    Bands.NC: "-of GTiff -co TILED=YES -co BLOCKXSIZE=512 -co BLOCKYSIZE=512 -co COMPRESS=JPEG -co JPEG_QUALITY=85"
    " -co PHOTOMETRIC=YCBCR -co COPY_SRC_OVERVIEWS=YES",
}
"""Its last translation. The nodata value of 256 becomes 255, so that white is transparent on its maps; overviews never arrived."""

MAPFILE = """MAP
  NAME "{name}"
  EXTENT {extent}
  PROJECTION
    "init=epsg:3857"
  END
  WEB
    METADATA
      "wms_title" "{name}"
      "wms_enable_request" "*"
      "wms_onlineresource" "http://mapserver.example.org/wms/?map=/mapfiles/{id}.map&"
    END
  END
  LAYER
    NAME "{service}"
    TILEINDEX "{index}"
    TILEITEM "location"
    TILESRS "src_srs"
    STATUS ON
    TYPE RASTER
    PROJECTION
      "init=epsg:3857"
    END
    METADATA
      "wms_title" "Frame"
    END
    PROCESSING "RESAMPLE=NEAREST"
  END
END
"""
"""What its template says of the raster layer. The tile index of this one is the shapefile with the rows of the table."""

SIDE_PX, PIXEL_M, STEP_M = 192, 2, 240
WEST, NORTH = -10_900_000, 3_500_000

SHEETS, MOSAIC = 6, 2
"""Index sheets and parts of the mosaic in each bucket."""


@dataclass(frozen=True)
class OldCollection:
    collection: Collection
    bands: Bands
    stems: list[str]
    warped: bool = False
    """Whether its uploads were in UTM, which leaves black triangles at the corners."""

    @property
    def folder(self) -> str:
        return self.collection.prefix(self.bands)

    @property
    def cogs(self) -> list[str]:
        return [f"{self.folder}cog/{stem}.tif" for stem in self.stems]


def collections(frames: int) -> list[OldCollection]:
    """Return what an archive of so many frames consists of: gray and color, with and without rolls, sheets and a mosaic."""
    each = (frames - SHEETS - MOSAIC) // 3
    travis, hays, bexar = (
        Collection("Travis", "USDA", "1951", Product.FRAMES),
        Collection("Hays", "TxDOT", "1985", Product.FRAMES),
        Collection("Bexar", "AMS", "1950", Product.FRAMES),
    )
    last = frames - SHEETS - MOSAIC - 2 * each
    return [
        OldCollection(travis, Bands.BW, [f"03-22-51_4-{number:03d}" for number in range(last)]),
        OldCollection(hays, Bands.NC, [f"02-0885_6-{number:03d}" for number in range(each)]),
        OldCollection(bexar, Bands.BW, [f"11-02-50_{number:03d}" for number in range(each)], warped=True),
        OldCollection(
            Collection("Travis", "USDA", "1951", Product.INDEX),
            Bands.BW,
            [f"USDA_1951_{number:02d}" for number in range(SHEETS)],
        ),
        OldCollection(
            Collection("Travis", "USDA", "1951", Product.MOSAIC), Bands.BW, [f"mosaic_{n}" for n in range(MOSAIC)]
        ),
    ]


@dataclass(frozen=True)
class OldBucket:
    sample: SmallArchive
    folder: Path
    """For shapefiles from which the old maps are drawn."""
    collections: list[OldCollection] = field(default_factory=list)

    def fill(self, frames: int) -> OldBucket:
        """Store everything that its functions made of uploads whose georeferenced files are not kept."""
        features = []
        for number, each in enumerate(collections(frames)):
            self.collections.append(each)
            rows = []
            for place, key in enumerate(each.cogs):
                west, north = self.corner(number, place)
                body = cog(number * 1000 + place, west, north, each.bands, warped=each.warped)
                self.sample.put(key, body)
                if each.collection.product is Product.FRAMES:
                    self.sample.put(key.replace("/cog/", "/scanned/"))
                rows.append((key, bounds(body)))
            self._index(each, rows)
            features += [{"type": "Feature", "properties": {"tablename": each.collection.id}, "geometry": None}] * len(
                rows
            )
        compiled = {"type": "FeatureCollection", "features": features}
        self.sample.put(f"{COMPILED}.geojson", json.dumps(compiled).encode())
        return self

    def corner(self, number: int, place: int) -> tuple[float, float]:
        """Return west and north of a frame: collections lie apart, their frames overlap."""
        return WEST + 40_000 * number + STEP_M * (place % 15), NORTH - STEP_M * (place // 15)

    def _index(self, each: OldCollection, rows: list[tuple[str, tuple[float, ...]]]) -> None:
        """Write the tile index as its shapefile, zip and mapfile."""
        name = each.collection.service_name
        path = self.folder / f"{name}.shp"
        _write_shapefile(path, rows, self.sample.archive.store.bucket)
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as file:
            for suffix in (".cpg", ".dbf", ".shp", ".shx"):
                body = path.with_suffix(suffix).read_bytes() if path.with_suffix(suffix).exists() else b"UTF-8"
                self.sample.put(f"{each.folder}cog/tile_index/{name}{suffix}", body)
                file.writestr(f"tile_index{suffix}", body)
        self.sample.put(f"{each.folder}cog/tile_index/{name}_idx.zip", zipped.getvalue())
        self.sample.put(keys.mapfile_key(each.collection.id), self.mapfile(each).encode())

    def mapfile(self, each: OldCollection) -> str:
        """Return the old mapfile of a collection, which draws from the shapefile."""
        name, index = each.collection.service_name, self.folder / f"{each.collection.service_name}.shp"
        extent = "-20037508 -20037508 20037508 20037508"
        values = {"service": name, "id": each.collection.id, "index": index, "extent": extent}
        return MAPFILE.format(name=name.upper().replace("_", ""), **values)

    def all_cogs(self) -> Iterator[str]:
        for each in self.collections:
            yield from each.cogs


def cog(seed: int, west: float, north: float, bands: Bands, *, warped: bool = False, side_px: int = SIDE_PX) -> bytes:
    """Return the bytes of one COG; landmarks differ by the seed, and some pixels are white."""
    count = 3 if bands is Bands.NC else 1
    generator = np.random.default_rng(seed)
    coarse = generator.integers(30, 220, (count, side_px // 16, side_px // 16), dtype=np.uint8)
    pixels = coarse.repeat(16, 1).repeat(16, 2)
    if bands is Bands.BW:
        pixels[:, 80:96, 80:96] = 255
    source = f"/vsimem/{uuid.uuid4().hex}.tif"
    gdal.FileFromMemBuffer(source, _upload(pixels, west, north, warped=warped))
    target = f"/vsimem/{uuid.uuid4().hex}.tif"
    reprojected = gdal.Warp(f"/vsimem/{uuid.uuid4().hex}.tif", source, dstSRS="EPSG:3857") if warped else source
    gdal.PushErrorHandler("CPLQuietErrorHandler")  # that 256 is no byte
    try:
        gdal.Translate(target, reprojected, options=COG[bands]).FlushCache()
    finally:
        gdal.PopErrorHandler()
    return bytes(gdal.VSIGetMemFileBuffer_unsafe(target))


def _upload(pixels: np.ndarray, west: float, north: float, *, warped: bool) -> bytes:
    if not warped:
        return raster(pixels, west, north, PIXEL_M)
    mercator, utm = osr.SpatialReference(), osr.SpatialReference()
    mercator.ImportFromEPSG(3857)
    utm.ImportFromEPSG(26914)
    x, y, _ = osr.CoordinateTransformation(mercator, utm).TransformPoint(west, north)
    return raster(pixels, x, y, PIXEL_M, epsg=26914)


def bounds(body: bytes) -> tuple[float, ...]:
    """Return west, south, east, north of a raster, from its size and its transform."""
    path = f"/vsimem/{uuid.uuid4().hex}.tif"
    gdal.FileFromMemBuffer(path, body)
    dataset = gdal.Open(path)
    west, pixel, _, north, _, _ = dataset.GetGeoTransform()
    return west, north - pixel * dataset.RasterYSize, west + pixel * dataset.RasterXSize, north


def _write_shapefile(path: Path, rows: list[tuple[str, tuple[float, ...]]], bucket: str) -> None:
    source = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(path))
    layer = source.CreateLayer(path.stem, geom_type=ogr.wkbPolygon)
    for name in ("location", "src_srs"):
        field_definition = ogr.FieldDefn(name, ogr.OFTString)
        field_definition.SetWidth(254)
        layer.CreateField(field_definition)
    for key, (west, south, east, north) in sorted(rows):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature["location"], feature["src_srs"] = f"/vsis3/{bucket}/{key}", "EPSG:3857"
        ring = f"{west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}"
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON (({ring}))"))
        layer.CreateFeature(feature)
