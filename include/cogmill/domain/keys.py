"""The grammar of the bucket: parse keys into frozen values, and build keys from them.

An upload's key is parsed once, when it is ingested; from then on the ledger carries its collection, bands and stem.

Where the parts stand in a key is the archive's own (`cogmill.domain.layout`); where it declares nothing:

    <bands>/<folder>/<AGENCY>_<year or mission code>/<product>/<stage>/<file>

Examples:
    >>> parsed = parse_upload("bw/Travis/USDA_1951/frames/georef/03-22-51_4-173.TIF")
    >>> parsed.collection.id, parsed.stem, parsed.name.roll, parsed.name.frame_num
    ('travis_usda_1951_frames', '03-22-51_4-173', '4', '173')
    >>> cog_key(parsed.collection, parsed.bands, parsed.stem, "0123456789ab")
    'bw/Travis/USDA_1951/frames/cog/03-22-51_4-173.0123456789ab.tif'
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.layout import formats_in_use, layout_in_use, texas
from cogmill.domain.layout.dates import Days
from cogmill.domain.layout.file_names import FolderParts, NameParts
from cogmill.domain.layout.formats import Format, format_of
from cogmill.domain.layout.rules import COG_FOLDER
from cogmill.domain.model import Bands, Collection, FrameName, Product, Stage, UploadKey

INDEX_ZIP = "_idx.zip"
"""What follows the service name in the key of the zipped index."""

INDEX_FILES = (".cpg", ".dbf", ".shp", ".shx", ".prj", INDEX_ZIP)
"""What follows the service name in the keys of the downloadable index."""

MAPFILES = "mapfiles/"
"""Prefix of the published mapfiles, the only part of the bucket that MapServer hosts mount."""

OVERVIEWS = "overviews/"
"""Prefix of the cells of overviews of collections."""

QUARANTINE = "quarantine/"
"""Prefix to which objects are moved that must not stay and are not ours to delete; nothing reads it."""

GRIDS = "proj/"
"""Prefix below which an operator may put grids of PROJ for hosts without its network; Cogmill only reads it."""

LEDGER_MARK = "reports/ledger.json"
"""Key of the object that names the ledger which a bucket belongs to."""

OPEN_COPY = "public-bucket:"
"""What begins the name of an object that lies in the public bucket under the key of an upload, such as the copy of a scan. No stored key
begins with it: `cogmill.aws.place` turns the name into bucket and key."""

THUMBNAILS = "thumbnails/"
"""Prefix of the small pictures of whole collections that pages show."""

OWN_FOLDERS = frozenset(
    ("catalog", "geojson", "mapfiles", "overviews", "proj", "quarantine", "reports", "stac", "thumbnails", "viewer")
)
"""First folders that Cogmill keeps for itself, whatever the layout; what it writes there is mostly public, and maintenance clears it up."""

THUMBNAIL_SIZES = (1024, 256)
"""Pixels along their longer side, the largest first."""

MAX_STEM_BYTES = 180
"""Keeps every derived name (digest, zip, /vsis3/ path) below the 255 bytes of file systems."""

NOT_KNOWN = texas.NOT_KNOWN
"""Value of the legacy columns where a name tells nothing."""

_TIF = re.compile(r"\.tiff?$", re.IGNORECASE)
_MADE_HERE = re.compile(r"\.[0-9a-f]{12}\.tif$")
FORBIDDEN = set("\"'<>|*?{}\\`$;[]")
"""Characters with a meaning to a shell, SQL, a mapfile, HTML or a template. Space, +, %, # and umlauts stay allowed."""


def parse_upload(key: str) -> UploadKey:
    """Parse the key of an upload.

    The stem is in Unicode's composed form (NFC), however the key writes its accents: both spellings name the same frame and scan.

    Raises:
        InvalidFrameError: `wrong_folder` or `bad_name`, with the rule that the key breaks.
    """
    layout = layout_in_use()
    folders = key.rpartition("/")[0]
    try:
        where = layout.read_folders(folders)
    except InvalidFrameError as fault:
        raise InvalidFrameError(fault.reason, f"{key!r}: {fault.detail}") from None
    if (first := folders.partition("/")[0]) in OWN_FOLDERS:
        raise InvalidFrameError(Reason.WRONG_FOLDER, f"{key!r}: only Cogmill writes below {first}/")
    return _parsed(key, where, formats_in_use() if where.stage == Stage.GEOREF else ())


def parse_cog(key: str) -> UploadKey:
    """Parse the key of a COG of another system, which is named as its upload was.

    Examples:
        >>> parsed = parse_cog("bw/Travis/USDA_1951/frames/cog/03-22-51_4-173.tif")
        >>> parsed.collection.id, parsed.stem
        ('travis_usda_1951_frames', '03-22-51_4-173')

    Raises:
        InvalidFrameError: `wrong_folder` or `bad_name`, with the rule that the key breaks.
    """
    try:
        where = layout_in_use().read_cog_folders(key.rpartition("/")[0])
    except InvalidFrameError as fault:
        raise InvalidFrameError(fault.reason, f"{key!r}: {fault.detail}") from None
    return _parsed(key, where)


