"""Roll one collection back to its previous published revision."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cogmill.domain.errors import ConfigurationError, VerificationError
from cogmill.pipeline import publish
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.run_digest import ReportNumber, RunReport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback, done or only planned."""

    collection_id: str
    revision: int | None = None
    """The former revision; None: there is nothing to go back to, and nothing was changed."""
    published_at: dt.datetime | None = None
    """When that revision became public."""
    restored: Sequence[str] = ()
    """Uploads whose frames show what they showed then, sorted."""
    taken_back: Sequence[str] = ()
    """Uploads that were not on the map then, sorted."""


def rollback(archive: Archive, collection_id: str, *, dry_run: bool = False) -> Rollback:
    """Roll one collection back to its previous published revision: index in one transaction, then index files and mapfile.

    The mapfile is rendered from the current template, not from that of the time: a rollback restores what a collection shows. A
    template belongs to all services and to the hosts of today, and the next publication would bring it back anyway.

    Frames that came since then wait in state `failed` for an upload, of the same bytes too, or for Retry. Doing it twice goes forward again.

    Raises:
        ConfigurationError: There is no such collection.
        VerificationError: A COG of that revision has been deleted since.
    """
    try:
        previous = archive.ledger.history.previous(collection_id)
    except KeyError as err:
        raise ConfigurationError(str(err)) from err
    if previous is None:
        return Rollback(collection_id)
    revision = previous.revision
    rows = archive.ledger.history.changed_since(collection_id, revision)
    restored = {row.source_key: row.cog_key for row in rows if row.cog_key}
    _require_cogs(archive, revision, restored)
    taken_back = sorted(row.source_key for row in rows if not row.cog_key)
    plan = Rollback(collection_id, revision, previous.published_at, sorted(restored), taken_back)
    if not dry_run:
        archive.ledger.history.restore(collection_id, revision)
        # one whose time was over may have been deleted since; from now on they are named, and stay
        lost = [cog_key for cog_key in restored.values() if archive.store.sha256(cog_key) is None]
        if lost:
            archive.ledger.findings.rebuild_lost(lost)
        publish.export_index(archive, collection_id)
        publish.publish_mapfile(archive, collection_id, restore_deleted=True)
        log.warning("rolled_back collection=%s revision=%d frames=%d", collection_id, revision, len(rows))
    return plan


def rollback_report(archive: Archive, done: Rollback, *, dry_run: bool) -> RunReport:
    """Return the report of a rollback, or of one that is only planned.

    Args:
        archive: Whose settings and addresses it names.
        done: The rollback.
        dry_run: Whether nothing was changed.
    """
    if done.revision is None or done.published_at is None:
        days = archive.settings.retired_cog_days
        return RunReport(
            f"Nothing to go back to: {done.collection_id} has no earlier published revision of the last {days} days. Nothing was changed."
        )
    moment = f"{done.published_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    state = "would go back to" if dry_run else "is back at"
    numbers = [
        ReportNumber("frames that show what they showed then", len(done.restored)),
        ReportNumber("frames that leave the map, which were not on it then", len(done.taken_back), "notice"),
    ]
    lines = [f"as it was then: {key}" for key in done.restored] + [f"leaves the map: {key}" for key in done.taken_back]
    files = {"WMS capabilities": archive.addresses.of(done.collection_id).capabilities}
    dry = "Dry run: " if dry_run else ""
    return RunReport(
        f"{dry}{done.collection_id} {state} revision {done.revision}, published {moment}.", numbers, lines, files
    )


def _require_cogs(archive: Archive, revision: int, cog_keys: Mapping[str, str]) -> None:
    lost = [source_key for source_key, cog_key in cog_keys.items() if archive.store.sha256(cog_key) is None]
    if lost:
        raise VerificationError(f"the COGs of {len(lost)} frames of revision {revision} are gone, among them {lost[0]}")
