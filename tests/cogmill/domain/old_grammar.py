"""The grammar of the default layout as it was when it was code, word for word: what the layout that is data has to agree with."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from collections.abc import Callable

from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands as AllBands
from cogmill.domain.model import Collection, FrameName, Product, Stage, UploadKey

AGENCIES_WITHOUT_ROLL = frozenset({"AMS", "USGS"})
MAX_STEM_BYTES = 180
NOT_KNOWN = "N/A"
MULTIPLE = "MULTIPLE"
Bands = {"bw": AllBands.BW, "nc": AllBands.NC}

_TIF = re.compile(r"\.tiff?$", re.IGNORECASE)
_FOLDER = re.compile(r"[A-Za-z][A-Za-z0-9]{0,39}")
_AGENCY_YEAR = re.compile(r"(?P<agency>[A-Za-z][A-Za-z0-9]{0,19})_(?P<year>[A-Za-z0-9]{1,20})")
_FORBIDDEN = set("\"'<>|*?{}\\`$;[]")
"""Characters with a meaning to a shell, SQL, a mapfile, HTML or a template. Space, +, %, # and umlauts stay allowed."""

_DASHED = re.compile(r"(?P<month>\d{1,2})-(?P<day>\d{1,2})-(?P<year>\d{4}|\d{2})")
_DPI = re.compile(r"dpi", re.IGNORECASE)
_MOSAIC = re.compile(r"mosaic", re.IGNORECASE)


def parse_upload(key: str) -> UploadKey:
    """Parse the key of an upload.

    The stem is in Unicode's composed form (NFC), however the key writes its accents: both spellings name the same frame and scan.

    Raises:
        InvalidFrameError: `wrong_folder` or `bad_name`, with the rule that the key breaks.
    """
    *folders, filename = key.split("/")
    collection, bands, stage = _parse_folders(folders, key)
    stem = _parse_stem(filename)
    name = _parse_name(collection, stem) if stage == Stage.GEOREF else None
    return UploadKey(key=key, bands=bands, collection=collection, stage=stage, stem=stem, name=name)


def _parse_folders(parts: list[str], key: str) -> tuple[Collection, Bands, Stage]:
    def fault(rule: str) -> InvalidFrameError:
        return InvalidFrameError(Reason.WRONG_FOLDER, f"{key!r}: {rule}")

    if len(parts) < 4:
        raise fault("expected <bands>/<County>/<AGENCY>_<YYYY>/<product>/<stage>/<file>")
    bands, *folders, agency_year, product, stage = parts
    if stage not in set(Stage):
        raise fault("it is not directly below georef/ or scanned/")
    if bands not in set(Bands):
        raise fault(f"the first folder is {bands!r}, not one of {', '.join(Bands)}")
    if product not in set(Product):
        raise fault(f"the product folder is {product!r}, not one of {', '.join(Product)}")
    match = _AGENCY_YEAR.fullmatch(agency_year)
    if not match:
        raise fault(f"{agency_year!r} is not <AGENCY>_<year or mission code> in letters and digits")
    if rule := _county_fault(folders):
        raise fault(rule)
    collection = Collection("/".join(folders), match["agency"], match["year"], Product(product))
    return collection, Bands[bands], Stage(stage)


def _county_fault(folders: list[str]) -> str | None:
    if len(folders) > 2 or not all(map(_FOLDER.fullmatch, folders)):
        return f"{'/'.join(folders)!r} is not a county in letters and digits, at most with StratMap beside it"
    if len(folders) == 2 and not _is_stratmap(folders):
        return "two folders before the agency are only known for StratMap"
    return None


def _is_stratmap(folders: list[str]) -> bool:
    return "stratmap" in (folder.lower() for folder in folders)


