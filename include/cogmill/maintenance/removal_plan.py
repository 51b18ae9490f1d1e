"""Plan what leaves the map, and name the limits above which a person must approve it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from cogmill.ledger.findings import Finding
from cogmill.maintenance.checks import KINDS, Treatment
from cogmill.pipeline.archive import Archive

FEW = 10
"""A collection may lose this many frames without its share being looked at."""


@dataclass(frozen=True, slots=True)
class Removals:
    """What is to leave the map, and why a person should look at it first."""

    frames: int
    services: int
    cogs: int
    concerns: list[str] = field(default_factory=list)
    """Limits that are exceeded; empty when everything may be done at once."""

    def covers(self, other: Removals) -> bool:
        """Tell whether somebody who agreed to this has agreed to the other."""
        return other.frames <= self.frames and other.services <= self.services and other.cogs <= self.cogs

    @property
    def text(self) -> str:
        """The plan in words."""
        plan = (
            f"{self.frames} frames and {self.services} services leave the map, {self.cogs} COGs are retired or rebuilt."
        )
        return "\n".join([plan, *(f"- {concern}" for concern in self.concerns)])


def plan_removals(archive: Archive) -> Removals:
    """Count what would leave the map now, from what was found and is older than its grace period."""
    found = {kind: due(archive, kind) for kind in KINDS if KINDS[kind].treatment == Treatment.REMOVE}
    settings = archive.settings
    concerns = []
    frames, services = found["source_missing"], found["mapfile_missing"]
    cogs = found["cog_missing"] + found["cog_damaged"] + found["cog_altered"]
    for what, leaving in (
        ("frames", frames),
        ("lost or damaged COGs", cogs),
        ("COGs without a frame", found["cog_orphan"]),
    ):
        if len(leaving) > settings.removal_frames:
            concerns.append(f"{len(leaving)} {what}, more than COGMILL_REMOVAL_FRAMES={settings.removal_frames}")
    if len(services) > settings.removal_services:
        concerns.append(f"{len(services)} services, more than COGMILL_REMOVAL_SERVICES={settings.removal_services}")
    for collection_id, leaving in by_collection(frames + cogs).items():
        shown, _ = archive.ledger.findings.count_rows(collection_id or "", [])
        if len(leaving) > FEW and len(leaving) > shown * settings.removal_percent / 100:
            concerns.append(f"{len(leaving)} of the {shown} frames of {collection_id}")
    return Removals(len(frames), len(services), len(cogs) + len(found["cog_orphan"]), concerns)


def due(archive: Archive, kind: str) -> list[Finding]:
    """Return the findings of a kind whose grace period is over."""
    grace_s = archive.settings.grace_hours * 3600 if KINDS[kind].grace else 0
    return archive.ledger.findings.due(kind, grace_s)


def by_collection(findings: Sequence[Finding]) -> dict[str | None, list[Finding]]:
    """Return findings by the collection they are about; None for those about none."""
    grouped = defaultdict(list)
    for finding in findings:
        grouped[finding.collection_id].append(finding)
    return grouped
