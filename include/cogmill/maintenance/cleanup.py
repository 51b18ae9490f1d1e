"""What nobody needs any more: replaced COGs, broken-off uploads, forgotten folders. And the nightly reading of COGs."""

from __future__ import annotations

import datetime as dt
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cogmill.ledger.findings import AuditJob
from cogmill.maintenance.repair import Action, rebuild_damaged
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

MOST_COGS = 5000
"""Retired COGs deleted in one run; the rest waits for the next night."""

A_DAY_S = 86_400
"""Broken-off uploads and folders of vanished workers are left alone for this long."""

TEMP = re.compile(r"cogmill-(?:proof-|index-|compile-)?[a-z0-9_]{8}")
"""Names of the private folders that workers make in their temporary directory."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was cleared away."""

    cogs: list[str]
    uploads: list[str]
    """Keys of aborted multipart uploads."""
    folders: list[str]
    """Folders on the host where this ran."""


@dataclass(slots=True)
class Audit:
    """What reading COGs again showed."""

    read: int = 0
    bytes: int = 0
    damaged: list[Action] = field(default_factory=list)


def collect(archive: Archive, *, dry_run: bool = False) -> Collected:
    """Clear away what is old enough. A COG that something names again is kept, whatever list it was on."""
    grace_s = archive.settings.retired_cog_days * A_DAY_S
    cogs = archive.ledger.findings.due_retired(archive.vsi_root, grace_s, MOST_COGS)
    uploads: list[str] = []
    folders = _stale_folders()
    if not dry_run:
        for key in cogs:
            archive.store.delete(key)
        archive.ledger.findings.forget_retired(cogs)
        archive.ledger.history.forget(grace_s)
        uploads = archive.store.abort_uploads(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=A_DAY_S))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    log.info("garbage_collected cogs=%d uploads=%d folders=%d", len(cogs), len(uploads), len(folders))
    return Collected(cogs, uploads, [str(folder) for folder in folders])


def audit(archive: Archive, *, dry_run: bool = False) -> Audit:
    """Read every byte of the COGs whose turn it is and compare with the hash they were proven with.

    A COG that differs is taken off the index, put aside and built again; the others stay on the map. When more differ than one run
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
            archive.ledger.findings.audited([job.id])
        else:
            log.error("cog_damaged key=%s", job.cog_key)
            damaged.append(job)
    result.damaged = _answer(archive, damaged, dry_run=dry_run)
    log.info("cogs_audited read=%d bytes=%d damaged=%d", result.read, result.bytes, len(damaged))
    return result


def _answer(archive: Archive, damaged: Sequence[AuditJob], *, dry_run: bool) -> list[Action]:
    """Mend what was found to be damaged, or remember it for a person when it is too much."""
    keys = [job.cog_key for job in damaged]
    if dry_run:
        return [Action("cog_damaged", key, "would be built again") for key in keys]
    too_many = len(keys) > archive.settings.removal_frames
    # those that were not mended are read first the next time, so what is not among them has healed
    archive.ledger.findings.begin()
    about = {"kind": "cog_altered", "detail": "other bytes than were proven"}
    left = damaged if too_many else []
    archive.ledger.findings.add_findings(
        [{**about, "subject": j.cog_key, "collection_id": j.collection_id} for j in left]
    )
    archive.ledger.findings.remember(["cog_altered"])
    if too_many:
        why = f"left alone: {len(keys)} differ, more than COGMILL_REMOVAL_FRAMES; look at the storage, then approve"
        return [Action("cog_damaged", key, why, failed=True) for key in keys]
    return [Action("cog_damaged", key, done) for key, done in rebuild_damaged(archive, keys)]


def _stale_folders() -> list[Path]:
    """Return the private folders of workers on this host that have not been touched for a day."""
    limit = time.time() - A_DAY_S
    own = [path for path in Path(tempfile.gettempdir()).iterdir() if TEMP.fullmatch(path.name)]
    return sorted(path for path in own if path.is_dir() and not path.is_symlink() and path.stat().st_mtime < limit)
