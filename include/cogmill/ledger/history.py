"""Former revisions of a collection's index and how one is restored, and what runs reported."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogmill.domain.lifecycle import HOLD_WORDS, Hold
from cogmill.ledger.connection import Part, Row

REPORT_DAYS = 90
"""How long the reports of runs are kept."""


@dataclass(frozen=True, slots=True)
class PublishedRevision:
    """A revision of a collection that was public."""

    revision: int
    published_at: dt.datetime
    """When it became public for the first time."""


@dataclass(frozen=True, slots=True)
class FormerRow:
    """How an index row was in a former revision."""

    oid: int
    cog_key: str | None
    """COG that it named; None: the row was not there."""
    source_key: str


class History(Part):
    """What was published before. Kept for as long as replaced COGs are."""

    def previous(self, collection_id: str) -> PublishedRevision | None:
        """Return the last revision that was public before the present one; None when there is none.

        Raises:
            KeyError: The ledger has no such collection.
        """
        rows = self._rows("previous_revision", collection_id=collection_id)
        if not rows:
            raise KeyError(f"the ledger has no collection {collection_id!r}")
        found = rows[0]
        return PublishedRevision(found["revision"], found["published_at"]) if found["revision"] is not None else None

    def changed_since(self, collection_id: str, revision: int) -> list[FormerRow]:
        """Return the index rows that are not as they were in a former revision."""
        rows = self._rows("former_rows", collection_id=collection_id, revision=revision)
        return [FormerRow(**row) for row in rows]

    def restore(self, collection_id: str, revision: int) -> None:
        """Bring index and frames back to a former revision in one transaction; readers see all of it or nothing.

        Frames that had no row then are held back: they wait for a person, or for a new upload.
        """
        target = {"collection_id": collection_id, "revision": revision}
        with self._transaction():
            self._rows("lock_collection", collection_id=collection_id)
            (row,) = self._rows("previous_revision", collection_id=collection_id)
            self._rows("restore_frames", **target, detail=HOLD_WORDS[Hold.ROLLED_BACK])
            self._rows("restore_retired_cogs", **target)
            self._rows("delete_newer_rows", **target, present=row["present"])
            self._rows("restore_rows", **target, present=row["present"])
            self._rows("end_withdrawal", collection_id=collection_id)
            self._rows("advance_revision", collection_id=collection_id)

    def forget(self, age_s: float) -> None:
        """Forget what is older than the COGs it names."""
        self._rows("forget_history", age_s=age_s)

    def save_report(self, dag_id: str, run_id: str, report: Mapping[str, Any]) -> None:
        """Keep what a run reported, in place of its earlier report, and forget reports of long ago."""
        self._rows("save_report", dag_id=dag_id, run_id=run_id, report=json.dumps(report))
        self._rows("forget_reports", days=REPORT_DAYS)

    def save_planned_frames(self, dag_id: str, run_id: str, frames: Sequence[tuple[int, str]]) -> None:
        """Keep the frames (id and why) that a run means to take, in their order, in place of those of an earlier plan.

        Its report must have been saved before.
        """
        rows: list[Row] = [{"place": n, "frame_id": frame, "why": why} for n, (frame, why) in enumerate(frames)]
        with self._transaction():
            self._rows("forget_planned_frames", dag_id=dag_id, run_id=run_id)
            self._add("add_planned_frames", dag_id=dag_id, run_id=run_id, rows=rows)
