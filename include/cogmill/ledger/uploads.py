"""What the ledger knows of the bucket, and how new uploads enter it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.geo import Bounds3857
from cogmill.domain.keys import parse_upload
from cogmill.domain.model import Collection, StoredObject
from cogmill.domain.sidecars import MENDED_BESIDE, PLACED_BY
from cogmill.ledger.connection import Part, Row, as_json


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to where the bucket needs no comparison key by key."""

    known_until: dt.datetime | None
    """Keys last modified before this are in the ledger; None when nothing is known."""
    full_at: dt.datetime | None
    """When every key was compared for the last time, by the ledger's clock."""


@dataclass(frozen=True, slots=True)
class ListingAccount:
    """What looking at the bucket has cost, against the budget of requests per hour."""

    moment: dt.datetime
    """Now, by the ledger's clock."""
    wanted: bool
    """A sweep is under way: it goes on whatever that costs."""
    idle_s: float | None
    """Seconds since the last sweep; None when there was none."""
    debt_s: float
    """Seconds until the requests that were made are within the budget."""


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """How far a sweep has come that is made in parts."""

    begun: dt.datetime
    """When its first part began, by the ledger's clock."""
    full: bool
    """Whether it compares every key."""
    reached: str = ""
    """The last key of the last page of which all uploads are in the ledger; empty before the first."""
    newest: dt.datetime | None = None
    """When the newest object so far was modified."""
    unsettled: dt.datetime | None = None
    """When the oldest upload was modified that was too young to be judged."""


@dataclass(frozen=True, slots=True)
class DueScan:
    """A version of a lone scan that nobody has looked at."""

    key: str
    collection_id: str
    bands: str
    stem: str
    etag: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class StaleScan:
    """A scan that was looked at, and that is gone or has a georeferenced frame by now."""

    key: str
    collection_id: str
    picture: str | None
    """Key of its picture."""


