"""Kinds of findings: every way in which two layers of the archive can disagree, and what is done about each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cogmill.domain import keys, public_keys
from cogmill.domain.screening import TIFFS, is_below_cog, is_upload, key_fault, stage_of


def quarantine_key(key: str, prefix: str = "") -> str:
    """Return where an object is moved to; one whose key has no room for that folder is put under the hash of its key.

    Args:
        key: Key of the object.
        prefix: What keys in the bucket begin with; S3 counts it, too.

    >>> quarantine_key("mapfiles/x.txt")
    'quarantine/mapfiles/x.txt'
    """
    target = keys.QUARANTINE + key
    return target if key_fault(prefix + target) is None else keys.QUARANTINE + hashlib.sha256(key.encode()).hexdigest()


class Place(StrEnum):
    """Parts of the bucket that the comparison looks at."""

    MISPLACED = "misplaced"
    """TIFFs outside of every folder into which people upload or Cogmill writes: rejected, with the folder they belong to."""
    GEOREF = "georef"
    SCANNED = "scanned"
    COG = "cog"
    TILE_INDEX = "tile_index"
    MAPFILES = "mapfiles"
    OVERVIEWS = "overviews"
    THUMBNAILS = "thumbnails"
    PUBLIC = "public"
    """Pages, lists and catalogs for the public."""


class Treatment(StrEnum):
    """What maintenance does about a finding."""

    NOTICE = "notice"
    """Reported, but no fault: the report stays green."""
    REPORT = "report"
    """A fault that a person or another DAG must look into."""
    REPAIR = "repair"
    """Repaired automatically; nothing leaves the map by that. Above the limit approved by a person."""
    REMOVE = "remove"
    """Takes something off the map: limited, and above the limit approved by a person."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of disagreement."""

    title: str
    treatment: Treatment
    grace: bool = False
    """Whether it must last for the grace period before anything is done."""
    limited: bool = True
    """Whether its repair counts against the limit of one run; False where only the ledger changes, and nothing public."""


