"""Write the nightly report: one number for each kind of finding, and green when all are zero."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cogmill.aws.s3 import PutOptions
from cogmill.config.installation import missing_grids
from cogmill.config.site import load_site
from cogmill.domain.errors import ConfigurationError
from cogmill.maintenance.checks import KINDS, Treatment
from cogmill.pipeline.archive import Archive

REPORTS = "reports/maintenance/"
"""Prefix of the reports, `<day>.json` and `latest.json`."""


def write_report(
    archive: Archive, parts: Mapping[str, Any], at: dt.datetime, *, dry_run: bool = False
) -> dict[str, Any]:
    """Join the parts into one report and store it; a dry run stores nothing.

    Args:
        archive: Clients and settings.
        parts: What the steps returned, by their names; None for a step that did not end.
        at: When the run began.
        dry_run: Whether nothing was to be changed.

    Returns:
        The report: `green`, `counts`, `faults` and the parts.
    """
    counts = dict((parts.get("comparison") or {}).get("counts", {}))
    counts["service_dead"] = len(parts.get("dead_services") or {})
    counts["address_closed"] = len(parts.get("closed_addresses") or {})
    for action in (parts.get("audit") or {}).get("damaged", []):
        counts[action["kind"]] = counts.get(action["kind"], 0) + 1
    unplaced = archive.ledger.queries.missing_grids()
    counts["grid_missing"] = sum(unplaced.values())
    faults = {kind: n for kind, n in counts.items() if n and KINDS[kind].treatment != Treatment.NOTICE}
    unfinished = sorted(name for name, part in parts.items() if part is None)
    report = {
        "at": at.isoformat(),
        "dry_run": dry_run,
        "green": not faults and not unfinished,
        "counts": counts,
        "faults": faults,
        "unfinished": unfinished,
        "missing_facts": _missing_facts(archive),
        "missing_grids": unplaced,
        "parts": dict(parts),
    }
    if not dry_run:
        body = json.dumps(report, default=str, ensure_ascii=False, indent=1).encode()
        for name in (f"{at:%Y-%m-%d}", "latest"):
            archive.store.replace(f"{REPORTS}{name}.json", body, PutOptions("application/json"))
    return report


def _missing_facts(archive: Archive) -> list[str]:
    """Return which facts about the archive nobody has stated, or what is wrong with the file that states them."""
    try:
        return list(load_site(archive.settings.site_file).missing)
    except ConfigurationError as err:
        return [str(err)]


def report_text(report: Mapping[str, Any]) -> str:
    """Return the report for a task log: faults first, then what is only worth knowing, then what was done, and last what is zero."""
    counts = {kind: report["counts"][kind] for kind in KINDS if report["counts"].get(kind)}
    faults = {kind: count for kind, count in counts.items() if kind in report["faults"]}
    lines = ["All layers agree." if report["green"] else "The layers do not agree.", "", *_numbers(faults)]
    if len(counts) > len(faults):
        lines += [
            "No fault, but worth knowing:",
            *_numbers({kind: counts[kind] for kind in counts.keys() - faults.keys()}),
        ]
    lines += [f"No result from {name}." for name in report["unfinished"]]
    if report.get("missing_facts"):
        lines.append(f"Not stated in the site file, and missing on public pages: {', '.join(report['missing_facts'])}.")
    lines += [_advise_on(grid, frames) for grid, frames in report.get("missing_grids", {}).items()]
    waiting = (report["parts"].get("plan") or {}).get("concerns", [])
    lines += [f"Waits for approval: {concern}" for concern in waiting]
    lines += _actions("Repaired", report["parts"].get("repairs")) + _actions("Removed", report["parts"].get("removals"))
    lines += _actions("Read and repaired", (report["parts"].get("audit") or {}).get("damaged"))
    zero = [KINDS[kind].title for kind in KINDS if report["counts"].get(kind) == 0]
    return "\n".join([*lines, *(["", f"None of {len(zero)} other kinds, among them {zero[0]}."] if zero else [])])


def _advise_on(grid: str, frames: int) -> str:
    """Return what to do about frames that were placed without a grid."""
    was = f"{frames} frame{'s were' if frames != 1 else ' was'} placed without PROJ's grid {grid}"
    if missing_grids([grid]):
        return f"{was}: list it in the site file (proj_grids) and install it where frames are built (`cogmill site grids`); then start a backfill of published frames `without_grid`."
    return f"{was}, which is here now: start a backfill of published frames `without_grid`, which moves them to their place."


def _numbers(counts: Mapping[str, int]) -> list[str]:
    """Return a line for each kind, in the order of the layers."""
    return [f"{counts[kind]:8d}  {KINDS[kind].title}" for kind in KINDS if kind in counts]


def needs_a_person(report: Mapping[str, Any]) -> list[str]:
    """Return what of a report must be repaired by a person."""
    asked = [f"no result from {name}" for name in report["unfinished"]]
    asked += [f"{n} {KINDS[k].title}" for k, n in report["faults"].items() if KINDS[k].treatment == Treatment.REPORT]
    parts = report["parts"]
    audited = (parts.get("audit") or {}).get("damaged", [])
    actions = [*(parts.get("repairs") or []), *(parts.get("removals") or []), *audited]
    return asked + [f"{action['subject']} was not repaired: {action['done']}" for action in actions if action["failed"]]


def _actions(title: str, actions: Sequence[Mapping[str, Any]] | None) -> list[str]:
    return [
        f"{'Not repaired' if a['failed'] else title} {a['kind']} {a['subject']}: {a['done']}" for a in actions or []
    ]
