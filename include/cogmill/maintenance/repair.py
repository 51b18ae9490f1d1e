"""What maintenance does about its findings. Every act first looks again: the world may have healed since the comparison."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cogmill.domain.errors import CogmillError, Unavailable
from cogmill.ledger.findings import Finding
from cogmill.maintenance.checks import QUARANTINE
from cogmill.maintenance.removal_plan import Removals, by_collection, due, plan_removals
from cogmill.pipeline import publish, withdraw
from cogmill.pipeline.archive import Mill

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Action:
    """One act of maintenance, done or planned."""

    kind: str
    """Finding it answers."""
    subject: str
    done: str
    """What was done, in words; or what would be done."""
    failed: bool = False


def repair(mill: Mill, *, dry_run: bool = False) -> list[Action]:
    """Mend what can be mended without taking anything off the map.

    Raises:
        Unavailable: S3 or the ledger went away; what was done stays done.
    """
    return _act(mill, _REPAIRS, dry_run=dry_run)


def remove(mill: Mill, *, approved: Removals | None = None, dry_run: bool = False) -> list[Action]:
    """Take off the map what has gone for good; nothing at all when a limit is exceeded and nobody approved.

    Args:
        mill: Clients and settings.
        approved: What a person has agreed to; more than that is not done either.
        dry_run: Only say what would be done.

    Raises:
        Unavailable: S3 or the ledger went away; what was done stays done.
    """
    removals = plan_removals(mill)
    if removals.concerns and not dry_run and not (approved and approved.covers(removals)):
        log.warning("removals_wait_for_approval concerns=%s", removals.concerns)
        return []
    return _act(mill, _REMOVALS, dry_run=dry_run)


Act = Callable[[Mill, list[Finding]], Iterator[tuple[str, str]]]
"""Answers findings of one kind; yields each subject with what was done about it."""


def _act(mill: Mill, acts: dict[str, Act], *, dry_run: bool) -> list[Action]:
    actions = []
    for kind, act in acts.items():
        for group in by_collection(due(mill, kind)).values():
            if dry_run:
                actions += [Action(kind, finding.subject, f"would be mended: {finding.detail}") for finding in group]
            else:
                actions += _attempt(mill, kind, act, group)
    return actions


def _attempt(mill: Mill, kind: str, act: Act, group: list[Finding]) -> list[Action]:
    """Answer the findings of one collection; a collection that cannot be mended does not stop the others."""
    try:
        actions = [Action(kind, subject, done) for subject, done in act(mill, group)]
    except Unavailable:
        raise
    except CogmillError as err:
        log.exception("not_mended kind=%s collection=%s", kind, group[0].collection_id)
        return [Action(kind, group[0].subject, f"{type(err).__name__}: {err}", failed=True)]
    mill.ledger.upkeep.forget(kind, [finding.subject for finding in group])
    return actions


def _subjects(findings: Sequence[Finding]) -> list[str]:
    return [finding.subject for finding in findings]


def _absent(mill: Mill, findings: Sequence[Finding]) -> list[str]:
    return [finding.subject for finding in findings if mill.store.sha256(finding.subject) is None]


def _end_leases(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    mill.ledger.upkeep.end_leases()
    yield from ((subject, "waits to be built again") for subject in _subjects(findings))


def _forget_scans(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    gone = _absent(mill, findings)
    mill.ledger.upkeep.forget_scans(gone)
    yield from ((key, "forgotten; its frames lose the link with the next run") for key in gone)


def _index_again(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    mill.ledger.upkeep.index_again(_subjects(findings))
    yield from ((subject, "the next run writes its row") for subject in _subjects(findings))


def _update_index(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    change = publish.update_tile_index(mill, str(findings[0].collection_id))
    yield str(findings[0].collection_id), f"{change.removed} rows removed"


def _export(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        mill.ledger.collections.exported(collection_id, -1)  # no revision: whatever is there is written again
        yield collection_id, f"{len(publish.export_index(mill, collection_id))} files written"


def _publish(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        published = publish.publish_mapfile(mill, collection_id)
        yield collection_id, "mapfile written again" if published.changed else "found right"


def _quarantine(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for key in _subjects(findings):
        if mill.store.move(key, QUARANTINE + key):
            yield key, f"moved to {QUARANTINE}{key}"


def _delete_index_files(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for key in _subjects(findings):
        mill.store.delete(key)
        yield key, "deleted"


def _withdraw_service(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        withdraw.withdraw_service(mill, collection_id)
        yield collection_id, "service withdrawn"


def _unpublish(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        yield collection_id, f"unpublished, {withdraw.unpublish(mill, collection_id)} frames withdrawn"


def _withdraw_frames(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    keys = _subjects(findings)
    withdrawn = withdraw.withdraw_frames(mill, findings[0].collection_id, keys, "the upload was deleted")
    yield from ((key, "withdrawn") for key in withdrawn)


def _rebuild(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    gone = _absent(mill, findings)
    mill.ledger.upkeep.rebuild_lost(gone, mill.vsi_root)
    yield from ((key, "taken off the index, its frame is built again") for key in gone)


def rebuild_damaged(mill: Mill, cog_keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Take damaged COGs off the index, put them aside, and let their frames be built anew."""
    mill.ledger.upkeep.rebuild_lost(cog_keys, mill.vsi_root, aside=True)
    for key in cog_keys:
        mill.store.move(key, QUARANTINE + key)
        mill.ledger.upkeep.may_build(key)
        yield key, f"moved to {QUARANTINE}{key}, its frame is built again"


def _rebuild_altered(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    proven = mill.ledger.upkeep.proven_hashes(_subjects(findings))
    bad = [key for key, sha256 in proven.items() if (found := mill.store.digest(key)) and found[0] != sha256]
    return rebuild_damaged(mill, bad)


def _retire(mill: Mill, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    mill.ledger.upkeep.retire(_subjects(findings))
    yield from ((subject, "will be deleted after its time") for subject in _subjects(findings))


_REPAIRS: dict[str, Act] = {
    "lease_expired": _end_leases,
    "scan_gone": _forget_scans,
    "row_missing": _index_again,
    "row_withdrawn": _update_index,
    "index_files_missing": _export,
    "index_files_orphan": _delete_index_files,
    "mapfile_stray": _quarantine,
    "mapfile_without_rows": _withdraw_service,
    "mapfile_changed": _publish,
    "service_missing": _publish,
}

_REMOVALS: dict[str, Act] = {
    "mapfile_missing": _unpublish,
    "source_missing": _withdraw_frames,
    "cog_missing": _rebuild,
    "cog_damaged": lambda mill, findings: rebuild_damaged(mill, _subjects(findings)),
    "cog_altered": _rebuild_altered,
    "cog_orphan": _retire,
}
"""Service, index, COG."""
