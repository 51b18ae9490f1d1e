"""Look at keys before anything else does: which name an upload, and which can be held at all.

Keys come from the bucket and from messages about it; whoever may write there chooses them freely. Nothing here fails, whatever the key.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from itertools import chain

from cogmill.domain.keys import GRIDS, MAPFILES, OPEN_COPY, OVERVIEWS, QUARANTINE, THUMBNAILS
from cogmill.domain.layout import KeyLayout, formats_in_use, layout_in_use
from cogmill.domain.layout.formats import format_of
from cogmill.domain.layout.kinds import Stage
from cogmill.domain.public_keys import CATALOG, STAC
from cogmill.domain.sidecars import POSITION_FILES, SidecarKind, read_sidecar

SIDECARS = (*chain.from_iterable(POSITION_FILES), ".ovr", ".xml", ".cpg", ".dbf", ".rrd", ".msk", ".txt")
"""What GIS programs leave beside a raster. Never read, never reported."""

TIFFS = (".tif", ".tiff")
"""Extensions of uploads that every site takes, in lower case."""

MAX_KEY_BYTES = 1024
"""Longest key of S3, in UTF-8. A message may claim any other."""

_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL rejects in a text: S3 allows NUL in a key, and a notification may spell half of a surrogate pair."""

_PAGES = f"{CATALOG}[^/]+/|{STAC}"


@cache
def _derived(layout: KeyLayout) -> re.Pattern[str]:
    """Return where Cogmill itself writes TIFFs, operators put grids, or maintenance deals with what strangers left: no uploads."""
    return re.compile(f"{MAPFILES}|{OVERVIEWS}|{THUMBNAILS}|{QUARANTINE}|{GRIDS}|{_PAGES}|{layout.cogs.pattern}")


def is_upload(key: str) -> bool:
    """Tell whether a key names an upload: any TIFF that Cogmill did not write, wherever it lies, and whatever else lies in a stage.

    Files of other formats that the site takes count as TIFFs do. Directly below `georef/` and `scanned/` every file counts but sidecars;
    elsewhere files that are not TIFFs are nobody's fault.

    Examples:
        >>> [is_upload(f"bw/Travis/USDA_1951/frames/{name}") for name in ("georef/x.jpg", "georef/roll4/x.tif", "georef/x.tfw")]
        [True, True, False]
        >>> is_upload("bw/Travis/USDA_1951/frames/cog/x.0123456789ab.tif"), is_upload("catalog/index.html"), is_upload("x.TIF")
        (False, False, True)
    """
    if not key.lower().endswith(TIFFS) and format_of(key) not in formats_in_use():
        folder, _, name = key.rpartition("/")
        if not name or name.lower().endswith(SIDECARS) or stage_of(folder) is None:
            return False
    return not _derived(layout_in_use()).match(key)


def is_wanted(key: str, taken: Collection[SidecarKind]) -> bool:
    """Tell whether a key enters the ledger: an upload, or a sidecar of a kind that the site takes."""
    return is_upload(key) or (bool(taken) and read_sidecar(key, taken) is not None)


def stage_of(folder: str) -> Stage | None:
    """Return the stage that a folder is; None when it is none.

    >>> stage_of("bw/Travis/USDA_1951/frames/georef"), stage_of("bw/Travis/USDA_1951/frames/georef/roll4")
    (<Stage.GEOREF: 'georef'>, None)
    """
    return layout_in_use().stage_of(folder)


def derived_folder(key: str) -> str | None:
    """Return the folder in which a key lies and no upload does, with a slash at its end; None when there is none.

    >>> derived_folder("bw/Travis/USDA_1951/frames/cog/tile_index/x.shp"), derived_folder("bw/Travis/USDA_1951/frames/georef/x.tif")
    ('bw/Travis/USDA_1951/frames/cog/', None)
    """
    match = _derived(layout_in_use()).match(key)
    return match and match.group()


def is_below_cog(key: str) -> bool:
    """Tell whether a key lies below the `cog/` folder of a collection.

    >>> is_below_cog("bw/Travis/USDA_1951/frames/cog/tile_index/x.shp"), is_below_cog("bw/Travis/cog/x.tif")
    (True, False)
    """
    return layout_in_use().cogs.match(key) is not None


def key_fault(key: str) -> str | None:
    r"""Return why the ledger cannot hold a key; None for nearly all keys.

    >>> key_fault("bw/a b+ä%.tif"), key_fault("bw/a\x00.tif")
    (None, 'it holds a NUL character or half of a character')
    """
    if _NO_TEXT.search(key):
        return "it holds a NUL character or half of a character"
    if len(key) * 4 > MAX_KEY_BYTES and len(key.encode()) > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes"
    if key.startswith(OPEN_COPY):
        return f"it begins with {OPEN_COPY}, which stands for another bucket"
    return None
