"""Services again from the current template, and one collection back to what it was."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cogmill.domain import keys
from cogmill.domain.errors import CogmillError, ConfigurationError, ServiceUnavailableError, VerificationError
from cogmill.pipeline import publish
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

LONGEST_DIFF = 4000
"""Letters of a diff that are shown."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What rendering one service again meant."""

    collection_id: str
    changed: bool
    diff: str
    """From the published mapfile to the new one; empty when they are equal."""
    fault: str = ""
    """Why it was not published; empty when all is well."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A way back, taken or only planned."""

    collection_id: str
    revision: int
    """The former revision."""
    restored: list[str]
    """Uploads whose frames show what they showed then."""
    taken_back: list[str]
    """Uploads that were not on the map then."""


def services(archive: Archive, chosen: Sequence[str]) -> list[str]:
    """Return the collections with a public service: all, or those of the chosen.

    Raises:
        ConfigurationError: Naming chosen ones that have none.
    """
    public = [service.collection.id for service in archive.ledger.catalog.services()]
    if unknown := sorted(set(chosen) - set(public)):
        raise ConfigurationError(f"no public service: {', '.join(unknown)}")
    return sorted(chosen) if chosen else public


def render_mapfiles(
    archive: Archive, collection_ids: Sequence[str], *, bring_back: bool = False, dry_run: bool = False
) -> list[Rendering]:
    """Render, draw and publish services; one that MapServer does not draw keeps its old mapfile and stops no other.

    Args:
        archive: Clients and settings.
        collection_ids: Their collections.
        bring_back: Also write mapfiles that were deleted; else those services are left out.
        dry_run: Draw too, but publish nothing.

    Raises:
        ServiceUnavailableError: S3, the ledger or MapServer's sources went away.
    """
    wanted = [one for one in collection_ids if bring_back or archive.store.sha256(keys.mapfile_key(one)) is not None]
    return [_render(archive, collection_id, dry_run=dry_run) for collection_id in wanted]


def rollback(archive: Archive, collection_id: str, *, dry_run: bool = False) -> Rollback:
    """Bring one collection back to its previous published revision: index in one transaction, then index files and mapfile.

    The mapfile is rendered from the current template, not from that of the time: what goes back is what a collection shows. A
    template belongs to all services and to the hosts of today, and the next publication would bring it back anyway.

    Frames that came since then wait in state `failed` for a new upload or a forced backfill. Doing it twice goes forward again.

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
    restored = {row.source_key: row.location for row in rows if row.location}
    lost = [
        key
        for key, location in restored.items()
        if archive.store.sha256(location.removeprefix(archive.vsi_root)) is None
    ]
    if lost:
        raise VerificationError(f"the COGs of {len(lost)} frames of revision {revision} are gone, among them {lost[0]}")
    plan = Rollback(collection_id, revision, sorted(restored), sorted(r.source_key for r in rows if not r.location))
    if not dry_run:
        archive.ledger.history.restore(collection_id, revision, archive.vsi_root)
        publish.export_index(archive, collection_id)
        publish.publish_mapfile(archive, collection_id, bring_back=True)
        log.warning("rolled_back collection=%s revision=%d frames=%d", collection_id, revision, len(rows))
    return plan


def _render(archive: Archive, collection_id: str, *, dry_run: bool) -> Rendering:
    drafted = publish.draft(archive, collection_id)
    if drafted is None:
        return Rendering(collection_id, changed=False, diff="", fault="no frame is left; maintenance withdraws it")
    present = archive.store.read(keys.mapfile_key(collection_id)) or b""
    diff = _diff(present.decode(errors="replace"), drafted.text)
    try:
        publish.prove(archive, drafted)
        if diff and not dry_run:
            publish.publish_mapfile(archive, collection_id, bring_back=True)
    except ServiceUnavailableError:
        raise
    except CogmillError as err:
        log.exception("not_rendered collection=%s", collection_id)
        return Rendering(collection_id, changed=False, diff=diff, fault=str(err))
    return Rendering(collection_id, changed=bool(diff), diff=diff)


def _diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "published", "current template", lineterm="", n=1)
    return "\n".join(lines)[:LONGEST_DIFF]
