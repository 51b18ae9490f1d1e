"""Roll one collection back to its previous published revision."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from cogmill.domain.errors import ConfigurationError, VerificationError
from cogmill.pipeline import publish
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback, done or only planned."""

    collection_id: str
    revision: int
    """The former revision."""
    restored: list[str]
    """Uploads whose frames show what they showed then."""
    taken_back: list[str]
    """Uploads that were not on the map then."""


def rollback(archive: Archive, collection_id: str, *, dry_run: bool = False) -> Rollback:
    """Roll one collection back to its previous published revision: index in one transaction, then index files and mapfile.

    The mapfile is rendered from the current template, not from that of the time: a rollback restores what a collection shows. A
    template belongs to all services and to the hosts of today, and the next publication would bring it back anyway.

    Frames that came since then wait in state `failed` for an upload, of the same bytes too, or for Retry. Doing it twice goes forward again.

    Raises:
        ConfigurationError: There is no such collection, or nothing to go back to.
        VerificationError: A COG of that revision has been deleted since.
    """
    try:
        revision = archive.ledger.history.previous(collection_id)
    except KeyError as err:
        raise ConfigurationError(str(err)) from err
    if revision is None:
        raise ConfigurationError(f"{collection_id} has no earlier published revision that is still remembered")
    rows = archive.ledger.history.changed_since(collection_id, revision)
    restored = {row.source_key: row.cog_key for row in rows if row.cog_key}
    _require_cogs(archive, revision, restored)
    plan = Rollback(collection_id, revision, sorted(restored), sorted(r.source_key for r in rows if not r.cog_key))
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


def _require_cogs(archive: Archive, revision: int, cog_keys: Mapping[str, str]) -> None:
    lost = [source_key for source_key, cog_key in cog_keys.items() if archive.store.sha256(cog_key) is None]
    if lost:
        raise VerificationError(f"the COGs of {len(lost)} frames of revision {revision} are gone, among them {lost[0]}")
