"""Collections: their tile index, their revisions, what was published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import MUCH_COLLAR, Bands, Collection, FrameName, Product
from cogmill.ledger.connection import Part, Row, as_json

NO_REVISION = -1
"""Exported revision of index files that show none."""


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection with its revisions."""

    collection: Collection
    revision: int
    """Counts the changes of its tile index."""
    exported_revision: int
    mapfile_revision: int
    mapfile_sha256: str | None
    """Hash of the published mapfile; None when the service is not public."""
    has_built: bool
    """Some of its frames have a COG that is not public yet."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the tile index says about a whole collection."""

    first_day: dt.date | None
    last_day: dt.date | None
    undated: bool
    """The day of some frame is not known."""
    xmin: float | None
    ymin: float | None
    xmax: float | None
    ymax: float | None
    """Extent in EPSG:3857 meters; None when there is no frame."""
    inside: list[list[float]] | None
    """x and y of some points inside the footprint of the newest frame, the deepest first."""

    @property
    def extent(self) -> Bounds3857 | None:
        """Rectangle around all footprints; None when there is no frame."""
        if self.xmin is None or self.ymin is None or self.xmax is None or self.ymax is None:
            return None
        return Bounds3857(self.xmin, self.ymin, self.xmax, self.ymax)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame whose index row may have to change."""

    id: int
    bands: Bands
    cog_key: str
    scan_key: str | None
    """Key of its scan; None when there is none."""
    name: FrameName
    footprint_wkb: bytes
    """Polygon in EPSG:3857 meters."""


class Collections(Part):
    """Collections and their projections."""

    def all(self) -> list[Row]:
        """Return id, folder, agency, year and product of every collection, ordered by id."""
        return self._rows("all_collections")

    def state(self, collection_id: str) -> CollectionState:
        """Return one collection.

        Raises:
            KeyError: The ledger has no such collection.
        """
        rows = self._rows("collection_state", collection_id=collection_id)
        if not rows:
            raise KeyError(f"the ledger has no collection {collection_id!r}")
        row = rows[0]
        collection = Collection(row.pop("folder"), row.pop("agency"), row.pop("year"), Product(row.pop("product")))
        return CollectionState(collection, **row)

    def unlinked_scans(self, collection_id: str) -> list[str]:
        """Return the keys of the scans that no index row has been asked about. To be read before the candidates."""
        return [row["key"] for row in self._rows("unlinked_scans", collection_id=collection_id)]

    def index_candidates(self, collection_id: str) -> list[Candidate]:
        """Return the frames whose index row may have to change; independent of the size of the collection."""
        return [_candidate(row) for row in self._rows("index_candidates", collection_id=collection_id)]

    def change_index(
        self, collection_id: str, rows_of: Callable[[Sequence[Candidate]], Sequence[Mapping[str, Any]]]
    ) -> tuple[int, int]:
        """Change the tile index in one transaction; readers see all of it or nothing.

        A transaction-scoped advisory lock orders concurrent runs of one collection and vanishes with its connection. What the rows are
        made from is read below that lock, and a row whose frame was withdrawn or built anew since is not written.

        Args:
            collection_id: Whose index.
            rows_of: Makes the new or changed rows, columns of the tile index without geometry, from the frames that may need one.

        Returns:
            How many rows were written and how many were removed.
        """
        with self._transaction():
            self._rows("lock_collection", collection_id=collection_id)
            self._rows("withdraw_superseded", collection_id=collection_id)
            scans = self.unlinked_scans(collection_id)
            encoded = as_json(rows_of(self.index_candidates(collection_id)))
            removed = len(self._rows("delete_withdrawn_rows", collection_id=collection_id))
            self._rows("retire_replaced_cogs", rows=encoded)
            written = len(self._rows("upsert_index_rows", rows=encoded))
            self._rows("link_scans", keys=scans)
            if written or removed:
                self._rows("advance_revision", collection_id=collection_id)
        return written, removed

    @contextmanager
    def export(self, collection_id: str) -> Iterator[CollectionState]:
        """Let nobody else write the index files of a collection within the block, which gets its state as it is then.

        So an older export never overtakes a newer one. The lock belongs to the connection and vanishes with it: no transaction is
        open while files are uploaded.
        """
        self._rows("lock_export", collection_id=collection_id)
        try:
            yield self.state(collection_id)
        finally:
            with suppress(ServiceUnavailableError):
                self._rows("unlock_export", collection_id=collection_id)

    def bands_of(self, collection_id: str) -> list[Bands]:
        """Return the bands folders that have frames in the tile index."""
        return [Bands(row["bands"]) for row in self._rows("indexed_bands", collection_id=collection_id)]

    def index_rows(self, collection_id: str, bands: Bands) -> Iterator[Row]:
        """Stream the index rows of one bands folder in drawing order, geometry as WKB in EPSG:3857."""
        return self._stream("index_rows", collection_id=collection_id, bands=bands)

    def service_facts(self, collection_id: str) -> ServiceFacts:
        """Return extent and dates of the tile index; independent of the size of the collection."""
        (row,) = self._rows("service_facts", collection_id=collection_id)
        return ServiceFacts(**row)

    def mark_exported(self, collection_id: str, revision: int) -> None:
        """Record which revision the downloadable index files show."""
        self._rows("set_exported_revision", collection_id=collection_id, revision=revision)

    def invalidate_export(self, collection_id: str) -> None:
        """Record that the downloadable index files show no revision, so that the next export writes them again."""
        self._rows("set_exported_revision", collection_id=collection_id, revision=NO_REVISION)

    def mark_published(self, collection_id: str, revision: int, sha256: str, levels: Sequence[int] = ()) -> int:
        """Record the mapfile that is public now, with the levels of overviews that it draws; return how many frames became public."""
        about = {"revision": revision, "sha256": sha256, "levels": list(levels)}
        (row,) = self._rows("mark_published", collection_id=collection_id, **about)
        frames: int = row["frames"]
        return frames

    def mark_unpublishable(self, collection_id: str) -> None:
        """Record that the service could not be published, through no outage; what waits for it asks for a run later each time."""
        self._rows("mark_unpublishable", collection_id=collection_id)

    def mark_withdrawn(self, collection_id: str) -> None:
        """Record that the mapfile was taken away: the service is not public any more."""
        self._rows("mark_withdrawn", collection_id=collection_id)

    def digest(self, collection_id: str, since: dt.datetime) -> Row:
        """Return what became of a collection since a moment."""
        (row,) = self._rows("digest", collection_id=collection_id, since=since, much=MUCH_COLLAR)
        return row


def _candidate(row: Row) -> Candidate:
    acquired = (row["acquired_from"], row["acquired_to"]) if row["acquired_from"] else None
    name = FrameName(row["date"], row["roll"], row["frame_num"], acquired, row["scan_stem"])
    return Candidate(row["id"], Bands(row["bands"]), row["cog_key"], row["scan_key"], name, row["footprint_wkb"])
