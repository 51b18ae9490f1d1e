"""Static files for the public: write those of a collection whose bytes changed, and remove those of what left the map.

What they say is read from the ledger below a lock, so two runs cannot overwrite newer with older. A file that was stored is recorded
afterwards, one that is to leave is deleted before: a run that is killed leaves nothing behind that the next one does not put right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any

from cogmill.aws.client_limits import CONNECTIONS
from cogmill.aws.s3 import PutOptions
from cogmill.config.collection_files import CollectionConfig, collection_abstract, load_collection_config, site_of
from cogmill.config.place_names import load_places
from cogmill.config.places import VIEWER
from cogmill.config.site import Site, load_site
from cogmill.domain import public_keys
from cogmill.domain.errors import ConfigurationError, VerificationError
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Bands, Collection, Product
from cogmill.ledger.connection import Row
from cogmill.ledger.queries import ARCHIVE
from cogmill.mapserver.titles import collection_title
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery.lone_scans import scan_files
from cogmill.pipeline.discovery.scan_copies import close_scans, open_scans
from cogmill.public.document import ASKED_AGAIN, Document, compared, in_groups
from cogmill.public.facts import CollectionFacts, PublishedFrame
from cogmill.public.scans.lone_scan import ScanEntry
from cogmill.public.scans.scan_list import archive_documents as lists_of_scans
from cogmill.public.services_list import CatalogEntry, catalog_entry
from cogmill.public.viewer_files import built_documents, places_document
from cogmill.public.writers import archive_documents, collection_documents

log = logging.getLogger(__name__)

RECORDED_AT_ONCE = 500
"""Files after which the ledger hears of those that were stored."""


@dataclass(slots=True)
class PublicChange:
    """What became of the static files of collections and of the archive."""

    written: list[str] = field(default_factory=list)
    """Keys that were stored."""
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    missing_facts: tuple[str, ...] = ()
    """Facts that nobody has stated, such as the license."""


def update_public_files(archive: Archive, collection_id: str | None) -> PublicChange:
    """Bring the static files of one collection (None: of none), and those of the whole archive, to what the ledger says.

    The work is proportional to the collection; files with the same bytes are not stored again.

    Raises:
        ConfigurationError: The site file is wrong; what is public stays as it was.
        VerificationError: An outline of the collection cannot be written in degrees; what is public stays as it was.
        ServiceUnavailableError: S3 or the ledger went away; the next run continues.
    """
    return update_collections(archive, [] if collection_id is None else [collection_id])


def follow_changes(archive: Archive) -> None:
    """Update the static files of every collection whose service was changed since the archive was opened."""
    if changed := sorted({change.collection_id for change in archive.changes}):
        update_collections(archive, changed)


def update_collections(archive: Archive, collection_ids: Sequence[str]) -> PublicChange:
    """Update the static files of some collections, and then those of the whole archive."""
    change = PublicChange()
    for collection_id in collection_ids:
        _update_collection(archive, collection_id, change)
    _update_archive(archive, change)
    log.info(
        "public_files_updated collections=%d first=%s written=%d removed=%d unchanged=%d",
        len(collection_ids), next(iter(collection_ids), None), len(change.written), len(change.removed), change.unchanged,
    )  # fmt: skip
    return change


def collection_facts(archive: Archive, collection_id: str) -> tuple[CollectionFacts, list[PublishedFrame]] | None:
    """Return what static files say about a collection, and its photographs in drawing order; None when it is not public.

    Raises:
        ConfigurationError: The site file is wrong.
        VerificationError: An outline does not lie on the Earth.
    """
    row = archive.ledger.public_documents.facts(collection_id)
    if not row["public"]:
        return None
    frames = [_frame(collection_id, frame) for frame in archive.ledger.public_documents.frames(collection_id)]
    if not frames:
        return None
    collection = Collection(row["folder"], row["agency"], row["year"], Product(row["product"]))
    return _facts(archive, collection, row, frames), frames


def _facts(archive: Archive, collection: Collection, row: Row, frames: Sequence[PublishedFrame]) -> CollectionFacts:
    config, title, site = _stated(archive, collection)
    extent = Bounds3857(row["xmin"], row["ymin"], row["xmax"], row["ymax"])
    days = [day for frame in frames if frame.acquired for day in frame.acquired]
    return CollectionFacts(
        collection=collection,
        title=title,
        abstract=collection_abstract(config, title, site),
        frames=len(frames),
        bands=tuple(sorted({frame.bands for frame in frames})),
        bounds=extent.to_4326(),
        bounds_3857=extent,
        days=(min(days), max(days)) if days else None,
        every_year=_every_year(frames),
        undated=any(frame.acquired is None or frame.acquired[0] != frame.acquired[1] for frame in frames),
        scans=sum(frame.scan_key is not None for frame in frames),
        cog_bytes=sum(frame.cog_size or 0 for frame in frames),
        gsd_m=min((frame.gsd_m for frame in frames if frame.gsd_m), default=None),
        updated=max(frame.uploaded_at for frame in frames),
        revision=row["revision"],
        site=site,
        addresses=archive.addresses.of(collection.id),
    )


def _every_year(frames: Sequence[PublishedFrame]) -> tuple[int, ...]:
    spans = [frame.acquired for frame in frames if frame.acquired]
    return tuple(sorted({first.year for first, last in spans if first.year == last.year}))


def _stated(archive: Archive, collection: Collection) -> tuple[CollectionConfig | None, str, Site]:
    """Return a collection's file, its title, and the site as it speaks for the collection."""
    config = _config(archive, collection.id)
    site = site_of(archive.settings, config)
    return config, collection_title(collection, config, site), site


