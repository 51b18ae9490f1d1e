"""Report what a run did, as text for the people who look after the archive, and as the page of the run shows it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cogmill.domain import keys
from cogmill.domain.advice import rejected_frame
from cogmill.domain.lifecycle import HOLD_WORDS, Hold
from cogmill.domain.model import Bands, RejectedFrame
from cogmill.domain.public_access import COMPILED_FILES
from cogmill.ledger.backfills import Progress
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.discovery.adoption import AdoptionResult
from cogmill.pipeline.export import Compiled


@dataclass(frozen=True, slots=True)
class MissingScan:
    """A frame without its raw scan."""

    key: str
    """Of the georeferenced upload."""
    scan_key: str
    """Where the scan belongs."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One run of one collection."""

    collection_id: str
    published: int
    """Frames that became public since the run began."""
    total: int
    """Frames that are public now."""
    rejected: list[RejectedFrame]
    failed: list[str]
    """`<key>: <what happened>; next try <when>`, tried again by later runs."""
    failed_first: list[str]
    """Those among them that this run failed for the first time, so that nobody has been told yet."""
    failed_again: bool
    """This run tried some of them, and all that it tried had failed before."""
    held: list[str]
    """`<key>: <why>`, taken by no run until that is over: a hold, or the wait for a file beside it."""
    missing_scans: list[MissingScan]
    """Newly published frames whose raw scan is not in `scanned/`."""
    much_cut: list[str]
    """`<key>: <how much>` of newly published frames of which much was cut off as film collar."""

    @property
    def text(self) -> str:
        """The digest as plain text, one line per fact."""
        lines = [f"{self.collection_id}: {self.published} frames published by this run, {self.total} in all."]
        lines += [f"Rejected {frame.text}" for frame in self.rejected]
        lines += [f"Failed {failure}" for failure in self.failed]
        lines += [f"Held back {frame}" for frame in self.held]
        lines += [
            f"No scan for {missing.key}; please upload the original as {missing.scan_key}."
            for missing in self.missing_scans
        ]
        lines += [
            f"Cut off as film collar from {frame}; if that is picture, add the frame to keep_rim in {self.collection_id}.yaml."
            for frame in self.much_cut
        ]
        return "\n".join(lines)


def digest(archive: Archive, collection_id: str, since: dt.datetime) -> Digest:
    """Return what became of a collection since a moment."""
    row = archive.ledger.collections.digest(collection_id, since)
    rejected = [rejected_frame(entry["key"], entry["reason"], entry["detail"]) for entry in row["rejected"]]
    failed = {_failure(entry): entry for entry in row["failed"]}
    first = [text for text, entry in failed.items() if entry["first"]]
    again = not first and any(entry["tried"] for entry in failed.values())
    held = [
        f"{entry['key']}: {HOLD_WORDS[Hold(entry['hold'])] if entry['hold'] else entry['detail']}"
        for entry in row["held"]
    ]
    scans = _missing_scans(archive, collection_id, row["missing_scans"])
    much_cut = [f"{entry['key']}: {entry['share']:.0%} of it" for entry in row["much_cut"]]
    return Digest(
        collection_id, row["published"], row["total"], rejected, [*failed], first, again, held, scans, much_cut
    )


def _failure(entry: Mapping[str, Any]) -> str:
    next_try = dt.datetime.fromisoformat(entry["next_try_at"]).astimezone(dt.UTC)
    times = f"{entry['failures']} times, " if entry["failures"] > 1 else ""
    return f"{entry['key']}: {entry['detail']} ({times}next try {next_try:%Y-%m-%d %H:%M} UTC)"


def _missing_scans(archive: Archive, collection_id: str, frames: Sequence[Mapping[str, str]]) -> list[MissingScan]:
    if not frames:
        return []
    collection = archive.ledger.collections.state(collection_id).collection
    return [
        MissingScan(frame["key"], keys.scan_key(collection, Bands(frame["bands"]), frame["scan_stem"]))
        for frame in frames
    ]


Weight = Literal["fault", "notice", "done"]
"""How much a number weighs where it is not zero: somebody must look, worth knowing, or what was done."""

MAX_LINES = 1000
"""Lines of a report that are kept."""


