"""Backfills in the ledger: what was chosen, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from cogmill.domain.model import Bands, Product
from cogmill.ledger.connection import Part, Row


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Which frames a backfill may take."""

    collection_ids: list[str]
    """Collections; none means all."""
    states: list[str]
    prefix: str = ""
    """What the keys of their uploads begin with."""
    contains: str = ""
    """Part of the key, lower case."""
    reasons: list[str] = field(default_factory=list)
    """Of rejected frames only those with these reasons; none means all."""
    without_grid: bool = False
    """Only frames that were placed without a grid of PROJ which would place them better."""
    order: str = "by name"
    """`oldest first`, `newest first`, `smallest first` or by name."""


@dataclass(frozen=True, slots=True)
class CandidateFrame:
    """A frame that a backfill may take."""

    id: int
    source_key: str
    """Key of the upload."""
    collection_id: str
    product: Product
    bands: Bands
    stem: str
    """File name of the upload without its extension."""
    size: int
    """Bytes of the upload."""
    state: str
    reason: str | None
    fingerprint: str | None
    """How its present COG was built."""
    missing_grids: Sequence[str] | None = None
    """Grids of PROJ that would have placed it better and were not installed."""
    adopted: str | None = None
    """An `Adoption` where it is a COG of another system."""


@dataclass(frozen=True, slots=True)
class WaitingFrame:
    """A frame of a backfill that is not done."""

    id: int
    collection_id: str
    stem: str


@dataclass(frozen=True, slots=True)
class RejectedAgain:
    """A frame that a backfill took and that was rejected."""

    source_key: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill has come."""

    frames: int
    done: int
    bytes: int
    bytes_done: int
    built: int
    unchanged: int
    rejected: int
    failed: int
    seconds: float
    """From its beginning to the last frame done."""

    @property
    def text(self) -> str:
        """One line: frames done, rate, time left."""
        rate = self.done / self.seconds if self.seconds else 0.0
        left = f"{(self.frames - self.done) / rate / 60:.1f} min left" if rate else "time left unknown"
        counts = f"{self.built} built, {self.unchanged} unchanged, {self.rejected} rejected, {self.failed} failed"
        return f"{self.done} of {self.frames} frames ({counts}), {rate * 60:.1f} frames/min, {left}"


class Backfills(Part):
    """Frames to be built again by hand."""

    def candidates(self, wanted: CandidateFilter) -> Iterator[CandidateFrame]:
        """Stream the frames that fit, in the wanted order."""
        rows = self._stream("backfill_candidates", **asdict(wanted))
        return (
            CandidateFrame(**row | {"product": Product(row["product"]), "bands": Bands(row["bands"])}) for row in rows
        )

    def cpu_s_per_byte(self) -> dict[str, float]:
        """Return what building has cost lately, by bands folder."""
        rows = self._rows("build_costs")
        return {row["bands"]: row["cpu_s_per_byte"] for row in rows if row["cpu_s_per_byte"]}

    def begin(self, backfill_id: str, profile: str | None, frames: Sequence[tuple[int, int]]) -> bool:
        """Remember a backfill and its frames (id and size) in their order; False when it is known already."""
        with self._transaction():
            if not self._rows("begin_backfill", id=backfill_id, profile=profile):
                return False
            rows: list[Row] = [{"frame_id": f, "place": place, "size": size} for place, (f, size) in enumerate(frames)]
            self._add("add_backfill_frames", id=backfill_id, rows=rows)
        return True

    def is_known(self, backfill_id: str) -> bool:
        """Tell whether a backfill was begun."""
        return bool(self._rows("backfill_profile", id=backfill_id))

    def profile(self, backfill_id: str) -> str | None:
        """Return the profile a backfill insists on.

        Raises:
            KeyError: There is no such backfill.
        """
        rows = self._rows("backfill_profile", id=backfill_id)
        if not rows:
            raise KeyError(f"the ledger has no backfill {backfill_id!r}")
        profile: str | None = rows[0]["profile"]
        return profile

    def waiting(self, backfill_id: str) -> list[WaitingFrame]:
        """Return the frames that are not done, those that somebody finished without noting it left out."""
        self._rows("settle_built_frames", id=backfill_id)
        return [WaitingFrame(**row) for row in self._rows("waiting_frames", id=backfill_id)]

    def requeue(self, backfill_id: str, frame_ids: Sequence[int], owner: str, lease_s: int) -> list[int]:
        """Put frames of a backfill back to `arrived` for the owner who claims them next; return those that were.

        Done ones, and those that somebody else builds right now, are left out.
        """
        rows = self._rows("requeue_frames", id=backfill_id, ids=list(frame_ids), owner=owner, lease_s=lease_s)
        return sorted(row["id"] for row in rows)

    def settle(self, backfill_id: str, frame_ids: Sequence[int]) -> int:
        """Note what became of frames; return how many are done by that."""
        return len(self._rows("settle_frames", id=backfill_id, ids=list(frame_ids)))

    def progress(self, backfill_id: str) -> Progress:
        """Return how far a backfill has come."""
        (row,) = self._rows("backfill_progress", id=backfill_id)
        return Progress(**row)

    def rejected(self, backfill_id: str) -> list[RejectedAgain]:
        """Return the frames of a backfill that were rejected by it and still are, in its order."""
        return [RejectedAgain(**row) for row in self._rows("backfill_rejections", id=backfill_id)]

    def finished(self, backfill_id: str, collection_ids: Sequence[str]) -> list[str]:
        """Return which of these collections are done and wait for publication."""
        rows = self._rows("finished_collections", id=backfill_id, collection_ids=list(collection_ids))
        return [row["id"] for row in rows]

    def collections(self, backfill_id: str) -> list[str]:
        """Return all collections that a backfill touches."""
        return [row["id"] for row in self._rows("backfill_collections", id=backfill_id)]
