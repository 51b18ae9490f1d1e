"""What is public now, for the compiled index and the list of services."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from cogmill.domain.errors import VerificationError
from cogmill.domain.model import Bands, Collection, Product
from cogmill.ledger.connection import Part, Row


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
    """West, south, east, north of all footprints, EPSG:3857 metres."""
    published_at: dt.datetime | None
    """When its mapfile was last looked at and found right."""


class Catalog(Part):
    """Readings of everything that is public."""

    def services(self) -> list[PublicService]:
        """Return all public services, ordered by id."""
        return [_service(row) for row in self._rows("catalog_services")]

    def frames(self, collection_id: str) -> Iterator[Row]:
        """Stream the index rows of a collection in drawing order, geometry as WKB in longitude and latitude.

        Raises:
            VerificationError: PostGIS cannot transform a footprint of this collection.
        """
        try:
            yield from self._stream("catalog_frames", collection_id=collection_id)
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
