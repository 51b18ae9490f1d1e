"""Build frames again on request: a plan that lists what would change and why, then batches in a pool of their own."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cogmill.cog.fingerprint import possible_fingerprints, recipe_digest
from cogmill.cog.profiles import Profile, as_used
from cogmill.config.collection_files import ProfileChooser, profile_chooser
from cogmill.domain.errors import ConfigurationError, Reason
from cogmill.domain.lifecycle import State
from cogmill.domain.model import Adoption
from cogmill.ledger.backfills import CandidateFilter, CandidateFrame, Progress
from cogmill.pipeline import publish
from cogmill.pipeline.archive import Archive
from cogmill.pipeline.batches import FrameBatch
from cogmill.pipeline.build_cogs import build_batch

log = logging.getLogger(__name__)

STATES = (State.REJECTED, State.FAILED, State.ARRIVED, State.BUILT, State.PUBLISHED)
"""States from which a frame can be built again."""

ORDERS = ("oldest first", "newest first", "smallest first", "by name")
"""In which order frames are taken."""

STEP_FRAMES = 20
"""Frames leased and reported at a time."""

MOST_LINES = 200
"""Lines of a plan that are shown."""

MOST_FILES = 50
"""Uploads that a plan names in words."""

MOST_PLANNED = 100_000
"""Uploads of a plan that the ledger keeps for the page of the run and its CSV file."""


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """Which frames a person asks to be built again, and how."""

    collections: Sequence[str] = ()
    """Ids; none means all."""
    prefix: str = ""
    """Beginning of the uploads' keys."""
    contains: str = ""
    """Any part of the uploads' keys; capital letters are the same as small ones."""
    reasons: Sequence[str] = ()
    """Of rejected frames only those with these reasons; none means all."""
    states: Sequence[str] = (State.REJECTED, State.FAILED)
    without_grid: bool = False
    """Only frames that were placed without a grid of PROJ which would place them better."""
    profile: str | None = None
    """Name of a profile to use instead of the collections' own."""
    force: bool = False
    """Take published frames too whose build fingerprint has not changed."""
    order: str = "oldest first"
    limit: int | None = None


@dataclass(slots=True)
class BackfillShare:
    """Frames of one collection that are taken for the same reason."""

    collection_id: str
    why: str
    frames: int = 0
    bytes: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """Frames that would be built again, why, and what that costs."""

    shares: list[BackfillShare]
    frames: list[tuple[int, int]] = field(repr=False)
    """Id and size of each frame, in their order."""
    has_history: bool
    """Whether the ledger knows what building costs; without it times are unknown."""
    processes: int
    """Frames that are built at the same time."""
    whys: list[str] = field(default_factory=list, repr=False)
    """Why each of the frames is taken, in their order."""
    first_keys: list[str] = field(default_factory=list, repr=False)
    """Keys of the first `MOST_FILES` uploads."""

    @property
    def text(self) -> str:
        """The plan as text, one line per collection and reason."""
        size, cpu_s = sum(s.bytes for s in self.shares), sum(s.cpu_s for s in self.shares)
        wall = f"about {cpu_s:.0f} CPU seconds, {cpu_s / self.processes / 60:.1f} min by itself"
        lines = [f"{len(self.frames)} frames, {size / 1e6:.1f} MB, {wall if self.has_history else 'time unknown'}."]
        for share in self.shares[:MOST_LINES]:
            cost = f", {share.cpu_s:.0f} CPU s" if self.has_history else ""
            lines.append(
                f"- {share.collection_id}: {share.frames} frames, {share.bytes / 1e6:.1f} MB{cost}: {share.why}"
            )
        if len(self.shares) > MOST_LINES:
            lines.append(f"- and {len(self.shares) - MOST_LINES} more lines")
        return "\n".join([*lines, *self._files()])

    def _files(self) -> list[str]:
        """Name the first uploads, and say where all of them are."""
        if not self.first_keys:
            return []
        more = len(self.frames) - len(self.first_keys)
        lines = ["", "The first uploads, in their order:" if more else "Uploads, in their order:"]
        lines += [f"- {key}" for key in self.first_keys]
        return (
            [*lines, f"- and {more} more: the tab Report of this run lists all of them, as CSV too"] if more else lines
        )

    def kept(self) -> list[tuple[int, str]]:
        """Return id and reason of the frames that the ledger keeps."""
        return [(frame, why) for (frame, _), why in zip(self.frames[:MOST_PLANNED], self.whys, strict=False)]


def plan(archive: Archive, request: BackfillRequest) -> BackfillPlan:
    """Plan which frames would be built again, why, and what that costs; changes nothing.

    Raises:
        ConfigurationError: The request names a state, an order, a profile or a collection that does not exist.
    """
    choose = profile_chooser(archive.settings, request.profile)
    _check(archive, request)
    cost = archive.ledger.backfills.cpu_s_per_byte()
    shares: dict[tuple[str, str], BackfillShare] = {}
    frames: list[tuple[int, int]] = []
    whys: list[str] = []
    first_keys: list[str] = []
    fingerprints: dict[Profile, set[str]] = {}
    wanted = CandidateFilter(
        list(request.collections),
        _states(request),
        prefix=request.prefix,
        contains=request.contains.lower(),
        reasons=list(request.reasons),
        without_grid=request.without_grid,
        order=request.order,
    )
    for frame in archive.ledger.backfills.candidates(wanted):
        why = _why(frame, request, choose, fingerprints)
        if why is None:
            continue
        if request.limit is not None and len(frames) >= request.limit:
            break
        share = shares.setdefault((frame.collection_id, why), BackfillShare(frame.collection_id, why))
        share.frames += 1
        share.bytes += frame.size
        share.cpu_s += frame.size * cost.get(frame.bands, 0.0)
        frames.append((frame.id, frame.size))
        whys.append(why)
        if len(first_keys) < MOST_FILES:
            first_keys.append(frame.source_key)
    ordered = [shares[key] for key in sorted(shares)]
    return BackfillPlan(ordered, frames, bool(cost), archive.settings.backfill_processes, whys, first_keys)


