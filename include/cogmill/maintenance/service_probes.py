"""Probe some live services each night, and some published addresses: do they answer as they should?"""

from __future__ import annotations

import logging

from cogmill.domain.keys import THUMBNAIL_SIZES
from cogmill.domain.model import Collection
from cogmill.ledger.queries import ARCHIVE
from cogmill.mapserver.probe import check_address, check_service
from cogmill.mapserver.urls import is_loopback
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

DOCUMENTS_ASKED_FOR = 8
"""Documents of a collection, and of the archive, that are asked for in a night."""

SERVICES_BY_DEFAULT = 3
"""Services whose turn it is in a night, where no setting says how many and people come from other machines."""


def probe_services(archive: Archive, night: int) -> dict[str, str]:
    """Ask some live services what they show, in turn; return the faults by collection.

    Args:
        archive: Clients and settings; `probe_services` says how many are asked.
        night: A number that grows by one each night and decides whose turn it is.
    """
    faults = {}
    for collection in _in_turn(archive, night, archive.settings.mapserver_url):
        facts = archive.ledger.collections.service_facts(collection.id)
        if not facts.inside:
            continue
        wms = archive.addresses.of(collection.id).wms
        fault = check_service(wms, collection.service_name, (facts.inside[0][0], facts.inside[0][1]))
        if fault:
            faults[collection.id] = fault
            log.error("service_dead collection=%s fault=%s", collection.id, fault)
    return faults


def probe_addresses(archive: Archive, night: int) -> dict[str, str]:
    """Ask for published addresses as a stranger does, without keys: those of the archive, and some of each collection whose turn it is.

    Returns:
        The faults by address.
    """
    addresses = archive.addresses
    collections = _in_turn(archive, night, archive.settings.public_url)
    wanted: list[str] = []
    for collection_id in [ARCHIVE, *(collection.id for collection in collections)] if collections else []:
        links, documents = archive.ledger.public_documents.sample(collection_id, DOCUMENTS_ASKED_FOR)
        wanted += links + [addresses.object(key) for key in documents]
        if collection_id and documents:  # they are written after the picture
            wanted.append(addresses.of(collection_id).thumbnail(min(THUMBNAIL_SIZES)))
    faults = {address: fault for address in wanted if (fault := check_address(address))}
    for address, fault in faults.items():
        log.error("address_closed address=%s fault=%s", address, fault)
    return faults


def _in_turn(archive: Archive, night: int, base_url: str) -> list[Collection]:
    """Return the public collections whose turn it is to be asked for below a public address."""
    asked = archive.settings.probe_services
    if asked is None:
        asked = 0 if is_loopback(base_url) else SERVICES_BY_DEFAULT
    if not asked:
        log.info("services_probed asked=0 address=%s COGMILL_PROBE_SERVICES says how many are asked", base_url)
        return []
    public = [service.collection for service in archive.ledger.queries.public_services()]
    start = night * asked % len(public) if public else 0
    chosen = (public + public)[start : start + min(asked, len(public))]
    log.info("services_probed asked=%d public=%d address=%s", len(chosen), len(public), base_url)
    return chosen