KINDS: dict[str, Kind] = {
    # uploads
    "upload_unknown": Kind("uploads the ledger does not know", Treatment.REPORT),
    "key_left_out": Kind("uploads with a name that the ledger cannot hold", Treatment.REPORT),
    "rejected_gone": Kind("rejected uploads that were moved or deleted", Treatment.REPAIR, grace=True, limited=False),
    "rejected_accepted": Kind("rejected uploads that the layout of keys takes now", Treatment.REPAIR, limited=False),
    "source_missing": Kind("frames whose upload was deleted", Treatment.REMOVE, grace=True),
    "adopted_changed": Kind("adopted COGs that somebody replaced", Treatment.REPAIR, limited=False),
    "scan_missing": Kind("published frames without a scan", Treatment.NOTICE),
    "scan_gone": Kind("scans that were deleted", Treatment.REPAIR, grace=True),
    "lease_expired": Kind("frames claimed by a worker that vanished", Treatment.REPAIR, limited=False),
    "wrong_bucket": Kind("objects that belong into the public bucket and lie in that of uploads", Treatment.REPORT),
    "event_dead": Kind("S3 notifications that nobody could read", Treatment.REPORT),
    # COGs
    "cog_missing": Kind("COGs that are gone", Treatment.REMOVE),
    "cog_damaged": Kind("COGs with other bytes than were verified", Treatment.REMOVE),
    "cog_altered": Kind("COGs of the right size with other bytes, as reading them showed", Treatment.REMOVE),
    "cog_orphan": Kind("COGs that nothing names", Treatment.REMOVE, grace=True),
    "cog_foreign": Kind("TIFFs in cog/ that Cogmill did not make", Treatment.NOTICE),
    "grid_missing": Kind("frames placed less accurately, without a grid of PROJ", Treatment.NOTICE),
    # tile index
    "row_missing": Kind("published frames without their index row", Treatment.REPAIR),
    "row_withdrawn": Kind("index rows of withdrawn frames", Treatment.REPAIR),
    # downloadable index files
    "index_files_missing": Kind("collections whose index files are incomplete or old", Treatment.REPAIR),
    "index_files_orphan": Kind("index files of collections without frames", Treatment.REPAIR, grace=True),
    "index_files_foreign": Kind("index files of another system, of collections without frames", Treatment.NOTICE),
    # mapfiles; the first three are the checks of the old system
    "mapfile_stray": Kind("objects below mapfiles/ that are no mapfile", Treatment.REPAIR),
    "mapfile_unknown": Kind("mapfiles of collections the ledger does not know", Treatment.REPORT),
    "mapfile_missing": Kind("services whose mapfile was deleted", Treatment.REMOVE, grace=True),
    "mapfile_changed": Kind("mapfiles with other bytes than were published", Treatment.REPAIR),
    "mapfile_without_rows": Kind("mapfiles of collections without frames", Treatment.REPAIR),
    "service_missing": Kind("collections with frames and no mapfile", Treatment.REPAIR),
    # overviews of collections, and the pictures that pages show
    "cell_missing": Kind("cells of overviews that are gone", Treatment.REPAIR),
    "cell_damaged": Kind("cells of overviews with other bytes than were stored", Treatment.REPAIR),
    "cell_orphan": Kind("cells of overviews that nothing names", Treatment.REPAIR),
    "cell_foreign": Kind("objects below overviews/ that are no cells", Treatment.REPAIR),
    "overviews_orphan": Kind("overviews of services that were withdrawn", Treatment.REPAIR),
    "overviews_old": Kind("collections whose overviews are older than their index", Treatment.REPORT),
    "picture_missing": Kind("services without their pictures for pages", Treatment.REPAIR),
    "picture_orphan": Kind("objects below thumbnails/ that are no picture of a service", Treatment.REPAIR),
    # static files for the public
    "public_file_missing": Kind("services whose pages and documents for the public are incomplete", Treatment.REPAIR),
    "public_file_orphan": Kind("pages and documents for the public that nothing names", Treatment.REPAIR),
    # live
    "address_closed": Kind("published addresses that strangers do not get", Treatment.REPORT),
    "service_dead": Kind("services that do not answer as they should", Treatment.REPORT),
}
"""Every kind by its name, in the order of the layers."""


FOLDERS = {
    keys.MAPFILES: Place.MAPFILES,
    keys.OVERVIEWS: Place.OVERVIEWS,
    keys.THUMBNAILS: Place.THUMBNAILS,
    public_keys.CATALOG: Place.PUBLIC,
    public_keys.STAC: Place.PUBLIC,
    public_keys.VIEWER: Place.PUBLIC,
}
"""Folders in which only Cogmill writes."""


def place_of(key: str) -> Place | None:
    """Return which layer a key belongs to; None for everything the comparison does not look at.

    >>> place_of("bw/Travis/USDA_1951/frames/cog/03-22-51_4-173.0123456789ab.tif")
    <Place.COG: 'cog'>
    >>> place_of("quarantine/mapfiles/x.txt") is None
    True
    """
    if key.startswith(keys.OPEN_COPY):  # nobody uploads into the public bucket
        return Place.PUBLIC if is_upload(key.removeprefix(keys.OPEN_COPY)) else None
    folder, slash, _ = key.partition("/")
    if slash and (place := FOLDERS.get(f"{folder}/")) and not (place is Place.PUBLIC and is_upload(key)):
        return place if len(key) > len(folder) + 1 else None
    # also in folders that fit no collection: the ledger has rejected such an upload, and it must not seem to be gone
    if is_upload(key):
        stage = stage_of(key.rpartition("/")[0])
        return Place(stage) if stage else Place.MISPLACED
    if key.endswith("/") or not is_below_cog(key):
        return None
    if key.lower().endswith(TIFFS):
        return Place.COG
    return Place.TILE_INDEX if key.split("/")[-3:-1] == ["cog", "tile_index"] else None
