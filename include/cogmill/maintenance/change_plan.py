"""Plan what leaves the map or is written again, and name the limits above which a person must approve it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from cogmill.ledger.findings import Finding
from cogmill.maintenance.checks import KINDS, Treatment
from cogmill.pipeline.archive import Archive

FEW = 10
"""A collection may lose this many frames without its share being looked at."""

REMOVALS = [name for name, kind in KINDS.items() if kind.treatment == Treatment.REMOVE]
"""Kinds of findings that take something off the map."""

LIMITED_REPAIRS = [name for name, kind in KINDS.items() if kind.treatment == Treatment.REPAIR and kind.limited]
"""Kinds of findings by which something public is written again, moved or deleted."""


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What is to leave the map or to be written again, and why a person should look at it first."""

    frames: int
    services: int
    cogs: int
    repairs: int
    """Findings whose repair writes, moves or deletes something public."""
    removal_concerns: list[str] = field(default_factory=list)
    """Limits of removals that are exceeded; empty when all of them may be done at once."""
    repair_concerns: list[str] = field(default_factory=list)
    """The same for repairs."""
    id: str = ""
    """Under which the ledger knows the findings of this plan; empty when they were not recorded."""

    @property
    def concerns(self) -> list[str]:
        """All limits that are exceeded."""
        return self.removal_concerns + self.repair_concerns

    @property
    def text(self) -> str:
        """The plan in words."""
        plan = (
            f"{self.frames} frames and {self.services} services leave the map, {self.cogs} COGs are retired or rebuilt,"
            f" {self.repairs} faults are repaired."
        )
        scope = ["Approval is for exactly these; what is found later is asked about again."] if self.concerns else []
        return "\n".join([plan, *(f"- {concern}" for concern in self.concerns), *scope])


def record_plan(archive: Archive) -> ChangePlan:
    """Plan the changes and mark their findings in the ledger, so that an approval is for these and no others."""
    plan_id = uuid.uuid4().hex
    for kind in REMOVALS + LIMITED_REPAIRS:
        archive.ledger.findings.mark_planned(plan_id, kind, _grace_s(archive, kind))
    return plan_changes(archive, plan_id)


def plan_changes(archive: Archive, plan_id: str = "") -> ChangePlan:
    """Count what would be changed now, from what was found and is older than its grace period, or from what a recorded plan names."""
    found = {kind: due(archive, kind, plan_id or None) for kind in REMOVALS}
    frames, services = found["source_missing"], found["mapfile_missing"]
    cogs = found["cog_missing"] + found["cog_damaged"] + found["cog_altered"]
    repairs = {kind: _count(archive, kind, plan_id or None) for kind in LIMITED_REPAIRS}
    return ChangePlan(
        frames=len(frames),
        services=len(services),
        cogs=len(cogs) + len(found["cog_orphan"]),
        repairs=sum(repairs.values()),
        removal_concerns=[*_large_removals(archive, found, cogs), *_large_shares(archive, frames + cogs)],
        repair_concerns=_large_repairs(archive, repairs),
        id=plan_id,
    )


def _large_removals(archive: Archive, found: dict[str, list[Finding]], cogs: list[Finding]) -> list[str]:
    """Return the limits of the whole archive that removals exceed."""
    settings = archive.settings
    leaving = {
        "frames": found["source_missing"],
        "lost or damaged COGs": cogs,
        "COGs without a frame": found["cog_orphan"],
    }
    limit = settings.removal_frames
    concerns = [
        f"{len(group)} {what}, more than COGMILL_REMOVAL_FRAMES={limit}"
        for what, group in leaving.items()
        if len(group) > limit
    ]
    services = len(found["mapfile_missing"])
    if services > settings.removal_services:
        concerns.append(f"{services} services, more than COGMILL_REMOVAL_SERVICES={settings.removal_services}")
    return concerns


def _large_shares(archive: Archive, leaving: list[Finding]) -> list[str]:
    """Return the collections that would lose too large a share of their frames."""
    concerns = []
    for collection_id, group in by_collection(leaving).items():
        shown, _ = archive.ledger.findings.count_rows(collection_id or "", [])
        if len(group) > FEW and len(group) > shown * archive.settings.removal_percent / 100:
            concerns.append(f"{len(group)} of the {shown} frames of {collection_id}")
    return concerns


def _large_repairs(archive: Archive, repairs: dict[str, int]) -> list[str]:
    """Return the limit of repairs with what they consist of, when it is exceeded."""
    count, limit = sum(repairs.values()), archive.settings.repair_findings
    if count <= limit:
        return []
    parts = ", ".join(f"{n} {KINDS[kind].title}" for kind, n in repairs.items() if n)
    return [f"{count} repairs, more than COGMILL_REPAIR_FINDINGS={limit}: {parts}"]


def due(archive: Archive, kind: str, plan_id: str | None = None) -> list[Finding]:
    """Return the findings of a kind whose grace period is over; with a plan only those that stand in it."""
    return archive.ledger.findings.due(kind, _grace_s(archive, kind), plan_id)


def by_collection(findings: Sequence[Finding]) -> dict[str | None, list[Finding]]:
    """Return findings by the collection they are about; None for those about none."""
    grouped = defaultdict(list)
    for finding in findings:
        grouped[finding.collection_id].append(finding)
    return grouped


def _count(archive: Archive, kind: str, plan_id: str | None) -> int:
    return archive.ledger.findings.count_due(kind, _grace_s(archive, kind), plan_id)


def _grace_s(archive: Archive, kind: str) -> float:
    return archive.settings.grace_hours * 3600 if KINDS[kind].grace else 0
