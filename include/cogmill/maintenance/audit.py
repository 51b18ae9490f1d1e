"""Read COGs and cells of overviews again, each once in so many nights, and compare them with the hash they were stored with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.ledger.findings import AuditJob
from cogmill.maintenance.cells import rebuild_damaged_cells
from cogmill.maintenance.outlines import learn_outline
from cogmill.maintenance.reading import ReadObject, read_again
from cogmill.maintenance.repair import Action, rebuild_damaged
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


UNSTEADY = "left alone: read twice, and wrong in two ways; look at memory, network and proxies of the worker"
"""What is done about an object whose bytes differ from read to read."""


@dataclass(slots=True)
class Audit:
    """What reading COGs and cells again showed."""

    read: int = 0
    bytes: int = 0
    damaged: list[Action] = field(default_factory=list)
    unsteady: list[Action] = field(default_factory=list)
    """What had other bytes twice, and each time others: the fault of the way to it. Nothing was done about it."""


def audit(archive: Archive, *, dry_run: bool = False) -> Audit:
    """Read every byte of the COGs and cells whose turn it is and compare with the hash they were stored with.

    A COG or cell that differs is taken off the index, quarantined and built again; the others stay on the map. When more differ than one run
    may remove, nothing is touched: it is rather the reading that is wrong, and the next comparison asks a person.
    """
    result = Audit()
    jobs = {job.cog_key: job for job in archive.ledger.findings.due_audit(archive.settings.audit_nights)}
    hashes = {key: job.cog_sha256 for key, job in jobs.items()}
    outlines = {} if dry_run else dict(archive.ledger.findings.unknown_outlines(list(jobs)))
    with TemporaryDirectory(prefix="cogmill-outline-") as folder:
        file = Path(folder) / "cog.tif"

        def mark_right(key: str) -> None:
            if key in outlines:
                learn_outline(archive, key, outlines[key], file)
            archive.ledger.findings.mark_audited([jobs[key].id])

        read = partial(read_again, archive.store, copies=dict.fromkeys(outlines, file))
        bad = _read(read, result, "cog", hashes, mark_right)
    damaged = [jobs[key] for key in bad]
    result.damaged = _answer(archive, damaged, dry_run=dry_run) + _audit_cells(archive, result, dry_run=dry_run)
    result.damaged += result.unsteady
    log.info("cogs_audited read=%d bytes=%d damaged=%d", result.read, result.bytes, len(damaged))
    return result


def _read(
    read: Callable[[Mapping[str, str]], Iterator[ReadObject]],
    result: Audit,
    what: str,
    hashes: Mapping[str, str],
    mark_right: Callable[[str], None],
) -> list[str]:
    """Read objects, count them, and mark each that is right; return the keys of the others. What is gone the comparison reports.

    What seems to be damaged is read once more when all others are done: a bad read may be the fault of memory, network or a proxy, and
    only bytes that are wrong in the same way twice are those of the store.
    """
    suspects: dict[str, str] = {}
    for each in read(hashes):
        result.read += 1
        result.bytes += each.size
        if each.is_right:
            mark_right(each.key)
        else:
            suspects[each.key] = each.sha256
    damaged = []
    for again in read({key: hashes[key] for key in suspects}):
        if again.is_right:
            log.warning("%s_read_wrong_once key=%s", what, again.key)
            mark_right(again.key)
        elif again.sha256 == suspects[again.key]:
            log.error("%s_damaged key=%s", what, again.key)
            damaged.append(again.key)
        else:
            log.error("%s_read_differently key=%s", what, again.key)
            result.unsteady.append(Action(f"{what}_damaged", again.key, UNSTEADY, failed=True))
    return damaged


def _audit_cells(archive: Archive, result: Audit, *, dry_run: bool) -> list[Action]:
    """Read the cells whose turn it is; rebuild those that differ, unless they are too many."""
    cells = archive.ledger.overview_cells
    hashes = cells.due_audit(archive.settings.audit_nights)
    read = partial(read_again, archive.store)
    damaged = _read(read, result, "cell", hashes, lambda key: cells.mark_audited([key]))
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