class Uploads(Part):
    """Uploads on their way into the ledger."""

    def unknown(self, objects: Sequence[StoredObject]) -> set[str]:
        """Return the keys whose version the ledger has never seen; one statement, however many objects."""
        columns = {
            "keys": [o.key for o in objects],
            "etags": [o.etag for o in objects],
            "modified": [o.last_modified for o in objects],
        }
        return {row["key"] for row in self._rows("unknown_versions", **columns)}

    def rejected_names(self) -> Iterator[str]:
        """Stream the keys of uploads that were rejected for their names or folders alone."""
        for row in self._stream("rejected_names", reasons=[Reason.WRONG_FOLDER, Reason.BAD_NAME]):
            yield row["source_key"]

    def add_collections(self, collections: Sequence[Collection]) -> dict[str, str]:
        """Add collections that are new; return id -> service name as stored, which differs where only the case does."""
        rows = as_json([_collection_row(collection) for collection in collections])
        return {row["id"]: row["service_name"] for row in self._rows("add_collections", rows=rows)}

    def respell(self, collection_ids: Sequence[str]) -> list[str]:
        """Write collections as their oldest upload does, where that is not rejected or deleted, and return those that changed.

        A collection has one id, in lower case, however its folders are written. Once a COG or a service carries its name, it keeps
        the name for good, and uploads whose folders are written otherwise belong to it all the same.
        """
        oldest = [row["source_key"] for row in self._rows("spelled_by", ids=list(collection_ids))]
        rows = [_collection_row(collection) for key in oldest if (collection := _collection_of(key))]
        return [row["id"] for row in self._rows("respell_collections", rows=as_json(rows))] if rows else []

    def ingest_frames(self, rows: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, InvalidFrameError]]:
        """Ingest uploads of frames, rejected names included.

        Returns:
            How many were new, and the keys among them that repeat the name of another frame.
        """
        with self._transaction():
            ids = [row["id"] for row in self._rows("ingest_frames", rows=as_json(rows))]
            duplicates = self._rows("reject_duplicates", ids=ids, reason=Reason.DUPLICATE_NAME)
        return len(ids), {
            row["source_key"]: InvalidFrameError(Reason.DUPLICATE_NAME, row["detail"]) for row in duplicates
        }

    def adoptable(self, rows: Sequence[Mapping[str, Any]], adopted: str) -> set[str]:
        """Return the keys of the COGs that are not adopted in this way yet and that no upload stands for."""
        return {row["source_key"] for row in self._rows("adoptable", rows=as_json(rows), adopted=adopted)}

    def ingest_scans(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Ingest uploads of raw scans."""
        self._rows("ingest_scans", rows=as_json(rows))

    def ingest_sidecars(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Ingest sidecars; frames that wait for them, or were placed by former versions, are due."""
        if rows:
            self._rows("ingest_sidecars", rows=as_json(rows), reasons=list(MENDED_BESIDE), placed_by=list(PLACED_BY))

    def watermark(self) -> Watermark:
        """Return up to where the bucket is known; what is ahead of the ledger's clock counts as not known."""
        (row,) = self._rows("read_watermark")
        return Watermark(row["known_until"], row["full_at"])

    def set_watermark(self, mark: Watermark) -> None:
        """Remember a completed sweep. It only ever moves forward, and never ahead of the ledger's clock."""
        self._rows("advance_watermark", known_until=mark.known_until, full_at=mark.full_at)

    def sweep_progress(self) -> SweepProgress | None:
        """Return how far the sweep that is under way has come; None when none is."""
        for row in self._rows("read_sweep"):
            return SweepProgress(**row | {"reached": bytes(row["reached"]).decode("utf-8", "surrogatepass")})
        return None

    def save_sweep(self, progress: SweepProgress | None) -> None:
        """Remember how far a sweep has come; None when it is over, or nothing of it is worth keeping."""
        row = {"begun": None, "full": None, "newest": None, "unsettled": None, "reached": None}
        if progress is not None and progress.reached:
            row = {name: getattr(progress, name) for name in row} | {
                "reached": progress.reached.encode("utf-8", "surrogatepass")
            }
        self._rows("save_sweep", **row)

    def listing_account(self) -> ListingAccount:
        """Return what sweeps have cost so far."""
        (row,) = self._rows("listing_account")
        return ListingAccount(**row)

    def count_listing(self, requests: int, per_hour: int, *, wanted: bool) -> None:
        """Add the requests of a sweep to the account.

        Args:
            requests: How many there were.
            per_hour: The budget.
            wanted: The sweep was not completed, and is to go on in any case.
        """
        self._rows("count_listing", requests=requests, per_hour=per_hour, wanted=wanted)

    def due_collections(self, retrigger_s: int, at_most: int) -> list[str]:
        """Return collections with unfinished frames that nobody has been asked to finish lately, those that wait longest first."""
        return [row["id"] for row in self._rows("due_collections", retrigger_s=retrigger_s, at_most=at_most)]

    def mark_triggered(self, collection_ids: Sequence[str]) -> None:
        """Remember that runs of these collections have been asked for."""
        self._rows("mark_triggered", ids=list(collection_ids))


class LoneScans(Part):
    """Raw scans that no georeferenced frame goes with, and the small pictures of them."""

    def of_collection(self, collection_id: str) -> list[Row]:
        """Return the lone scans of a collection by bands and stem, with what a look at each found."""
        return self._rows("lone_scans", collection_id=collection_id)

    def county_extent(self, folder: str) -> Bounds3857 | None:
        """Return the rectangle around the published photographs of a county; None when there are none, or the folder names none."""
        rows = self._rows("place_of_county", folder=folder)
        return Bounds3857(**rows[0]) if rows else None

    def due(self, at_most: int, again_s: float) -> list[DueScan]:
        """Return lone scans of which a picture is to be drawn.

        Args:
            at_most: How many.
            again_s: Seconds after which one is tried again that was kept from it by a fault of ours.
        """
        return [DueScan(**row) for row in self._rows("due_scans", at_most=at_most, again_s=again_s)]

    def note(
        self, scan: DueScan, picture: str | None, size: tuple[int, int] | None, fault: tuple[str, str] | None
    ) -> None:
        """Record what a look at a scan found.

        Args:
            scan: The version that was looked at.
            picture: Key of its picture.
            size: Width and height of the scan, pixels.
            fault: Reason and detail where there is no picture.
        """
        width, height = size or (None, None)
        reason, detail = fault or (None, None)
        about = {"picture": picture, "width": width, "height": height, "reason": reason, "detail": detail}
        version = {"key": scan.key, "collection_id": scan.collection_id, "etag": scan.etag}
        self._rows("note_scan_picture", **version, **about)

    def stale(self) -> list[StaleScan]:
        """Return scans that were looked at and are not lone any more."""
        return [StaleScan(**row) for row in self._rows("stale_scan_pictures")]

    def forget(self, keys: Sequence[str]) -> None:
        """Forget what was found of some scans."""
        self._rows("forget_scan_pictures", keys=list(keys))

    def unlisted(self) -> list[str]:
        """Return the collections whose lone scans changed since the public list of them was written."""
        return [row["id"] for row in self._rows("unlisted_scans")]


def _collection_of(key: str) -> Collection | None:
    """Return the collection of an upload; None when the grammar of an earlier release took its key, and today's does not."""
    try:
        return parse_upload(key).collection
    except InvalidFrameError:
        return None


def _collection_row(collection: Collection) -> dict[str, str]:
    c = collection
    return {
        "id": c.id,
        "service_name": c.service_name,
        "folder": c.folder,
        "agency": c.agency,
        "year": c.year,
        "product": c.product,
    }