def begin(archive: Archive, backfill_id: str, request: BackfillRequest, planned: BackfillPlan) -> list[FrameBatch]:
    """Record the plan and cut what is not done of it into batches. Begun again under the same id it goes on where it was."""
    archive.ledger.backfills.begin(backfill_id, request.profile, planned.frames)
    return _batches(archive, backfill_id)


def build(archive: Archive, backfill_id: str, frame_ids: Sequence[int], owner: str) -> Progress:
    """Build a batch, a few frames at a time, and publish the collections that are done by that.

    Raises:
        ServiceUnavailableError: S3 or the ledger became unavailable; done frames are not built again by the next try.
    """
    profile = archive.ledger.backfills.profile(backfill_id)
    for start in range(0, len(frame_ids), STEP_FRAMES):
        few = frame_ids[start : start + STEP_FRAMES]
        requeued = archive.ledger.backfills.requeue(backfill_id, few, owner, archive.settings.lease_seconds)
        try:
            build_batch(archive, requeued, owner, profile=profile)
        finally:
            archive.ledger.backfills.settle(backfill_id, few)
        log.info("backfill_progress %s", archive.ledger.backfills.progress(backfill_id).text)
    publish_finished(archive, backfill_id)
    return archive.ledger.backfills.progress(backfill_id)


def publish_finished(archive: Archive, backfill_id: str) -> list[str]:
    """Publish the collections in which nothing is left to do; return them."""
    touched = archive.ledger.backfills.collections(backfill_id)
    finished = archive.ledger.backfills.finished(backfill_id, touched)
    for collection_id in finished:
        publish.update_tile_index(archive, collection_id)
        publish.export_index(archive, collection_id)
        publish.publish_mapfile(archive, collection_id)
    return finished


def _check(archive: Archive, request: BackfillRequest) -> None:
    known = {row["id"] for row in archive.ledger.collections.all()}
    for what, wrong, allowed in (
        ("collections", set(request.collections) - known, "those of the ledger"),
        ("states", set(request.states) - {*STATES, "everything"}, ", ".join([*STATES, "everything"])),
        ("reasons", set(request.reasons) - {*Reason}, ", ".join(Reason)),
        ("order", {request.order} - set(ORDERS), ", ".join(ORDERS)),
    ):
        if wrong:
            raise ConfigurationError(f"{what} {', '.join(sorted(wrong))}: unknown, allowed are {allowed}")


def _states(request: BackfillRequest) -> list[str]:
    return [str(state) for state in STATES] if "everything" in request.states else list(request.states)


def _why(
    frame: CandidateFrame, request: BackfillRequest, choose: ProfileChooser, fingerprints: dict[Profile, set[str]]
) -> str | None:
    """Return why a frame is taken; None when there is no reason to."""
    unbuilt = {
        State.REJECTED: f"it was rejected ({frame.reason}) and is looked at again",
        State.FAILED: "it failed and is tried again",
        State.ARRIVED: "it waits to be built",
    }
    if frame.state in unbuilt:
        return unbuilt[State(frame.state)]
    by_force = "by force: it is read again, and its COG stays when nothing differs" if request.force else None
    if frame.adopted == Adoption.AS_IT_IS:
        return by_force
    profile = choose(frame.collection_id, frame.product, frame.bands, frame.stem)
    if profile not in fingerprints:
        # COGs of releases up to 0.1 do not name their libraries, and are no worse for that
        fingerprints[profile] = {*possible_fingerprints(profile), recipe_digest(as_used(profile, ()))}
    if frame.fingerprint in fingerprints[profile]:
        return by_force
    if frame.missing_grids:
        return f"it was placed without PROJ's grid {' and '.join(frame.missing_grids)}, and grids or libraries have changed since"
    return "its COG was made with another build fingerprint (profile, engine, GDAL, or a library or grid below it)"


def _batches(archive: Archive, backfill_id: str) -> list[FrameBatch]:
    waiting = archive.ledger.backfills.waiting(backfill_id)
    if not waiting:
        return [FrameBatch(label="nothing to build", frame_ids=[])]
    size = max(archive.settings.batch_frames, math.ceil(len(waiting) / archive.settings.max_batches))
    batches = []
    for start in range(0, len(waiting), size):
        part = waiting[start : start + size]
        collections: Mapping[str, int] = Counter(frame.collection_id for frame in part)
        name = next(iter(collections)) if len(collections) == 1 else f"{len(collections)} collections"
        label = f"{name}: {f'{len(part)} frames from ' if len(part) > 1 else ''}{part[0].stem}"
        batches.append(FrameBatch(label=label, frame_ids=[frame.id for frame in part]))
    return batches