@dataclass(frozen=True, slots=True)
class ReportNumber:
    """How many there are of something."""

    what: str
    count: int
    weight: Weight = "done"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did and found."""

    headline: str
    """One sentence."""
    numbers: Sequence[ReportNumber] = ()
    lines: Sequence[str] = ()
    """One fact each."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Addresses of what it wrote, by what people call them."""

    def save(self, archive: Archive, dag_id: str, run_id: str) -> None:
        """Keep it in the ledger, in place of an earlier report of the same run."""
        report = asdict(self)
        left = len(self.lines) - MAX_LINES
        if left > 0:
            report["lines"] = [*self.lines[:MAX_LINES], f"and {left} more lines: the log of the task has all of them"]
        archive.ledger.history.save_report(dag_id, run_id, report)


def collection_report(archive: Archive, digest: Digest) -> RunReport:
    """Return the report of a collection's run."""
    headline, *lines = digest.text.splitlines()
    numbers = [
        ReportNumber("frames that failed", len(digest.failed), "fault"),
        ReportNumber("frames that were rejected", len(digest.rejected), "notice"),
        ReportNumber("frames that are held back", len(digest.held), "notice"),
        ReportNumber("frames without a raw scan", len(digest.missing_scans), "notice"),
        ReportNumber("frames of which much was cut off", len(digest.much_cut), "notice"),
        ReportNumber("frames published by this run", digest.published),
        ReportNumber("frames on the map", digest.total),
    ]
    files = {"WMS capabilities": archive.addresses.of(digest.collection_id).capabilities} if digest.total else {}
    return RunReport(headline, numbers, lines, files)


def plan_report(text: str, frames: int, why: str) -> RunReport:
    """Return the report of a backfill or an adoption that has only planned.

    Args:
        text: The plan in words.
        frames: How many it means to take.
        why: Why nothing was done so far.
    """
    headline, *lines = text.splitlines()
    return RunReport(f"{why}: {headline}", [ReportNumber("frames planned", frames)], lines)


def adoption_report(result: AdoptionResult) -> RunReport:
    """Return the report of an adoption; what becomes of the frames stands in the reports of their collections."""
    numbers = [
        ReportNumber("COGs that were rejected", result.rejected, "notice"),
        ReportNumber("COGs adopted", result.adopted),
    ]
    return RunReport(result.text, numbers, [each.text for each in result.first_rejected])


def backfill_report(progress: Progress, published: int) -> RunReport:
    """Return the report of a backfill that was begun.

    Args:
        progress: How far it has come.
        published: Services that it published at its end.
    """
    numbers = [
        ReportNumber("frames that failed", progress.failed, "fault"),
        ReportNumber("frames that are left", progress.frames - progress.done, "fault"),
        ReportNumber("frames that were rejected again", progress.rejected, "notice"),
        ReportNumber("frames built", progress.built),
        ReportNumber("frames whose COG stayed as it was", progress.unchanged),
        ReportNumber("services published at the end", published),
    ]
    return RunReport(progress.text, numbers)


def compile_report(archive: Archive, compiled: Compiled) -> RunReport:
    """Return the report of a compilation."""
    broken = [f"{one.collection_id}: {one.fault}" for one in compiled.broken]
    numbers = [
        ReportNumber("collections that are not in the index", len(broken), "fault"),
        ReportNumber("services in the index", compiled.services),
        ReportNumber("footprints in the index", compiled.features),
        ReportNumber("files that changed", len(compiled.uploaded)),
        ReportNumber("files that stayed as they were", len(compiled.unchanged)),
    ]
    files = {name: archive.addresses.object(key) for name, key in COMPILED_FILES.items()}
    state = "All services are in the index." if not broken else "Some collections are not in the index."
    return RunReport(state, numbers, [*broken, *(f"changed: {key}" for key in compiled.uploaded)], files)


def maintenance_report(report: Mapping[str, Any], titles: Mapping[str, str], text: str) -> RunReport:
    """Return the report of a night's maintenance.

    Args:
        report: Its numbers (`counts`, `faults`).
        titles: Kinds of findings in words.
        text: The report as its log has it.
    """
    numbers = [
        ReportNumber(titles[kind], count, "fault" if kind in report["faults"] else "notice")
        for kind, count in report["counts"].items()
    ]
    headline, *rest = text.splitlines()
    lines = [line for line in rest if line and not line[:8].strip().isdigit() and not line.startswith("None of ")]
    return RunReport(headline, numbers, lines)
