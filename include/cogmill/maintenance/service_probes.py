"""Probe some live services each night: do they answer as they should?"""

from __future__ import annotations

import logging

from cogmill.mapserver.probe import check_service
from cogmill.mapserver.urls import service_url
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


def probe_services(archive: Archive, night: int) -> dict[str, str]:
    """Ask some live services what they show, in turn; return the faults by collection.

    Args:
        archive: Clients and settings; `probe_services` of them are asked.
        night: A number that grows by one each night and decides whose turn it is.
    """
    public = [service.collection for service in archive.ledger.queries.public_services()]
    asked = archive.settings.probe_services
    start = night * asked % len(public) if public else 0
    faults = {}
    for collection in (public + public)[start : start + min(asked, len(public))]:
        facts = archive.ledger.collections.service_facts(collection.id)
        if not facts.inside:
            continue
        wms = service_url(archive.settings.mapserver_url, collection.id)
        fault = check_service(wms, collection.service_name, (facts.inside[0][0], facts.inside[0][1]))
        if fault:
            faults[collection.id] = fault
            log.error("service_dead collection=%s fault=%s", collection.id, fault)
    return faults
