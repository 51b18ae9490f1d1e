"""Read COGs and cells of overviews again, each once in so many nights, and compare them with the hash they were stored with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from cogmill.ledger.findings import AuditJob
from cogmill.maintenance.cells import rebuild_damaged_cells
from cogmill.maintenance.repair import Action, rebuild_damaged
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Audit:
    """What reading COGs and cells again showed."""

    read: int = 0
    bytes: int = 0
    damaged: list[Action] = field(default_factory=list)


def audit(archive: Archive, *, dry_run: bool = False) -> Audit:
    """Read every byte of the COGs and cells whose turn it is and compare with the hash they were stored with.

    A COG or cell that differs is taken off the index, quarantined and built again; the others stay on the map. When more differ than one run
    may remove, nothing is touched: it is rather the reading that is wrong, and the next comparison asks a person.
    """
    result = Audit()
    damaged: list[AuditJob] = []
    for job in archive.ledger.findings.due_audit(archive.settings.audit_nights):
        found = archive.store.digest(job.cog_key)
        if found is None:
            continue  # the comparison reports it as missing
        result.read += 1
        result.bytes += found[1]
        if found[0] == job.cog_sha256:
            archive.ledger.findings.mark_audited([job.id])
        else:
            log.error("cog_damaged key=%s", job.cog_key)
            damaged.append(job)
    result.damaged = _answer(archive, damaged, dry_run=dry_run) + _audit_cells(archive, result, dry_run=dry_run)
    log.info("cogs_audited read=%d bytes=%d damaged=%d", result.read, result.bytes, len(damaged))
    return result


def _audit_cells(archive: Archive, result: Audit, *, dry_run: bool) -> list[Action]:
    """Read the cells whose turn it is; rebuild those that differ, unless they are too many."""
    damaged = []
    for key, sha256 in archive.ledger.overview_cells.due_audit(archive.settings.audit_nights).items():
        found = archive.store.digest(key)
        if found is None:
            continue  # the comparison reports it as missing
        result.read += 1
        result.bytes += found[1]
        if found[0] == sha256:
            archive.ledger.overview_cells.mark_audited([key])
        else:
            log.error("cell_damaged key=%s", key)
            damaged.append(key)
    if dry_run:
        return [Action("cell_damaged", key, "would be built again") for key in damaged]
    if len(damaged) > archive.settings.removal_frames:
        why = f"left alone: {len(damaged)} differ, more than COGMILL_REMOVAL_FRAMES; look at the storage"
        return [Action("cell_damaged", key, why, failed=True) for key in damaged]
    return [Action("cell_damaged", key, done) for key, done in rebuild_damaged_cells(archive, damaged)]


def _answer(archive: Archive, damaged: Sequence[AuditJob], *, dry_run: bool) -> list[Action]:
    """Rebuild what was found to be damaged, or record it for a person when it is too much."""
    cog_keys = [job.cog_key for job in damaged]
    if dry_run:
        return [Action("cog_damaged", key, "would be built again") for key in cog_keys]
    too_many = len(cog_keys) > archive.settings.removal_frames
    # those that were not rebuilt are read first the next time, so what is not among them is right again
    archive.ledger.findings.begin()
    about = {"kind": "cog_altered", "detail": "other bytes than were verified"}
    left = damaged if too_many else []
    archive.ledger.findings.add_findings(
        [{**about, "subject": j.cog_key, "collection_id": j.collection_id} for j in left]
    )
    archive.ledger.findings.remember(["cog_altered"])
    if too_many:
        why = f"left alone: {len(cog_keys)} differ, more than COGMILL_REMOVAL_FRAMES; look at the storage, then approve"
        return [Action("cog_damaged", key, why, failed=True) for key in cog_keys]
    return [Action("cog_damaged", key, done) for key, done in rebuild_damaged(archive, cog_keys)]
