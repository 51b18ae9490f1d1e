"""Repair and remove what the comparison found. Every act looks again first: the fault may be gone since."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cogmill.domain.errors import CogmillError, ServiceUnavailableError
from cogmill.ledger.findings import Finding
from cogmill.ledger.queries import ARCHIVE
from cogmill.maintenance import cells
from cogmill.maintenance.change_plan import LIMITED_REPAIRS, by_collection, due, plan_changes
from cogmill.maintenance.checks import quarantine_key
from cogmill.maintenance.reading import read_again
from cogmill.pipeline import public_files, publish, withdraw
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery import adoption

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


def repair(archive: Archive, *, approved: str | None = None, dry_run: bool = False) -> list[Action]:
    """Repair what can be repaired without taking anything off the map.

    When a limit is exceeded and nobody approved, only what changes nothing public: a wrong setting must not write everything again.

    Args:
        archive: Clients and settings.
        approved: Id of the plan that a person has agreed to; only its findings are repaired. None: everything within the limit.
        dry_run: Only report what would be done.

    Raises:
        ServiceUnavailableError: S3 or the ledger became unavailable; what was done stays done.
    """
    acts = _REPAIRS
    if not approved and not dry_run and (concerns := plan_changes(archive).repair_concerns):
        log.warning("repairs_wait_for_approval concerns=%s", concerns)
        acts = {kind: act for kind, act in _REPAIRS.items() if kind not in LIMITED_REPAIRS}
    return _act(archive, acts, approved, dry_run=dry_run)


def remove(archive: Archive, *, approved: str | None = None, dry_run: bool = False) -> list[Action]:
    """Take off the map what has gone for good; nothing at all when a limit is exceeded and nobody approved.

    Args:
        archive: Clients and settings.
        approved: Id of the plan that a person has agreed to; only its findings are answered. None: everything within the limits.
        dry_run: Only report what would be done.

    Raises:
        ServiceUnavailableError: S3 or the ledger became unavailable; what was done stays done.
    """
    if not approved and not dry_run and (concerns := plan_changes(archive).removal_concerns):
        log.warning("removals_wait_for_approval concerns=%s", concerns)
        return []
    return _act(archive, _REMOVALS, approved, dry_run=dry_run)


Act = Callable[[Archive, list[Finding]], Iterator[tuple[str, str]]]
"""Answers findings of one kind; yields each subject with what was done about it."""


def _act(archive: Archive, acts: dict[str, Act], plan_id: str | None, *, dry_run: bool) -> list[Action]:
    actions = []
    for kind, act in acts.items():
        for group in by_collection(due(archive, kind, plan_id)).values():
            if dry_run:
                actions += [Action(kind, finding.subject, f"would be repaired: {finding.detail}") for finding in group]
            else:
                actions += _attempt(archive, kind, act, group)
    return actions


def _attempt(archive: Archive, kind: str, act: Act, group: list[Finding]) -> list[Action]:
    """Answer the findings of one collection; a collection that cannot be repaired does not stop the others."""
    try:
        actions = [Action(kind, subject, done) for subject, done in act(archive, group)]
    except ServiceUnavailableError:
        raise
    except CogmillError as err:
        log.exception("not_repaired kind=%s collection=%s", kind, group[0].collection_id)
        return [Action(kind, group[0].subject, f"{type(err).__name__}: {err}", failed=True)]
    archive.ledger.findings.forget(kind, [finding.subject for finding in group])
    return actions


def _subjects(findings: Sequence[Finding]) -> list[str]:
    return [finding.subject for finding in findings]


def _absent(archive: Archive, findings: Sequence[Finding]) -> list[str]:
    return [finding.subject for finding in findings if archive.store.sha256(finding.subject) is None]


def _end_leases(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    archive.ledger.findings.end_leases()
    yield from ((subject, "waits to be built again") for subject in _subjects(findings))


def _forget_scans(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    gone = _absent(archive, findings)
    archive.ledger.findings.forget_scans(gone)
    yield from ((key, "deleted from the ledger; its frames lose the link with the next run") for key in gone)


def _index_again(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    archive.ledger.findings.index_again(_subjects(findings))
    yield from ((subject, "the next run writes its row") for subject in _subjects(findings))


def _update_index(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    change = publish.update_tile_index(archive, str(findings[0].collection_id))
    yield str(findings[0].collection_id), f"{change.removed} rows removed"


def _export(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        archive.ledger.collections.invalidate_export(collection_id)  # no revision: whatever is there is written again
        yield collection_id, f"{len(publish.export_index(archive, collection_id))} files written"


def _publish(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        published = publish.publish_mapfile(archive, collection_id)
        yield collection_id, "mapfile written again" if published.changed else "already right"


def _quarantine(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for key in _subjects(findings):
        target = quarantine_key(key, archive.store.place.prefix)
        if archive.store.move(key, target):
            yield key, f"moved to {target}"


def _write_public_files(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for finding in findings:
        archive.ledger.public_documents.invalidate(finding.collection_id or ARCHIVE)
        change = public_files.update_public_files(archive, finding.collection_id)
        yield finding.subject, f"{len(change.written)} files written, {len(change.removed)} removed"


def _delete_index_files(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for key in _subjects(findings):
        archive.store.delete(key)
        yield key, "deleted"


def _withdraw_service(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        publish.withdraw_service(archive, collection_id)
        withdraw.withdraw_overviews(archive, collection_id)
        yield collection_id, "service withdrawn"


def _unpublish(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for collection_id in _subjects(findings):
        yield collection_id, f"unpublished, {withdraw.unpublish(archive, collection_id)} frames withdrawn"


def _withdraw_frames(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    keys = _subjects(findings)
    withdrawn = withdraw.withdraw_frames(archive, findings[0].collection_id, keys, "the upload was deleted")
    yield from ((key, "withdrawn") for key in withdrawn)


def _withdraw_rejected(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Let go of rejected uploads that are gone; no index row and no service changes by that."""
    gone = archive.ledger.findings.withdraw_frames(_absent(archive, findings), "the upload was moved or deleted")
    yield from ((key, "withdrawn") for key in gone)


