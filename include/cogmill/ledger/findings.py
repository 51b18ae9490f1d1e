"""Maintenance: the bucket's listing beside the ledger, what was found, and the repairs that only change the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cogmill.domain.errors import Reason
from cogmill.domain.layout import layout_in_use
from cogmill.domain.model import Bands, Collection, Product, Stage, StoredObject
from cogmill.ledger.connection import Part, Row, as_json, available

CHECKS = (
    "check_uploads",
    "check_sources",
    "check_scans",
    "check_cogs",
    "check_orphans",
    "check_rows",
    "check_leases",
    "check_cells",
    "check_cell_orphans",
    "check_overviews",
    "check_public_services",
    "check_public_documents",
    "check_public_orphans",
)
"""Queries that compare ledger and listing, each for its layer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement between two layers."""

    kind: str
    subject: str
    """Key or collection it is about."""
    collection_id: str | None
    detail: str
    first_seen: dt.datetime


@dataclass(frozen=True, slots=True)
class CollectionLayers:
    """What the ledger says about the projections of one collection."""

    collection: Collection
    revision: int
    exported_revision: int
    mapfile_revision: int
    mapfile_sha256: str | None
    overviews_current: bool
    """They show the revision of the tile index."""
    other_levels: bool
    """The mapfile draws other levels of overviews than there are."""
    unpublished: bool
    """Withdrawn on purpose."""
    rows: int
    bands: list[Bands]
    alive: bool
    """It has frames that are shown or may be."""


@dataclass(frozen=True, slots=True)
class AuditJob:
    """A COG whose turn it is to be read again."""

    id: int
    cog_key: str
    cog_sha256: str
    collection_id: str


class Findings(Part):
    """Comparison and repair. The listing lives in this connection alone and is gone with it."""

    def begin(self) -> dt.datetime:
        """Make room for a listing and return the ledger's own time."""
        self._rows("create_listed")
        self._rows("create_found")
        self._rows("empty_listed_and_found")
        (row,) = self._rows("ledger_now")
        moment: dt.datetime = row["moment"]
        return moment

    def add_listed(self, objects: Iterable[tuple[StoredObject, str]]) -> None:
        """Add a page of the listing; each object with its place."""
        with available(), self._connection.cursor() as cursor, cursor.copy("COPY listed FROM STDIN") as copy:
            for stored, place in objects:
                copy.write_row((stored.key, place, stored.etag, stored.size, stored.last_modified))

    def check(self, *, begun: dt.datetime, settled: dt.datetime) -> None:
        """Compare frames, scans, COGs and rows with the listing.

        Args:
            begun: When the listing began, by the ledger's clock: what came later may be missing in it.
            settled: Objects that were modified later are left alone, by the store's clock.
        """
        self._rows("analyze_listed")
        scanned = layout_in_use().stages[Stage.SCANNED]
        for query in CHECKS:
            self._rows(query, begun=begun, settled=settled, scanned=scanned)

    def listed(self, places: Sequence[str]) -> list[Row]:
        """Return key, size and time of what was listed in some places that grow with collections, not with frames."""
        return self._rows("listed_objects", places=list(places))

    def collections(self) -> list[CollectionLayers]:
        """Return every collection with what its projections should be."""
        return [_layers(row) for row in self._rows("collection_layers")]

    def add_findings(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add what was found outside of the database."""
        self._rows("add_findings", rows=as_json(rows))

    def counts(self) -> dict[str, int]:
        """Return how often each kind was found."""
        return {row["kind"]: row["count"] for row in self._rows("count_findings")}

    def examples(self, at_most: int) -> list[Finding]:
        """Return the first findings of each kind."""
        return [Finding(**row) for row in self._rows("example_findings", at_most=at_most)]

    def remember(self, kinds: Sequence[str]) -> None:
        """Keep what was found, with the time it was seen first; forget what has healed."""
        self._rows("remember_findings", kinds=list(kinds))

    def due(self, kind: str, grace_s: float, plan: str | None = None, at_most: int = 1_000_000) -> list[Finding]:
        """Return remembered findings of a kind that are older than the grace period; with a plan only those that stand in it."""
        values = {"kind": kind, "grace_s": grace_s, "plan": plan}
        return [Finding(**row) for row in self._rows("due_findings", **values, at_most=at_most)]

    def count_due(self, kind: str, grace_s: float, plan: str | None = None) -> int:
        """Return how many findings `due` would return, without a limit."""
        (row,) = self._rows("count_due_findings", kind=kind, grace_s=grace_s, plan=plan)
        count: int = row["findings"]
        return count

    def mark_planned(self, plan: str, kind: str, grace_s: float) -> None:
        """Record that a plan names the findings of a kind that are older than the grace period."""
        self._rows("mark_planned", plan=plan, kind=kind, grace_s=grace_s)

    def forget(self, kind: str, subjects: Sequence[str]) -> None:
        """Forget findings that were repaired."""
        self._rows("forget_findings", kind=kind, subjects=list(subjects))

    def rebuild_lost(self, cog_keys: Sequence[str], *, quarantined: bool = False) -> set[str]:
        """Take rows off COGs that are gone or damaged and let their frames be built again; return the collections.

        Args:
            cog_keys: Keys of the COGs.
            quarantined: The objects are still there and will be moved to quarantine: each frame is held until `release_hold`.
        """
        return _collections(self._rows("rebuild_lost", cog_keys=list(cog_keys), quarantined=quarantined))

    def release_hold(self, cog_key: str) -> None:
        """Let the frame of a damaged COG be built, now that the COG is in quarantine."""
        self._rows("release_hold", cog_key=cog_key)

    def verified_hashes(self, cog_keys: Sequence[str]) -> dict[str, str]:
        """Return the sha256 that present COGs were verified with, by key."""
        return {row["cog_key"]: row["cog_sha256"] for row in self._rows("verified_hashes", keys=list(cog_keys))}

    def index_again(self, source_keys: Sequence[str]) -> set[str]:
        """Let the next run write the rows of these frames; return the collections."""
        return _collections(self._rows("index_again", keys=list(source_keys)))

    def forget_scans(self, scan_keys: Sequence[str]) -> set[str]:
        """Forget scans that are gone; return the collections whose links change."""
        return _collections(self._rows("forget_scans", keys=list(scan_keys)))

    def end_leases(self) -> set[str]:
        """Give back frames claimed by workers that vanished; return their collections."""
        return _collections(self._rows("end_leases"))

    def withdraw_frames(self, source_keys: Sequence[str], detail: str) -> list[str]:
        """Mark frames as withdrawn and return which were not yet; their rows leave with the next index change.

        Frames that were rejected because they repeat the name of one of these take its place with the next run.
        """
        values = {"keys": list(source_keys), "detail": detail, "duplicate": Reason.DUPLICATE_NAME}
        return [row["source_key"] for row in self._rows("withdraw_frames", **values)]

    def unpublish(self, collection_id: str) -> int:
        """Mark a whole collection as withdrawn on purpose; return how many frames that are."""
        rows = self._rows("unpublish_collection", collection_id=collection_id)
        return int(rows[0]["frames"]) if rows else 0

    def count_rows(self, collection_id: str, leaving: Sequence[str]) -> tuple[int, int]:
        """Return how many rows a collection has, and how many stay when some uploads leave."""
        (row,) = self._rows("count_rows", collection_id=collection_id, keys=list(leaving))
        return row["rows"], row["staying"]

    def retire(self, cog_keys: Sequence[str]) -> None:
        """Put COGs that nothing names on the list of those to be deleted later."""
        self._rows("retire_cogs", keys=list(cog_keys))

    def due_retired(self, grace_s: float, at_most: int) -> list[str]:
        """Return retired COGs whose time is up and which nothing names again."""
        return [row["key"] for row in self._rows("due_retired", grace_s=grace_s, at_most=at_most)]

    @contextmanager
    def deletion(self, cog_key: str) -> Iterator[bool]:
        """Forget a retired COG, which is to be deleted within the block; yields False when something names it again.

        Within the block no frame can be recorded to have this COG. Where the deletion fails the COG stays on the list.
        """
        with self._transaction():
            self._rows("lock_cog", key=cog_key)
            yield bool(self._rows("forget_retired", key=cog_key))

    def due_audit(self, nights: int) -> list[AuditJob]:
        """Return the COGs whose turn it is, those not read for longest first."""
        return [AuditJob(**row) for row in self._rows("due_audit", nights=nights)]

    def mark_audited(self, ids: Sequence[int]) -> None:
        """Record that these COGs were read and are right."""
        self._rows("mark_audited", ids=list(ids))

    def unknown_outlines(self, cog_keys: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return those of some COGs on the map whose outline was never compared with their pixels, or whose pixel grid is not known; with the outline as WKB."""
        rows = self._rows("unknown_outlines", keys=list(cog_keys))
        return [(row["cog_key"], row["outline_wkb"]) for row in rows]

    def note_outline(self, cog_key: str, margin_m: float | None, transform: Sequence[float]) -> None:
        """Record what a COG itself says of its pixels.

        Args:
            cog_key: The COG.
            margin_m: How far from its outline its valid pixels may differ from it, meters; None when they differ elsewhere too.
            transform: See `BuiltCog.transform`.
        """
        self._rows("note_outline", key=cog_key, margin_m=margin_m, transform=list(transform))


def _collections(rows: Iterable[Row]) -> set[str]:
    return {row["collection_id"] for row in rows}


def _layers(row: Row) -> CollectionLayers:
    collection = Collection(row["folder"], row["agency"], row["year"], Product(row["product"]))
    return CollectionLayers(
        collection=collection,
        revision=row["revision"],
        exported_revision=row["exported_revision"],
        mapfile_revision=row["mapfile_revision"],
        mapfile_sha256=row["mapfile_sha256"],
        overviews_current=row["overviews_current"],
        other_levels=row["other_levels"],
        unpublished=row["unpublished"],
        rows=row["rows"],
        bands=[Bands(bands) for bands in row["bands"]],
        alive=row["alive"],
    )
