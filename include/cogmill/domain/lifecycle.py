"""The states of a frame, the transitions between them, and what holds a frame back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a frame stands in the ledger."""

    ARRIVED = "arrived"
    """It waits to be built: newly uploaded, given back, or to be built again."""
    BUILDING = "building"
    """A worker builds its COG and holds a lease that expires."""
    BUILT = "built"
    """Its COG is in the bucket; the tile index and the mapfile do not show it yet."""
    PUBLISHED = "published"
    """The tile index names its COG, and the mapfile that shows it is public."""
    REJECTED = "rejected"
    """The frame's fault, with a reason: never tried again by itself."""
    FAILED = "failed"
    """Our fault: tried again after a wait that grows with each failure."""
    WITHDRAWN = "withdrawn"
    """Its upload or its mapfile was deleted: its index row leaves, and later its COG."""


class Hold(StrEnum):
    """Why no run takes a frame although its state says that it is due."""

    ROLLED_BACK = "rolled_back"
    """A rollback took it off the map; it waits for an upload, of the same bytes too, or for Retry. Only in state `failed`."""
    QUARANTINE = "quarantine"
    """Its damaged COG is still at its key; it waits until that is in quarantine. Only in state `arrived`."""


HELD_STATE: Mapping[Hold, State] = {Hold.ROLLED_BACK: State.FAILED, Hold.QUARANTINE: State.ARRIVED}
"""The only state in which a frame may be held back for a reason."""

HOLD_WORDS: Mapping[Hold, str] = {
    Hold.ROLLED_BACK: "taken back by a rollback; upload it again, the same file will do, or press Retry",
    Hold.QUARANTINE: "waits until its damaged COG is in quarantine; the next maintenance run moves it",
}
"""What people are told about a frame that is held back."""

FIRST: Mapping[State, str] = {
    State.ARRIVED: "upload",
    State.REJECTED: "upload with a wrong name, or empty",
}
"""States in which a frame enters the ledger, and what brings it there."""

TRANSITIONS: Mapping[tuple[State, State], str] = {
    (State.ARRIVED, State.BUILDING): "claim",
    (State.ARRIVED, State.REJECTED): "same name as another frame, or a new version that is empty",
    (State.ARRIVED, State.WITHDRAWN): "upload or mapfile deleted, or an adopted COG whose upload came",
    (State.BUILDING, State.BUILT): "COG stored, or unchanged",
    (State.BUILDING, State.REJECTED): "fault of the frame, or a new version that is empty",
    (State.BUILDING, State.FAILED): "fault of ours",
    (
        State.BUILDING,
        State.ARRIVED,
    ): "release, wait for a sidecar, end of the lease, new version or sidecar, or backfill",
    (State.BUILDING, State.WITHDRAWN): "upload or mapfile deleted, or an adopted COG whose upload came",
    (State.BUILT, State.PUBLISHED): "mapfile published",
    (State.BUILT, State.ARRIVED): "new version, new sidecar, backfill, or COG lost or damaged",
    (State.BUILT, State.REJECTED): "new version that is empty",
    (State.BUILT, State.FAILED): "rollback to before it",
    (State.BUILT, State.WITHDRAWN): "upload or mapfile deleted, or an adopted COG whose upload came",
    (State.PUBLISHED, State.BUILT): "index row to be written again, or rollback",
    (State.PUBLISHED, State.ARRIVED): "new version, new sidecar, backfill, or COG lost or damaged",
    (State.PUBLISHED, State.REJECTED): "new version that is empty",
    (State.PUBLISHED, State.FAILED): "rollback to before it",
    (State.PUBLISHED, State.WITHDRAWN): "upload or mapfile deleted, or an adopted COG whose upload came",
    (State.REJECTED, State.ARRIVED): "uploaded again, new sidecar, backfill, or the frame with its name was withdrawn",
    (State.REJECTED, State.BUILT): "rollback",
    (State.REJECTED, State.WITHDRAWN): "upload deleted, or an adopted COG whose upload came",
    (State.FAILED, State.BUILDING): "claim after the wait",
    (State.FAILED, State.ARRIVED): "uploaded again, or backfill",
    (State.FAILED, State.REJECTED): "new version that is empty",
    (State.FAILED, State.BUILT): "rollback",
    (State.FAILED, State.WITHDRAWN): "upload or mapfile deleted, or an adopted COG whose upload came",
    (State.WITHDRAWN, State.ARRIVED): "uploaded again",
    (State.WITHDRAWN, State.REJECTED): "uploaded again, but empty",
    (State.WITHDRAWN, State.BUILT): "rollback",
}
"""Every transition that a statement of the ledger may make, and what makes it. Staying in a state is always allowed."""


def can_become(old: State, new: State) -> bool:
    """Tell whether a frame in one state may go to another.

    >>> can_become(State.BUILT, State.PUBLISHED), can_become(State.ARRIVED, State.PUBLISHED)
    (True, False)
    """
    return old == new or (old, new) in TRANSITIONS


def state_diagram() -> str:
    """Return the states and transitions as the text of a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state}: {cause}" for state, cause in FIRST.items()]
    lines += [f"    {old} --> {new}: {cause}" for (old, new), cause in TRANSITIONS.items()]
    return "\n".join(lines)