def _parse_stem(filename: str) -> str:
    # composed before it is looked at: composing turns the Greek question mark into a semicolon
    stem, extensions = _TIF.subn("", unicodedata.normalize("NFC", filename))
    odd = {c for c in stem if c in _FORBIDDEN or unicodedata.category(c).startswith("C")}
    if not extensions:
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename!r} does not end in .tif or .tiff")
    if odd:
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename!r} contains {', '.join(sorted(map(ascii, odd)))}")
    if not stem.strip(" .") or stem.startswith("-") or _TIF.search(stem):
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename!r} has no proper name before its extension")
    if len(stem.encode()) > MAX_STEM_BYTES:
        raise InvalidFrameError(Reason.BAD_NAME, f"{filename[:40]!r}... is longer than {MAX_STEM_BYTES} bytes")
    return stem


def _parse_name(collection: Collection, stem: str) -> FrameName:
    parse = _GRAMMARS[collection.product]
    if _is_stratmap(collection.folder.split("/")):
        parse = _parse_stratmap
    return parse(collection, stem)


def _parse_frame(collection: Collection, stem: str) -> FrameName:
    date, underscore, rest = stem.partition("_")
    without_roll = collection.agency.upper() in AGENCIES_WITHOUT_ROLL
    roll, dash, frame = (NOT_KNOWN, "-", rest) if without_roll else rest.rpartition("-")
    if not (underscore and dash and date and roll and frame):
        rule = "<date>_<frame>" if without_roll else "<date>_<roll>-<frame>"
        raise InvalidFrameError(Reason.BAD_NAME, f"{stem!r} is not {rule}")
    return FrameName(date, roll, frame, acquisition(date, collection.year), scan_stem=stem)


def _parse_stratmap(collection: Collection, stem: str) -> FrameName:
    parts = stem.split("_")
    if not 3 <= len(parts) <= 4 or not all(parts):
        raise InvalidFrameError(Reason.BAD_NAME, f"{stem!r} is not <roll>_<frame>_<date>[_<epsg>]")
    roll, frame, date = parts[:3]
    return FrameName(date, roll, frame, acquisition(date, collection.year), scan_stem=stem)


def _parse_index_sheet(collection: Collection, stem: str) -> FrameName:
    parts = stem.split("_")
    has_dpi = len(parts) > 3 and bool(_DPI.search(parts[3]))
    longest = 5 if has_dpi else 4
    if not 3 <= len(parts) <= longest or not all(parts):
        raise InvalidFrameError(Reason.BAD_NAME, f"{stem!r} is not <AGENCY>_<YYYY>_<sheet>[_<NNN>dpi][_<tile>]")
    agency, year, sheet = parts[:3]
    scan = "_".join(parts[: 4 if has_dpi else 3])  # a scan is never cut into tiles
    return FrameName(year, agency, sheet, acquisition(year, collection.year), scan_stem=scan)


def _parse_mosaic(collection: Collection, stem: str) -> FrameName:
    frame, mosaics = _MOSAIC.subn("", stem, count=1)
    if not mosaics:
        raise InvalidFrameError(Reason.BAD_NAME, f"{stem!r} does not contain 'mosaic'")
    return FrameName(MULTIPLE, MULTIPLE, frame, acquisition(collection.year, collection.year), scan_stem=None)


_GRAMMARS: dict[Product, Callable[[Collection, str], FrameName]] = {
    Product.FRAMES: _parse_frame,
    Product.INDEX: _parse_index_sheet,
    Product.MOSAIC: _parse_mosaic,
}


def acquisition(written: str, collection_year: str) -> tuple[dt.date, dt.date] | None:
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
    match = _DASHED.fullmatch(written)
    if match:
        century = collection_year[:2] if _is_year(collection_year) else "19"
        year = int(match["year"] if len(match["year"]) == 4 else century + match["year"])
        month, day = int(match["month"]), int(match["day"])
        if year and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]:
            return (dt.date(year, month, day),) * 2
    for text in (written, collection_year):
        if _is_year(text):
            return dt.date(int(text), 1, 1), dt.date(int(text), 12, 31)
    return None


def _is_year(text: str) -> bool:
    return bool(re.fullmatch(r"(18|19|20)\d{2}", text))
