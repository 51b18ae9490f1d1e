"""What a run of a collection did, in words for the people who look after the archive."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from cogmill.domain import keys
from cogmill.domain.errors import ADVICE, Reason
from cogmill.domain.lifecycle import HOLD_WORDS, Hold
from cogmill.domain.model import RejectedFrame
from cogmill.pipeline.archive import Archive


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
    """`<key>: <what happened>`, tried again by later runs."""
    held: list[str]
    """`<key>: <why>`, taken by no run until that is over."""
    missing_scans: list[str]
    """Keys of newly published frames whose raw scan is not in `scanned/`."""

    @property
    def text(self) -> str:
        """The digest as plain text, one line per fact."""
        lines = [f"{self.collection_id}: {self.published} frames published by this run, {self.total} in all."]
        lines += [f"Rejected {frame.text}" for frame in self.rejected]
        lines += [f"Failed {failure}" for failure in self.failed]
        lines += [f"Held back {frame}" for frame in self.held]
        lines += [
            f"No scan for {key}; please upload the original as {keys.scan_key(keys.parse_upload(key))}."
            for key in self.missing_scans
        ]
        return "\n".join(lines)


def digest(archive: Archive, collection_id: str, since: dt.datetime) -> Digest:
    """Tell what became of a collection since a moment."""
    row = archive.ledger.collections.digest(collection_id, since)
    rejected = [
        RejectedFrame(entry["key"], entry["reason"], entry["detail"], ADVICE[Reason(entry["reason"])])
        for entry in row["rejected"]
    ]
    failed = [f"{entry['key']}: {entry['detail']}" for entry in row["failed"]]
    held = [f"{entry['key']}: {HOLD_WORDS[Hold(entry['hold'])]}" for entry in row["held"]]
    return Digest(collection_id, row["published"], row["total"], rejected, failed, held, row["missing_scans"])