def _config(archive: Archive, collection_id: str) -> CollectionConfig | None:
    """Return a collection's file; a mistake in it costs what it states, not the pages, and is named in the log."""
    try:
        return load_collection_config(archive.settings.collections_dir, collection_id)
    except ConfigurationError:
        log.exception("collection_file_wrong collection=%s", collection_id)
        return None


def _frame(collection_id: str, row: Row) -> PublishedFrame:
    if row["outline_wkb"] is None:
        raise VerificationError(f"{collection_id}: the footprint of {row['stem']} does not lie on the Earth")
    bounds = Bounds3857(row.pop("xmin"), row.pop("ymin"), row.pop("xmax"), row.pop("ymax"))
    first, last = row.pop("acquired_from"), row.pop("acquired_to")
    acquired = (first, last) if first and last else None
    row["transform"] = row["transform"] and tuple(row["transform"])
    return PublishedFrame(**row | {"bands": Bands(row["bands"])}, acquired=acquired, bounds_3857=bounds)


def _update_collection(archive: Archive, collection_id: str, change: PublicChange) -> None:
    ledger = archive.ledger.public_documents
    with ledger.exclusive(collection_id):
        change.written += open_scans(archive, collection_id)
        collection = archive.ledger.collections.state(collection_id).collection
        scans = scan_files(archive, collection, *_stated(archive, collection)[1:])
        known = collection_facts(archive, collection_id)
        if known is None:
            ledger.set_entry(collection_id, None)
        lone_scans = scans.entry["scans"] if scans.entry else 0
        on_map = collection_documents(replace(known[0], lone_scans=lone_scans), known[1]) if known else ()
        _write(archive, collection_id, chain(on_map, scans.documents), change)
        change.removed += close_scans(archive, collection_id)
        ledger.set_scan_entry(collection_id, scans.entry)
        if known:
            ledger.set_entry(collection_id, catalog_entry(known[0]).stored())
            change.missing_facts = known[0].site.missing


def _update_archive(archive: Archive, change: PublicChange) -> None:
    ledger = archive.ledger.public_documents
    with ledger.exclusive(ARCHIVE):
        entries = [CatalogEntry.from_stored(entry) for entry in ledger.entries()]
        scans = [ScanEntry(**entry) for entry in ledger.scan_entries()]
        site, addresses = load_site(archive.settings.site_file), archive.addresses
        places = load_places(archive.settings.site_file.with_name(site.places)) if site.places else None
        documents = chain(
            archive_documents(site, addresses, entries),
            lists_of_scans(site, addresses, scans),
            [places_document(places)] if places else [],
        )
        _write(archive, ARCHIVE, documents, change)


def _write(archive: Archive, owner: str, documents: Iterable[Document], change: PublicChange) -> None:
    """Store the documents of a collection, or of the archive, that changed, and remove all others of its."""
    ledger = archive.ledger.public_documents
    known = ledger.stored(owner)
    wanted: set[str] = set()
    with ThreadPoolExecutor(CONNECTIONS) as pool:  # files are small, and each waits for its answer
        for group in in_groups(documents, RECORDED_AT_ONCE):
            wanted.update(document.key for document in group)
            changed, same = compared(group, known)
            change.unchanged += len(group) - len(changed)
            list(pool.map(partial(store_document, archive), changed))
            ledger.note(owner, [as_recorded(document) for document in changed])
            ledger.note_made_of([_made_of(d) for d in same if d.made_of])
            change.written += [document.key for document in changed]
        for gone in in_groups(sorted(known.keys() - wanted - _kept(known)), RECORDED_AT_ONCE):
            list(pool.map(archive.store.delete, gone))
            ledger.forget(gone)
            change.removed += gone


def as_recorded(document: Document) -> dict[str, Any]:
    """Return what the ledger keeps of a document that was stored."""
    return {**_made_of(document), "sha256": document.sha256, "size": len(document.body)}


def _made_of(document: Document) -> dict[str, Any]:
    return {"key": document.key, "made_of": document.made_of}


def _kept(known: Iterable[str]) -> set[str]:
    """Return the documents that stay although nobody writes them: the built viewer, where this installation came without it."""
    if built_documents(VIEWER):
        return set()
    return {key for key in known if key.startswith(public_keys.VIEWER)} - {public_keys.VIEWER_PLACES}


def store_document(archive: Archive, document: Document) -> None:
    """Store a document where anybody may read it, with one PUT. Whoever does it records it in the ledger afterwards."""
    options = PutOptions(
        document.content_type,
        acl=archive.settings.public_acl,
        cache_control=document.cache_control or ASKED_AGAIN,
        content_encoding=document.encoding,
    )
    archive.store.replace(document.key, document.body, options.with_sha256(document.sha256))