def _parsed(key: str, where: FolderParts, formats: Sequence[Format] = ()) -> UploadKey:
    stem = _parse_stem(key.rpartition("/")[2], formats)
    name = _frame_name(layout_in_use().read_name(stem, where)) if where.stage == Stage.GEOREF else None
    return UploadKey(key, Bands(where.bands), _collection(where), Stage(where.stage), stem, name)


def scan_name(collection: Collection, bands: Bands, stem: str) -> FrameName | None:
    """Return what the name of a raw scan says; None when it is not written as a frame's."""
    where = FolderParts(bands, collection.folder, collection.agency, collection.year, collection.product, Stage.SCANNED)
    try:
        return _frame_name(layout_in_use().read_name(stem, where))
    except InvalidFrameError:
        return None


def _frame_name(parts: NameParts) -> FrameName:
    return FrameName(parts.date, parts.roll, parts.frame, parts.days, parts.scan_stem)


@lru_cache(maxsize=8192)
def _collection(where: FolderParts) -> Collection:
    return Collection(where.folder, where.agency, where.year, Product(where.product))


def cog_key(collection: Collection, bands: Bands, stem: str, digest: str) -> str:
    """Return the immutable key of a frame's COG; the digest stands for source bytes and build fingerprint."""
    return f"{collection.made_folder(bands, COG_FOLDER)}{stem}.{digest}.tif"


def is_made_here(key: str) -> bool:
    """Tell whether a key below `cog/` names a COG that Cogmill made: by the digest in its name.

    >>> is_made_here("bw/Travis/USDA_1951/frames/cog/03-22-51_4-173.0123456789ab.tif"), is_made_here("cog/03-22-51_4-173.tif")
    (True, False)
    """
    return _MADE_HERE.search(key) is not None


def scan_key(collection: Collection, bands: Bands, scan_stem: str) -> str:
    """Return the key under which the raw scan of a frame is expected."""
    return f"{collection.made_folder(bands, layout_in_use().stages[Stage.SCANNED])}{scan_stem}.tif"


def tile_index_prefix(collection: Collection, bands: Bands) -> str:
    """Return the prefix of the downloadable index files of one bands folder."""
    return f"{collection.made_folder(bands, COG_FOLDER)}tile_index/"


def index_file_keys(collection: Collection, bands: Bands) -> list[str]:
    """Return the keys of the downloadable index of one bands folder."""
    stem = tile_index_prefix(collection, bands) + collection.service_name
    return [stem + end for end in INDEX_FILES]


def index_zip_key(collection: Collection, bands: Bands) -> str:
    """Return the key of the one among them that holds all others, zipped."""
    return f"{tile_index_prefix(collection, bands)}{collection.service_name}{INDEX_ZIP}"


def thumbnail_key(collection_id: str, longer_px: int) -> str:
    """Return the key of a picture of a whole collection; `longer_px` is one of `THUMBNAIL_SIZES`."""
    return f"{THUMBNAILS}{collection_id}_{longer_px}.webp"


def thumbnail_keys(collection_id: str) -> set[str]:
    """Return the keys of all pictures that pages show of a collection."""
    return {thumbnail_key(collection_id, size) for size in THUMBNAIL_SIZES}


def mapfile_key(collection_id: str) -> str:
    """Return the key of a collection's mapfile."""
    return f"{MAPFILES}{collection_id}.map"


def _parse_stem(filename: str, formats: Sequence[Format]) -> str:
    """Return a name without its extension: that of a TIFF, or of one of some other formats.

    Raises:
        InvalidFrameError: `bad_name`, with what is wrong.
    """
    # composed before it is looked at: composing turns the Greek question mark into a semicolon
    composed = unicodedata.normalize("NFC", filename)
    stem, extensions = _TIF.subn("", composed)
    if not extensions and format_of(composed) in formats:
        stem, extensions = composed.rpartition(".")[0], 1
    odd = {c for c in stem if c in FORBIDDEN or unicodedata.category(c).startswith("C")}
    if not extensions:
        *others, last = (".tif", ".tiff", *(f".{each}" for each in formats))
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename!r} does not end in {', '.join(others)} or {last}")
    if odd:
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename!r} contains {', '.join(sorted(map(ascii, odd)))}")
    if not stem.strip(" .") or stem.startswith("-") or _TIF.search(stem):
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename!r} has no proper name before its extension")
    if len(stem.encode()) > MAX_STEM_BYTES:
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename[:40]!r}... is longer than {MAX_STEM_BYTES} bytes")
    return stem


def acquisition(written: str, collection_year: str) -> Days | None:
    """Return the first and last possible day of a photograph.

    A two-digit year takes its century from the collection, or 19 when that has a mission code. What cannot be read as a date
    falls back to the year of the collection, because typing errors in names are tolerated.

    Examples:
        >>> acquisition("01-29-60", "1960")
        (datetime.date(1960, 1, 29), datetime.date(1960, 1, 29))
        >>> acquisition("02-0860", "1960")
        (datetime.date(1960, 1, 1), datetime.date(1960, 12, 31))
        >>> acquisition("unknown", "V12") is None
        True
    """
    return layout_in_use().dates.days(written, collection_year)


def year_days(collection_year: str) -> Days | None:
    """Return the first and last day of a collection's year; None for a mission code."""
    return layout_in_use().dates.year_days(collection_year)
