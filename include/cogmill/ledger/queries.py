"""Counts of the whole archive, everything that is public now, and the static files that say so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from cogmill.domain.errors import ServiceUnavailableError, VerificationError
from cogmill.domain.keys import OPEN_COPY
from cogmill.domain.model import Bands, Collection, Product
from cogmill.ledger.connection import Part, Row, as_json

ARCHIVE = ""
"""Stands for the whole archive where a collection's id is asked for."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Frames on their way to the map, or waiting for another try."""

    frames: int
    age_s: float
    """How long the one that waits longest has been here; 0 when none waits."""


@dataclass(frozen=True, slots=True)
class PublicService:
    """A collection whose mapfile is out."""

    collection: Collection
    frames: int
    bands: list[Bands]
    """Bands folders with frames."""
    years: tuple[int, int] | None
    """First and last year of the photographs; None when no name tells it."""
    extent: tuple[float, float, float, float]
    """West, south, east, north of all footprints, EPSG:3857 meters."""
    published_at: dt.datetime | None
    """When its mapfile was last looked at and found right."""


class Queries(Part):
    """Queries that change nothing."""

    def has_lost(self, pid: int) -> bool:
        """Tell whether the server runs no statement of another connection; False where a pooler hides which one that is."""
        own = self._connection.info.backend_pid
        return bool(self._rows("lost_statement", own=own, pid=pid)[0]["lost"])

    def states(self) -> dict[str, int]:
        """Return how many frames of the archive are in each state; reads an index of all frames."""
        return {row["state"]: row["frames"] for row in self._rows("count_states")}

    def queue(self) -> Queue:
        """Return how many frames of the archive wait, and for how long."""
        (row,) = self._rows("queue")
        return Queue(**row)

    def missing_grids(self) -> dict[str, int]:
        """Return grid -> number of frames that were placed without it and would lie better with it."""
        return {row["grid"]: row["frames"] for row in self._rows("missing_grids")}

    def latencies(self, collection_id: str, since: dt.datetime, at_most: int) -> list[float]:
        """Return the seconds from upload to map of the frames published since a moment, at most so many."""
        rows = self._rows("publication_latencies", collection_id=collection_id, since=since, at_most=at_most)
        return [row["latency_s"] for row in rows]

    def cogs(self, frame_ids: Sequence[int]) -> dict[str, str]:
        """Return source key -> COG key of those of some frames that have a COG."""
        return {row["source_key"]: row["cog_key"] for row in self._rows("cog_keys", ids=list(frame_ids))}

    def public_services(self) -> list[PublicService]:
        """Return all public services, ordered by id."""
        return [_service(row) for row in self._rows("public_services")]

    def public_frames(self, collection_id: str) -> Iterator[Row]:
        """Stream the index rows of a collection in drawing order, geometry as WKB in longitude and latitude.

        Raises:
            VerificationError: PostGIS cannot transform a footprint of this collection.
        """
        return _outlined(self._stream("public_frames", collection_id=collection_id), collection_id)


