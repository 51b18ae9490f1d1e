"""Render services again from the current template."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogmill.domain import keys
from cogmill.domain.errors import CogmillError, ConfigurationError, ServiceUnavailableError
from cogmill.pipeline import publish
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.run_digest import ReportNumber, RunReport

log = logging.getLogger(__name__)

LONGEST_DIFF = 4000
"""Characters of a diff that are shown."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What rendering one service again changed."""

    collection_id: str
    changed: bool
    diff: str
    """From the published mapfile to the new one; empty when they are equal."""
    fault: str = ""
    """Why it was not published; empty when all is well."""


def services(archive: Archive, chosen: Sequence[str]) -> list[str]:
    """Return the collections with a public service: all, or those of the chosen.

    Raises:
        ConfigurationError: Naming chosen ones that have none.
    """
    public = [service.collection.id for service in archive.ledger.queries.public_services()]
    if unknown := sorted(set(chosen) - set(public)):
        raise ConfigurationError(f"no public service: {', '.join(unknown)}")
    return sorted(chosen) if chosen else public


def render_mapfiles(
    archive: Archive, collection_ids: Sequence[str], *, restore_deleted: bool = False, dry_run: bool = False
) -> list[Rendering]:
    """Render, draw and publish services; one that MapServer does not draw keeps its old mapfile and stops no other.

    Args:
        archive: Clients and settings.
        collection_ids: Their collections.
        restore_deleted: Also write mapfiles that were deleted; else those services are left out.
        dry_run: Draw too, but publish nothing.

    Raises:
        ServiceUnavailableError: S3, the ledger or MapServer's sources became unavailable.
    """
    wanted = [
        one for one in collection_ids if restore_deleted or archive.store.sha256(keys.mapfile_key(one)) is not None
    ]
    return [_render(archive, collection_id, dry_run=dry_run) for collection_id in wanted]


def rendering_report(
    noted: Sequence[Mapping[str, Any]], rendered: int, failed_tasks: Sequence[str], *, dry_run: bool
) -> RunReport:
    """Return the report of services that were rendered again.

    Args:
        noted: Those that changed or have a fault, as mappings with the fields of `Rendering`.
        rendered: How many were rendered in all.
        failed_tasks: Tasks that did not end, in words; their services are not among these numbers.
        dry_run: Whether nothing was published.
    """
    changed = [one for one in noted if one["changed"]]
    faults = [f"keeps its old mapfile: {one['collection_id']}: {one['fault']}" for one in noted if one["fault"]]
    verb = "would change" if dry_run else "changed"
    numbers = [
        ReportNumber("services that keep their old mapfile", len(faults), "fault"),
        ReportNumber("tasks that failed", len(failed_tasks), "fault"),
        ReportNumber(f"services whose mapfile {verb}", len(changed)),
        ReportNumber("services that were rendered and drawn", rendered),
    ]
    differences = [f"{verb}: {one['collection_id']}\n{one['diff']}" for one in changed]
    dry = "Dry run: " if dry_run else ""
    return RunReport(
        f"{dry}{len(changed)} of {rendered} mapfiles {verb}.", numbers, [*faults, *failed_tasks, *differences]
    )


def _render(archive: Archive, collection_id: str, *, dry_run: bool) -> Rendering:
    drafted = publish.draft_mapfile(archive, collection_id)
    if drafted is None:
        return Rendering(collection_id, changed=False, diff="", fault="no frame is left; maintenance withdraws it")
    present = archive.store.read(keys.mapfile_key(collection_id)) or b""
    diff = _diff(present.decode(errors="replace"), drafted.text)
    try:
        publish.verify_draft(archive, drafted)
        if diff and not dry_run:
            publish.publish_mapfile(archive, collection_id, restore_deleted=True)
    except ServiceUnavailableError:
        raise
    except CogmillError as err:
        log.exception("not_rendered collection=%s", collection_id)
        return Rendering(collection_id, changed=False, diff=diff, fault=str(err))
    return Rendering(collection_id, changed=bool(diff), diff=diff)


def _diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "published", "current template", lineterm="", n=1)
    return "\n".join(lines)[:LONGEST_DIFF]
