"""Report what a run of a collection did, as text for the people who look after the archive."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogmill.domain import keys
from cogmill.domain.advice import rejected_frame
from cogmill.domain.lifecycle import HOLD_WORDS, Hold
from cogmill.domain.model import Bands, RejectedFrame
from cogmill.pipeline.archive import Archive


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
    """`<key>: <why>`, taken by no run until that is over."""
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
    held = [f"{entry['key']}: {HOLD_WORDS[Hold(entry['hold'])]}" for entry in row["held"]]
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