class PublicDocuments(Part):
    """Documents by key with the hash of their bytes, and one entry of the list of services for each collection."""

    @contextmanager
    def exclusive(self, collection_id: str) -> Iterator[None]:
        """Let nobody else write the documents of a collection, or of the archive, within the block.

        What they say is to be read within it, so an older state never overtakes a newer one. The lock belongs to the connection and
        vanishes with it: no transaction is open while files are uploaded.
        """
        self._rows("lock_public_documents", collection_id=collection_id)
        try:
            yield
        finally:
            with suppress(ServiceUnavailableError):
                self._rows("unlock_public_documents", collection_id=collection_id)

    def facts(self, collection_id: str) -> Row:
        """Return what is public of a collection as a whole; `public` is False when its service is withdrawn or holds nothing."""
        rows = self._rows("public_facts", collection_id=collection_id)
        return rows[0] if rows else {"public": False}

    def frames(self, collection_id: str) -> Iterator[Row]:
        """Stream the photographs that are on the map of a collection in drawing order, outlines in longitude and latitude.

        Raises:
            VerificationError: PostGIS cannot transform an outline of this collection.
        """
        return _outlined(self._stream("published_photographs", collection_id=collection_id), collection_id)

    def sample(self, collection_id: str, at_most: int) -> tuple[list[str], list[str]]:
        """Return links of one photograph of a collection, and the keys of some of its documents, the shortest first."""
        links = [row["link"] for row in self._rows("sample_links", collection_id=collection_id)]
        documents = self._rows("sample_documents", collection_id=collection_id, at_most=at_most)
        # `N/A` stands where there is no scan by nature
        return [link for link in links if link and "://" in link], [row["key"] for row in documents]

    def stored(self, collection_id: str) -> dict[str, tuple[str, str | None]]:
        """Return key -> sha256 and `made_of` (None: not known) of the documents of a collection, or of the archive, in the bucket."""
        rows = self._rows("stored_public_documents", collection_id=collection_id)
        return {row["key"]: (row["sha256"], row["made_of"]) for row in rows}

    def note(self, collection_id: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Record documents that were stored: `key`, `sha256`, `size` in bytes and, where it is known, `made_of`."""
        self._rows("note_public_documents", collection_id=collection_id, rows=as_json(documents))

    def note_made_of(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Record of what documents are made whose bytes stayed the same: `key` and `made_of`."""
        self._rows("note_made_of", rows=as_json(documents))

    def forget(self, keys: Sequence[str]) -> None:
        """Record that documents are no longer in the bucket."""
        self._rows("forget_public_documents", keys=list(keys))

    def invalidate(self, collection_id: str) -> None:
        """Record that the documents of a collection, or of the archive, are to be stored again, whatever they say."""
        self._rows("forget_public_hashes", collection_id=collection_id)

    def scans_to_open(self, collection_id: str) -> list[Row]:
        """Return `key`, `etag`, `size` and `arrived_at` of the scans of which the public bucket is to have a copy and has none of this version."""
        return [row for row in self._scan_copies(collection_id) if row["key"]]

    def scans_to_close(self, collection_id: str) -> list[str]:
        """Return the names of the copies of scans that nothing published leads to any more."""
        return [row["copy"] for row in self._scan_copies(collection_id) if not row["key"]]

    def _scan_copies(self, collection_id: str) -> list[Row]:
        return self._rows("scan_copies", collection_id=collection_id, mark=OPEN_COPY)

    def set_entry(self, collection_id: str, entry: Mapping[str, Any] | None) -> None:
        """Record what the list of services says about a collection; None when it is not public."""
        encoded = None if entry is None else as_json([entry])
        self._rows("set_public_entry", collection_id=collection_id, entry=encoded)

    def set_scan_entry(self, collection_id: str, entry: Mapping[str, Any] | None) -> None:
        """Record what the list of lone scans says about a collection; None when it has none."""
        encoded = None if entry is None else as_json([entry])
        self._rows("set_scan_entry", collection_id=collection_id, entry=encoded)

    def scan_entries(self) -> list[dict[str, Any]]:
        """Return the entries of all collections with lone scans, ordered by id."""
        return [row["entry"] for row in self._rows("scan_entries")]

    def entries(self) -> list[dict[str, Any]]:
        """Return the entries of all public collections, ordered by id."""
        return [row["entry"] for row in self._rows("public_entries")]


def _outlined(rows: Iterator[Row], collection_id: str) -> Iterator[Row]:
    """Yield rows whose outlines PostGIS transforms as they are read; one that it cannot is a fault of the collection."""
    try:
        yield from rows
    except (psycopg.DataError, psycopg.InternalError) as err:
        raise VerificationError(f"{collection_id}: {err.diag.message_primary}") from err


def _service(row: Row) -> PublicService:
    years = (row["first_day"].year, row["last_day"].year) if row["first_day"] and row["last_day"] else None
    return PublicService(
        collection=Collection(row["folder"], row["agency"], row["year"], Product(row["product"])),
        frames=row["frames"],
        bands=[Bands(bands) for bands in row["bands"]],
        years=years,
        extent=(row["xmin"], row["ymin"], row["xmax"], row["ymax"]),
        published_at=row["published_at"],
    )
