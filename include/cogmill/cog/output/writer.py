"""Write a frame as Cloud-Optimized GeoTIFF, in one pass through GDAL's COG driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from affine import Affine
from osgeo import gdal

from cogmill.cog.arrays.masks import VALID
from cogmill.cog.output.levels import BLOCK_PX, Level
from cogmill.cog.profiles import Profile
from cogmill.cog.source.crs import web_mercator
from cogmill.cog.source.decode import Bytes
from cogmill.cog.source.gdal_types import Dataset

STATISTICS_PX = 1024
"""Statistics are taken from the first level that is not wider than this; exact ones would cost a pass over all pixels."""

COLORS = {1: ["Gray"], 3: ["Red", "Green", "Blue"]}
"""Color interpretation by number of bands."""


def write_cog(  # noqa: PLR0913 - each is one independent part of a file
    levels: list[Level], transform: Affine, target: Path, profile: Profile, tags: Mapping[str, str], *, threads: int
) -> None:
    """Write the COG. The same levels, profile and tags give the same bytes, whatever the number of threads.

    Args:
        levels: The frame and its overviews, full resolution first; they must not move in memory meanwhile.
        transform: From (column, row) to EPSG:3857 meters (x, y).
        target: File to write.
        profile: Codec and its numbers.
        tags: Become items of the file's GDAL metadata tag.
        threads: Threads that compress blocks.
    """
    dataset = gdal.OpenEx(virtual_dataset(levels), gdal.OF_RASTER, allowed_drivers=["VRT"])
    dataset.SetGeoTransform(transform.to_gdal())
    dataset.SetSpatialRef(web_mercator())
    dataset.SetMetadata(dict(sorted(tags.items())))
    _set_statistics(dataset, levels)
    written = gdal.GetDriverByName("COG").CreateCopy(str(target), dataset, options=creation_options(profile, threads))
    written.FlushCache()


def creation_options(profile: Profile, threads: int) -> list[str]:
    """Return the options of GDAL's COG driver for a profile."""
    options = {
        "COMPRESS": profile.compress,
        "BLOCKSIZE": str(BLOCK_PX),
        "NUM_THREADS": str(threads),
        "BIGTIFF": "IF_SAFER",  # classic TIFF where it surely fits: old desktop software reads no other
        "OVERVIEWS": "AUTO",  # those of the source, none where it has none
        "ADD_ALPHA": "NO",  # the mask stays a mask
    }
    if profile.predictor:
        options |= {"PREDICTOR": "YES", "OVERVIEW_PREDICTOR": "YES"}
    if profile.level is not None:
        options["LEVEL"] = str(profile.level)
    if profile.quality is not None:
        options |= {"QUALITY": str(profile.quality), "OVERVIEW_QUALITY": str(profile.quality)}
    return [f"{key}={value}" for key, value in options.items()]


def virtual_dataset(levels: list[Level]) -> str:
    """Return a VRT whose bands, mask and overviews are the arrays of `levels`, so that the COG driver copies nothing.

    GDAL's MEM driver knows no overviews of a mask; without them the COG driver would make its own, through a file.
    """
    root = _level_vrt(levels[0])
    overviews = [ET.tostring(_level_vrt(level), encoding="unicode") for level in levels[1:]]
    for number, band in enumerate(root.findall("VRTRasterBand"), start=1):
        for overview in overviews:
            _reference(ET.SubElement(band, "Overview"), overview, number)
    mask = root.find("MaskBand/VRTRasterBand")
    for level in levels[1:]:
        _reference(_child_of(mask, "Overview"), _array_name(level.mask), 1)
    return ET.tostring(root, encoding="unicode")


def _level_vrt(level: Level) -> ET.Element:
    """Return the VRT of one level: its bands and its mask."""
    root = ET.Element("VRTDataset", rasterXSize=str(level.width), rasterYSize=str(level.height))
    for number, (layer, color) in enumerate(zip(level.data, COLORS[len(level.data)], strict=True), start=1):
        band = ET.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        ET.SubElement(band, "ColorInterp").text = color
        _reference(ET.SubElement(band, "SimpleSource"), _array_name(layer), 1)
    mask = ET.SubElement(ET.SubElement(root, "MaskBand"), "VRTRasterBand", dataType="Byte")
    _reference(ET.SubElement(mask, "SimpleSource"), _array_name(level.mask), 1)
    return root


def _child_of(parent: ET.Element | None, name: str) -> ET.Element:
    """Append an element to a parent that is surely there."""
    if parent is None:
        raise ValueError(f"no parent for {name}")
    return ET.SubElement(parent, name)


def _reference(parent: ET.Element, name: str, band: int) -> None:
    """Make an element point at a band, counted from 1, of a dataset."""
    ET.SubElement(parent, "SourceFilename", relativeToVRT="0").text = name
    ET.SubElement(parent, "SourceBand").text = str(band)


def _array_name(layer: Bytes) -> str:
    """Return the name under which GDAL's MEM driver opens a layer of a `Level`, shape (rows, columns), by its address."""
    height, width = layer.shape
    line_offset = width if layer.flags.c_contiguous else layer.strides[0]
    return (
        f"MEM:::DATAPOINTER={layer.ctypes.data},PIXELS={width},LINES={height},BANDS=1,"
        f"DATATYPE=Byte,PIXELOFFSET=1,LINEOFFSET={line_offset}"
    )


def _set_statistics(dataset: Dataset, levels: list[Level]) -> None:
    """Set the statistics of each band of a dataset, over the valid pixels of a level of at most `STATISTICS_PX`."""
    level = next((each for each in levels if each.width <= STATISTICS_PX), levels[-1])
    valid = level.mask == VALID
    for number, layer in enumerate(level.data, start=1):
        values = layer[valid].astype(np.float64)
        band = dataset.GetRasterBand(number)
        for name, value in (("MINIMUM", values.min()), ("MAXIMUM", values.max()), ("MEAN", values.mean())):
            band.SetMetadataItem(f"STATISTICS_{name}", f"{value:.6g}")
        band.SetMetadataItem("STATISTICS_STDDEV", f"{values.std():.6g}")
        band.SetMetadataItem("STATISTICS_APPROXIMATE", "YES")
        band.SetMetadataItem("STATISTICS_VALID_PERCENT", f"{100 * valid.mean():.4g}")
