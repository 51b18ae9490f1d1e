"""Cut the due frames of a collection into batches, one for each mapped task, and tell what became of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypedDict

from cogmill.cog.sandbox.limits import MIB
from cogmill.domain.errors import ConfigurationError, ServiceUnavailableError
from cogmill.domain.model import RejectedFrame
from cogmill.ledger.frames import DueFrame
from cogmill.pipeline.archive import Archive

ROUNDING = 1e-9
"""Largest error of a sum of a thousand shares."""


@dataclass(frozen=True, slots=True)
class FrameOutcome:
    """What became of one frame."""

    built: bool = False
    unchanged: bool = False
    rejected: RejectedFrame | None = None
    failed: str = ""
    """`<key>: <what happened>`; empty when nothing of ours failed."""
    bytes_read: int = 0
    bytes_written: int = 0
    much_cut: bool = False
    """Whether much of the frame was cut off as film collar."""
    released_by: ServiceUnavailableError | ConfigurationError | None = None
    """Why the frame was given back to be built by a later try."""


class FrameBatch(TypedDict):
    """The frames of one mapped task; small enough for an XCom."""

    label: str
    frame_ids: list[int]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch."""

    built: int = 0
    unchanged: int = 0
    """Frames whose upload had the pixels that are published already."""
    rejected: list[RejectedFrame] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """`<key>: <what happened>` for each failure of ours."""
    bytes_read: int = 0
    """Of the uploads that were built or found unchanged."""
    bytes_written: int = 0
    """Of the COGs that were stored."""
    much_cut: int = 0
    """Frames of which much was cut off as film collar."""


def add_up(outcomes: Sequence[FrameOutcome]) -> BatchResult:
    """Return what became of a batch, from what became of its frames."""
    return BatchResult(
        built=sum(outcome.built for outcome in outcomes),
        unchanged=sum(outcome.unchanged for outcome in outcomes),
        rejected=[outcome.rejected for outcome in outcomes if outcome.rejected],
        failed=[outcome.failed for outcome in outcomes if outcome.failed],
        bytes_read=sum(outcome.bytes_read for outcome in outcomes),
        bytes_written=sum(outcome.bytes_written for outcome in outcomes),
        much_cut=sum(outcome.much_cut for outcome in outcomes),
    )


def plan_batches(archive: Archive, collection_id: str) -> list[FrameBatch]:
    """Cut the due frames of a collection into batches, those that wait longest first.

    Never empty: with nothing to do there is one batch without frames, so that the task is seen to succeed.
    """
    settings = archive.settings
    archive.ledger.uploads.respell(
        [collection_id]
    )  # before the first COG carries the name: the upload that decided it may be gone
    frames = archive.ledger.frames.due(collection_id, settings.batch_frames * settings.max_batches)
    if not frames:
        return [FrameBatch(label="nothing to build", frame_ids=[])]
    parts = cut(frames, settings.batch_frames, settings.batch_megabytes * MIB)
    return [_batch(part) for part in parts[: settings.max_batches]]


def cut(frames: Sequence[DueFrame], at_most: int, at_most_bytes: int) -> list[list[DueFrame]]:
    """Cut frames, in their order, into as few parts as the limits allow, all about equally full.

    Only a part that ends with a large frame may exceed `at_most_bytes`, and by less than that frame.
    """
    shares = [max(1 / at_most, frame.size / at_most_bytes) for frame in frames]
    ends = list(accumulate(shares))
    count = math.ceil(ends[-1] - ROUNDING)
    parts: dict[int, list[DueFrame]] = {}
    for frame, share, end in zip(frames, shares, ends, strict=True):
        parts.setdefault(int((end - share + ROUNDING) * count / ends[-1]), []).append(frame)
    return list(parts.values())


def _batch(frames: Sequence[DueFrame]) -> FrameBatch:
    many = f"{len(frames)} frames: {frames[0].stem} … {frames[-1].stem}"
    label = many if len(frames) > 1 else frames[0].stem
    return FrameBatch(label=label, frame_ids=[frame.id for frame in frames])
