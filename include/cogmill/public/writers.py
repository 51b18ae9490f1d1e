"""All writers of static files in one list each: of one collection, and of the whole archive.

A writer is a pure function. Equal facts give equal bytes: no clock, no revision, nothing that a rebuilt ledger would say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cogmill.config.site import Site
from cogmill.mapserver.urls import ArchiveAddresses
from cogmill.public import frame_lists, layer_files, pages, services_list, tilejson, viewer_files, wmts
from cogmill.public.document import Document
from cogmill.public.facts import CollectionFacts, PublishedFrame
from cogmill.public.services_list import CatalogEntry
from cogmill.public.stac import stac_documents

Writer = Callable[[CollectionFacts, Sequence[PublishedFrame]], Iterator[Document]]
"""Yields documents of one collection from its facts and its photographs, which come in drawing order."""

ArchiveWriter = Callable[[Site, ArchiveAddresses, Sequence[CatalogEntry]], Iterator[Document]]
"""Yields documents of the whole archive from the entries of its public collections, ordered by id."""

WRITERS: tuple[Writer, ...] = (
    layer_files.collection_documents,
    frame_lists.documents,
    stac_documents.collection_documents,
    tilejson.collection_documents,
    wmts.collection_documents,
    pages.collection_documents,
)
"""What each collection gets, in the order in which it is stored: pages, which lead to all the rest, come last."""

ARCHIVE_WRITERS: tuple[ArchiveWriter, ...] = (
    services_list.archive_documents,
    viewer_files.documents,
    stac_documents.archive_documents,
    tilejson.archive_documents,
    wmts.archive_documents,
)
"""What the archive gets, with each publication and withdrawal of a collection."""


def collection_documents(facts: CollectionFacts, frames: Sequence[PublishedFrame]) -> Iterator[Document]:
    """Yield all documents of one collection."""
    for write in WRITERS:
        yield from write(facts, frames)


def archive_documents(site: Site, addresses: ArchiveAddresses, entries: Sequence[CatalogEntry]) -> Iterator[Document]:
    """Yield all documents of the whole archive."""
    for write in ARCHIVE_WRITERS:
        yield from write(site, addresses, entries)
