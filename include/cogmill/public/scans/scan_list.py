"""Lone scans as a page for people, and as a list for the viewer and other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from cogmill.config.page_words import PageWords, words_of
from cogmill.config.site import Site
from cogmill.domain import public_keys
from cogmill.domain.errors import Reason
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public.document import HTML, JSON, Document, readable_json
from cogmill.public.pages import template
from cogmill.public.scans.lone_scan import LoneScan, ScanEntry, ScanFacts
from cogmill.public.scans.scan_items import archive_documents as stac_root
from cogmill.public.scans.scan_items import collection_documents as stac_documents
from cogmill.public.scans.scan_items import scans_collection_key

ON_PAGE = 500
"""Most scans that a page shows; the list for programs has all."""


def collection_documents(facts: ScanFacts, scans: Sequence[LoneScan]) -> Iterator[Document]:
    """Yield all files about the lone scans of a collection; none when it has none."""
    if not scans:
        return
    collection_id = facts.collection.id
    shown = [_shown(facts, scan) for scan in scans]
    yield Document(public_keys.scans_list(collection_id), _list(facts, shown), JSON)
    page = template("scans.html.j2", facts.site.language).render(
        facts=facts, scans=shown[:ON_PAGE], count=len(shown), site=facts.site
    )
    yield Document(public_keys.scans_page(collection_id), page.encode(), HTML)
    yield from stac_documents(facts, scans)


def scan_entry(facts: ScanFacts, scans: Sequence[LoneScan]) -> ScanEntry:
    """Return what the list of the whole archive says about a collection."""
    collection, addresses = facts.collection, facts.addresses
    return ScanEntry(
        id=collection.id,
        title=facts.title,
        county=collection.county,
        agency=collection.agency,
        year=collection.year,
        product=str(collection.product),
        scans=len(scans),
        page=addresses.object(public_keys.scans_page(collection.id)),
        list=addresses.object(public_keys.scans_list(collection.id)),
        stac=addresses.object(scans_collection_key(collection.id)),
    )


def archive_documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[ScanEntry]) -> Iterator[Document]:
    """Yield the list of the collections that have lone scans, and its part of the STAC catalog."""
    yield Document(public_keys.SCANS, readable_json({"collections": [asdict(entry) for entry in entries]}), JSON)
    yield from stac_root(site, addresses, entries)


def _shown(facts: ScanFacts, scan: LoneScan) -> dict[str, Any]:
    """Return one scan as list and page have it."""
    first, last = scan.acquired or (None, None)
    return {
        "name": scan.stem,
        "bands": str(scan.bands),
        "roll": scan.roll,
        "frame": scan.frame_num,
        "date": scan.date,
        "from": first and first.isoformat(),
        "to": last and last.isoformat(),
        "scan": facts.addresses.object(scan.key),
        "bytes": scan.size,
        "picture": facts.addresses.object(scan.picture) if scan.picture else None,
        "no_picture": _why_not(scan, words_of(facts.site.language)),
    }


def _why_not(scan: LoneScan, words: PageWords) -> str | None:
    if scan.picture:
        return None
    if scan.reason is None:
        return words.plain("it is drawn with one of the next nights")
    if scan.reason not in set(Reason):
        return words.plain("drawing it failed")
    return words.plain("it cannot be drawn ({reason})", reason=scan.reason)


def _list(facts: ScanFacts, shown: list[dict[str, Any]]) -> bytes:
    place = {"known": facts.place is not None, "text": facts.place_text}
    if facts.place is not None:
        place["bbox"] = list(facts.place)
    about = {"id": facts.collection.id, "title": facts.title, "place": place, "scans": shown}
    return readable_json(about)
