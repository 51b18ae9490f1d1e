"""Scans that no georeferenced frame goes with, as the static files for the public tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from cogmill.config.site import Site
from cogmill.domain.keys import NOT_KNOWN, scan_name, year_days
from cogmill.domain.model import Bands, Collection
from cogmill.ledger.connection import Row
from cogmill.pipeline.archive import Archive
from cogmill.public.document import Document
from cogmill.public.scans.lone_scan import LoneScan, ScanFacts
from cogmill.public.scans.scan_list import collection_documents, scan_entry


@dataclass(frozen=True, slots=True)
class ScanFiles:
    """The static files about the lone scans of a collection."""

    documents: Iterator[Document]
    entry: dict[str, Any] | None
    """What the list of the whole archive says; None when there are none."""


def scan_files(archive: Archive, collection: Collection, title: str, site: Site) -> ScanFiles:
    """Return the static files about the lone scans of a collection; their number is that of these scans.

    Args:
        archive: Clients and settings.
        collection: Whose scans.
        title: Of the collection.
        site: Facts of the site, with those of the collection in their place.
    """
    scans = [_scan(collection, row) for row in archive.ledger.lone_scans.of_collection(collection.id)]
    extent = archive.ledger.lone_scans.county_extent(collection.folder) if scans else None
    facts = ScanFacts(
        collection=collection,
        title=title,
        place=extent.to_4326() if extent else None,
        site=site,
        addresses=archive.addresses.of(collection.id),
    )
    entry = asdict(scan_entry(facts, scans)) if scans else None
    return ScanFiles(collection_documents(facts, scans), entry)


def _scan(collection: Collection, row: Row) -> LoneScan:
    bands = Bands(row.pop("bands"))
    name = scan_name(collection, bands, row["stem"])
    return LoneScan(
        **row,
        bands=bands,
        date=_told(name.date) if name else None,
        roll=_told(name.roll) if name else None,
        frame_num=_told(name.frame_num) if name else None,
        acquired=name.acquired if name else year_days(collection.year),
    )


def _told(text: str) -> str | None:
    """Return what a name tells; None for what stands where it tells nothing."""
    return None if text in ("", NOT_KNOWN) else text
