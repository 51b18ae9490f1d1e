"""Exceptions, and the closed set of reasons for which a frame is rejected.

`ServiceUnavailableError` is temporary and retried; `InvalidFrameError` is the frame's fault and never is.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a frame was rejected. A closed set: ledger, digest and UI show these words."""

    WRONG_FOLDER = "wrong_folder"
    BAD_NAME = "bad_name"
    DUPLICATE_NAME = "duplicate_name"
    EMPTY = "empty"
    NOT_A_GEOTIFF = "not_a_geotiff"
    TRUNCATED = "truncated"
    UNREADABLE_BLOCK = "unreadable_block"
    NO_CRS = "no_crs"
    NOT_GEOREFERENCED = "not_georeferenced"
    NO_TRANSFORMATION = "no_transformation"
    WRONG_BANDS = "wrong_bands"
    WRONG_DEPTH = "wrong_depth"
    TOO_LARGE = "too_large"
    TOO_HEAVY = "too_heavy"
    ALL_BLANK = "all_blank"
    OUTSIDE_AREA = "outside_area"
    BEYOND_WEB_MERCATOR = "beyond_web_mercator"
    SEVERAL_PAGES = "several_pages"
    CRASHED_READER = "crashed_reader"
    NOT_AS_IT_IS = "not_as_it_is"


ADVICE: dict[Reason, str] = {
    Reason.WRONG_FOLDER: "Move the file to <bands>/<County>/<AGENCY>_<YYYY>/<product>/georef/, or to scanned/ beside it if it is a raw scan.",
    Reason.BAD_NAME: "Rename the file to the pattern of its folder and upload it again.",
    Reason.DUPLICATE_NAME: "Delete the wrong one of the two files that differ only in their extension, in capital letters of their folder or in how their accents are stored; if that is the one on the map, the other takes its place within two nights.",
    Reason.EMPTY: "The upload holds no bytes; copy the file again and check that it finishes.",
    Reason.NOT_A_GEOTIFF: "Export the raster as GeoTIFF (not as a picture, VRT or other format with a .tif name) and upload it again.",
    Reason.TRUNCATED: "The file ends too early; copy it again from the original and compare the sizes.",
    Reason.UNREADABLE_BLOCK: "A part of the image cannot be read; export the raster again from the original and upload it.",
    Reason.NO_CRS: "Export the raster again with its coordinate system in the file, preferably EPSG:3857 or EPSG:4326.",
    Reason.NOT_GEOREFERENCED: "The file has no position on the ground; georeference it and export it as GeoTIFF.",
    Reason.NO_TRANSFORMATION: "Its coordinate system cannot be converted accurately here; export the raster in EPSG:3857 or EPSG:4326.",
    Reason.WRONG_BANDS: "Put one-band grayscale below bw/ and three-band color below nc/, or export with the right number of bands.",
    Reason.WRONG_DEPTH: "Export the raster with 8 bits per band, or declare for this collection how its values are scaled.",
    Reason.TOO_LARGE: "The image is larger than this installation accepts; cut it into tiles and upload those.",
    Reason.TOO_HEAVY: "Reading this image took too much memory or time; export it again as a plain tiled GeoTIFF, or cut it into tiles.",
    Reason.ALL_BLANK: "The image holds no picture, only one value or no valid pixel; export it again and look at it before uploading.",
    Reason.OUTSIDE_AREA: "It lies outside the area this archive covers; check the coordinate system chosen at export.",
    Reason.BEYOND_WEB_MERCATOR: "Web maps end at latitude 85.06 north and south, and are cut at longitude 180; cut the raster there and upload the parts.",
    Reason.SEVERAL_PAGES: "The file holds several pictures; export each as a GeoTIFF of its own.",
    Reason.CRASHED_READER: "The image reader gave up on this file; export it again as a plain tiled GeoTIFF.",
    Reason.NOT_AS_IT_IS: "A map cannot show this COG as it is; start the DAG adopt for it with *built again*, which makes a COG from its pixels.",
}
"""One sentence per reason for the person who uploaded the frame."""


class CogmillError(Exception):
    """Base of everything Cogmill raises on purpose."""


class InvalidFrameError(CogmillError):
    """The frame is at fault: recorded with its reason, never retried by itself, and no other frame waits for it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class OutOfMemoryError(InvalidFrameError):
    """The frame needed more memory than it was given: its own fault only where no more can be given."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.TOO_HEAVY, detail)


class ShortageError(CogmillError):
    """Memory or time of ours ran out while a frame was built, which says nothing about the frame."""


class SourceChangedError(CogmillError):
    """The upload was replaced or removed while it was being read; the next sweep takes the new version."""


class ObjectRefusedError(CogmillError):
    """S3 answers, but refuses this one object: permissions, an archive class, another account's key, its size. A person must act."""


class ConflictingObjectError(ObjectRefusedError):
    """A key that names its content holds other bytes."""


class ServiceUnavailableError(CogmillError):
    """S3, PostGIS or MapServer cannot do its part now; worth another try later."""


class VerificationError(CogmillError):
    """Our own product failed its verification and was not published. Our fault, never the frame's."""


class ConfigurationError(CogmillError):
    """A setting, collection file or connection is missing or wrong; the message names it and what is allowed."""