def _take_in_again(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """Forget uploads that were rejected by another layout, so that they are new to the next sweep of the whole bucket."""
    present = sorted(set(_subjects(findings)) - set(_absent(archive, findings)))
    again = archive.ledger.findings.withdraw_frames(
        present, "its name fits the layout of keys now; taken in again soon"
    )
    yield from ((key, "taken in again by the next full sweep") for key in again)


def _rebuild(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    gone = _absent(archive, findings)
    archive.ledger.findings.rebuild_lost(gone)
    yield from ((key, "taken off the index, its frame is built again") for key in gone)


def rebuild_damaged(archive: Archive, cog_keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Take damaged COGs off the index, move them to quarantine, and let their frames be built again."""
    adopted = archive.ledger.frames.adoptions(cog_keys)  # each is all there is of its frame, and stays where it is
    archive.ledger.findings.rebuild_lost([*adopted])
    yield from ((key, "taken off the index, looked at again by the next run") for key in adopted)
    own = [key for key in cog_keys if key not in adopted]
    archive.ledger.findings.rebuild_lost(own, quarantined=True)
    for key in own:
        target = quarantine_key(key, archive.store.place.prefix)
        archive.store.move(key, target)
        archive.ledger.findings.release_hold(key)
        yield key, f"moved to {target}, its frame is built again"


def _rebuild_altered(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    verified = archive.ledger.findings.verified_hashes(_subjects(findings))
    bad = [each.key for each in read_again(archive.store, verified) if not each.is_right]
    return rebuild_damaged(archive, bad)


def _retire(archive: Archive, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    archive.ledger.findings.retire(_subjects(findings))
    yield from ((subject, "will be deleted after COGMILL_RETIRED_COG_DAYS") for subject in _subjects(findings))


_REPAIRS: dict[str, Act] = {
    "lease_expired": _end_leases,
    "scan_gone": _forget_scans,
    "rejected_gone": _withdraw_rejected,
    "rejected_accepted": _take_in_again,
    "adopted_changed": lambda archive, findings: adoption.adopt_again(archive, _subjects(findings)),
    "row_missing": _index_again,
    "row_withdrawn": _update_index,
    "index_files_missing": _export,
    "index_files_orphan": _delete_index_files,
    "mapfile_stray": _quarantine,
    "mapfile_without_rows": _withdraw_service,
    "mapfile_changed": _publish,
    "service_missing": _publish,
    "cell_missing": cells.build_missing,
    "cell_damaged": cells.build_damaged,
    "cell_orphan": cells.retire_orphans,
    "cell_foreign": _quarantine,
    "overviews_orphan": cells.withdraw_orphans,
    "picture_missing": cells.draw_pictures_again,
    "picture_orphan": _quarantine,
    "public_file_missing": _write_public_files,
    "public_file_orphan": _quarantine,
}

_REMOVALS: dict[str, Act] = {
    "mapfile_missing": _unpublish,
    "source_missing": _withdraw_frames,
    "cog_missing": _rebuild,
    "cog_damaged": lambda archive, findings: rebuild_damaged(archive, _subjects(findings)),
    "cog_altered": _rebuild_altered,
    "cog_orphan": _retire,
}
"""Service, index, COG."""
