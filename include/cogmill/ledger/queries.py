"""The read side for programs: counts of the whole archive, and everything that is public now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from cogmill.domain.errors import VerificationError
from cogmill.domain.model import Bands, Collection, Product
from cogmill.ledger.connection import Part, Row


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
        try:
            yield from self._stream("public_frames", collection_id=collection_id)
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
