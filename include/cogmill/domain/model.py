"""Collections, frames, uploads and COGs as frozen values. No I/O, no clock; every module above may import this one."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from cogmill.domain.layout import layout_in_use
from cogmill.domain.layout.file_names import FolderParts
from cogmill.domain.layout.kinds import Bands, Product, Stage

__all__ = [
    "MUCH_COLLAR",
    "Adoption",
    "Bands",
    "BuiltCog",
    "Collection",
    "DrawnScan",
    "FrameName",
    "Product",
    "RejectedFrame",
    "Stage",
    "StoredObject",
    "UploadKey",
    "letters_of",
]

MUCH_COLLAR = 0.3
"""Share of a frame's valid area from which on people are told that it was cut off; film of 9 inches with half an inch of
collar around loses a fifth."""

_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ø": "oe", "Ø": "Oe", "æ": "ae", "Æ": "Ae", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"})  # fmt: skip
"""Letters that no accent can be taken from."""


@lru_cache(maxsize=8192)
def letters_of(name: str) -> str:
    """Return the name of a folder in the letters and digits that names of services are made of.

    >>> letters_of("Travis"), letters_of("El Paso"), letters_of("Göttingen-Süd"), letters_of("Peña")
    ('Travis', 'ElPaso', 'GoettingenSued', 'Pena')
    """
    if name.isascii() and name.isalnum():
        return name
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", name).translate(_SPELLED))
    return re.sub(r"[^A-Za-z0-9]", "", plain)


@dataclass(frozen=True, slots=True)
class Collection:
    """One county/agency/year/product: one tile index, one mapfile, one service."""

    folder: str
    """Path between bands and agency: `Travis`, `StratMap/Travis`, or empty for multi-county sets without a folder."""
    agency: str
    """As written in the key: `USDA`, `TxDOT`."""
    year: str
    """Four digits, or the mission code of a multi-county set."""
    product: Product

    @property
    def service_name(self) -> str:
        """Name of the raster layer and of the index files, case kept: `Travis_USDA_1951_frames`."""
        parts = [*self.folder.split("/"), self.agency, self.year, self.product]
        return "_".join(filter(None, map(letters_of, parts)))

    @property
    def id(self) -> str:
        """Key of the collection everywhere else: the service name in lower case."""
        return self.service_name.lower()

    @property
    def county(self) -> str:
        """Last folder segment; empty for a multi-county set without a folder."""
        return self.folder.rpartition("/")[2]

    def prefix(self, bands: Bands) -> str:
        """Key prefix of one bands folder, ending in `/`: `bw/Travis/USDA_1951/frames/`."""
        return self.made_folder(bands, "")

    def made_folder(self, bands: Bands, folder: str) -> str:
        """Return the folder of one bands folder that takes the place of a stage's: `bw/Travis/USDA_1951/frames/cog/`."""
        where = FolderParts(bands, self.folder, self.agency, self.year, self.product, "")
        return layout_in_use().made_folder(where, folder)


@dataclass(frozen=True, slots=True)
class FrameName:
    """Date, roll and number of a frame as its file name has them, not normalized."""

    date: str
    roll: str
    frame_num: str
    acquired: tuple[dt.date, dt.date] | None
    """First and last possible day of the photograph, inclusive; None when the name and the collection tell no year."""
    scan_stem: str | None
    """Stem under which the raw scan is looked for in `scanned/`; None for products without scans."""


@dataclass(frozen=True, slots=True)
class UploadKey:
    """A parsed key below `georef/` or `scanned/`."""

    key: str
    bands: Bands
    collection: Collection
    stage: Stage
    stem: str
    """File name without its tif extension."""
    name: FrameName | None
    """Parsed name of a georeferenced frame; None for scans, whose stem alone matters."""


class Adoption(StrEnum):
    """What is done with a COG of another system that lies in `cog/` without an upload: it is the source of its frame either way."""

    AS_IT_IS = "as_it_is"
    """It is verified and published under the key that it has."""
    BUILT_AGAIN = "built_again"
    """Its pixels are read like those of an upload, and a COG of ours is published."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a bucket listing."""

    key: str
    etag: str
    """Without the quotes S3 puts around it."""
    size: int
    """Bytes."""
    last_modified: dt.datetime


@dataclass(frozen=True, slots=True)
class BuiltCog:
    """One verified COG in a local file, as the engine describes it."""

    path: str
    size: int
    """Bytes of the file."""
    sha256: str
    footprint_wkb: bytes
    """Outline of the valid pixels, one polygon in EPSG:3857 (x east, y north, meters), well-known binary."""
    width: int
    height: int
    gsd_m: float
    """Size of a pixel in EPSG:3857 meters."""
    source_crs: str
    """`EPSG:26914`, or the name of a CRS without a code."""
    transformation: str
    """PROJ pipeline or operation name that was used; `none` for sources already in EPSG:3857."""
    cpu_s: float = 0.0
    """CPU seconds of the worker process, verification included; 0 until the worker fills it in."""
    peak_rss: int = 0
    """Highest resident memory of the worker process while it built this COG, bytes; 0 until the worker fills it in."""
    outline_margin_m: float | None = None
    """Valid pixels and outline differ only within this distance of the outline, EPSG:3857 meters: what lies further inside is all
    valid. None when they differ elsewhere too, as holes or separate parts make them."""
    transform: tuple[float, ...] | None = None
    """Coefficients a to f of the affine transform of its pixels, from (column, row) to EPSG:3857 meters: a is `gsd_m`, (c, f) the
    north-west corner. None until the engine fills it in."""
    collar_share: float = 0.0
    """Share of the frame's valid area that was cut off as film collar, 0 to 1."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What the upload says of itself: `description`, `copyright`, `artist`, `file_datetime`, `camera_make`, `camera_model`, as far as it does."""
    adjustments: str = ""
    """What was done otherwise than the profile says, or once did, because of this very frame; empty for most."""
    shift_accuracy_m: float | None = None
    """Accuracy in meters that the operation to EPSG:3857 claims, 0 where the datum stays; None for a source in EPSG:3857, or unknown."""
    missing_grids: tuple[str, ...] = ()
    """Grids of PROJ that are not installed and would place the frame better."""


@dataclass(frozen=True, slots=True)
class DrawnScan:
    """A small picture of a raw scan in a local file, as the engine describes it."""

    path: str
    width: int
    """Columns of the scan itself."""
    height: int
    """Rows of the scan itself."""
    cpu_s: float = 0.0
    """CPU seconds of the worker process; 0 until the worker fills it in."""
    peak_rss: int = 0
    """Highest resident memory of the worker process meanwhile, bytes; 0 until the worker fills it in."""


@dataclass(frozen=True, slots=True)
class RejectedFrame:
    """One rejected frame as ledger, digest and UI show it."""

    key: str
    reason: str
    detail: str
    advice: str

    @property
    def text(self) -> str:
        """Key, reason, detail and advice in one line; a key that would break it is written with escapes."""
        key = self.key if self.key.isprintable() else ascii(self.key)
        return f"{key}: {self.reason} ({self.detail}). {self.advice}"
