"""Build the COGs of a batch of frames and record what became of each.

A try is a pure function of the upload's version and the build fingerprint, so two workers that build the same frame store the same bytes
under the same key, and nothing needs a lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial

from cogmill.cog.sandbox.engine_pool import EnginePool, as_completed
from cogmill.cog.sandbox.memory import frame_memory, task_memory
from cogmill.config.collection_files import ProfileChooser, profile_chooser
from cogmill.domain.advice import rejected_frame
from cogmill.domain.errors import (
    ConfigurationError,
    InvalidFrameError,
    OutOfMemoryError,
    ServiceUnavailableError,
    ShortageError,
    SourceChangedError,
)
from cogmill.domain.model import MUCH_COLLAR
from cogmill.domain.sidecars import MISSING_POSITION, SIDECAR_WORDS
from cogmill.ledger.frames import Job
from cogmill.pipeline.archive import Archive, explain_position
from cogmill.pipeline.batches import BatchResult, FrameOutcome, add_up
from cogmill.pipeline.one_frame import Built, build_one

log = logging.getLogger(__name__)

RENEWED_AT = 1 / 3
"""Fraction of a lease after which it is renewed: early enough that a renewal may come late."""

GONE_S = 3600
"""Seconds for which a frame waits whose upload was gone or replaced when it was to be built: maintenance withdraws the one, and the
next sweep ingests the other at once."""

PATIENT_TRIES = 3
"""Tries of a frame that an outage may cut short. From then on an outage that meets this frame alone is its own failure: storage that
cannot read one object answers for it as if it were sick."""


def build_batch(archive: Archive, frame_ids: Sequence[int], owner: str, *, profile: str | None = None) -> BatchResult:
    """Build the COGs of a batch and record each; no frame's fault costs another frame anything.

    Args:
        archive: Clients and settings.
        frame_ids: Frames of the ledger; those that are done or leased to somebody else are left out.
        owner: Who holds the leases: the same for each try of the same task.
        profile: Name of the profile to use instead of the collection's own.

    Raises:
        ConfigurationError: There is no such profile, or a collection file is wrong; its frames are given back.
        ServiceUnavailableError: S3 or the ledger became unavailable. What was done stays done, the rest is given back.
    """
    choose = profile_chooser(archive.settings, profile)
    jobs = archive.ledger.frames.claim(frame_ids, owner, archive.settings.lease_seconds)
    outcomes: list[FrameOutcome] = []
    begun = time.monotonic()
    for job, build in _build_all(archive, jobs, owner, choose):
        outcomes.append(_record(archive, job, owner, build))
        _log_progress(len(outcomes), len(jobs), time.monotonic() - begun)
    for outcome in outcomes:
        if outcome.released_by:
            raise outcome.released_by
    return add_up(outcomes)


def _log_progress(done: int, frames: int, seconds: float) -> None:
    """Log now and then how far a batch has come: about twenty times, and at its end."""
    if done % max(1, frames // 20) == 0 or done == frames:
        left = f"{seconds / done * (frames - done) / 60:.1f} min left"
        log.info(
            "batch_progress %d of %d frames, %.1f frames/min, %s", done, frames, done / max(seconds, 0.001) * 60, left
        )


def _record(archive: Archive, job: Job, owner: str, build: Future[Built]) -> FrameOutcome:
    """Record in the ledger what became of a frame; whatever went wrong with it concerns no other frame."""
    frames = archive.ledger.frames
    try:
        built = build.result()
    except InvalidFrameError as found:
        return _record_invalid(archive, job, owner, found)
    except SourceChangedError as change:
        frames.release([job], owner, GONE_S)
        log.info("frame_replaced_meanwhile key=%s detail=%s", job.source_key, change)
        return FrameOutcome()
    except (ServiceUnavailableError, ConfigurationError) as err:
        if isinstance(err, ConfigurationError) or not _is_alone(archive, job):
            frames.release([job], owner)
            return FrameOutcome(released_by=err)
        log.exception("frame_failed key=%s", job.source_key)
        return _record_failed(archive, job, owner, err)
    except Exception as err:
        log.exception("frame_failed key=%s", job.source_key)
        return _record_failed(archive, job, owner, err)
    return _record_built(archive, job, owner, built)


def _record_invalid(archive: Archive, job: Job, owner: str, found: InvalidFrameError) -> FrameOutcome:
    """Record a fault of the frame, or let it wait for what may mend it."""
    if _waits(archive, job, owner, found):
        return FrameOutcome()
    fault = explain_position(archive, job.source_key, found)
    archive.ledger.frames.mark_rejected(job, owner, fault)
    rejected = rejected_frame(job.source_key, fault.reason, fault.detail)
    log.warning("frame_rejected key=%s reason=%s advice=%s", job.source_key, fault, rejected.advice)
    return FrameOutcome(rejected=rejected)


def _waits(archive: Archive, job: Job, owner: str, fault: InvalidFrameError) -> bool:
    """Let a frame without a position wait for a file beside it, where the site takes one that is not there yet and time is left."""
    missing = set(archive.sidecars) - {each.kind for each in job.sidecars}
    if fault.reason not in MISSING_POSITION or not missing or job.adopted:
        return False
    files = " or ".join(sorted(SIDECAR_WORDS[kind] for kind in missing))
    detail = f"{fault.detail}; it waits for {files}"
    waits = archive.ledger.frames.wait_for_sidecar(job, owner, detail, archive.settings.sidecar_wait_seconds)
    if waits:
        log.info("frame_waits_for_sidecar key=%s detail=%s", job.source_key, detail)
    return waits


def _is_alone(archive: Archive, job: Job) -> bool:
    """Tell whether an outage meets this frame alone: it was met at each of several tries, and S3 answers."""
    if job.tries < PATIENT_TRIES:
        return False
    try:
        archive.store.require_answer()
    except ServiceUnavailableError:
        return False
    return True


def _record_failed(archive: Archive, job: Job, owner: str, err: Exception) -> FrameOutcome:
    """Record a failure of ours: the frame waits for its next try, and no other frame waits for it."""
    archive.ledger.frames.mark_failed(job, owner, f"{type(err).__name__}: {err}")
    return FrameOutcome(failed=f"{job.source_key}: {type(err).__name__}: {err}")


def _record_built(archive: Archive, job: Job, owner: str, built: Built) -> FrameOutcome:
    if built.cog is None:
        recorded = archive.ledger.frames.mark_unchanged(job, owner)
    else:
        recorded = archive.ledger.frames.mark_built(job, owner, built.version, built.cog)
    if recorded and not built.stored and archive.store.sha256(built.version.key) is None:
        # it was retired, and deleted between the look at the bucket and the record, which nothing can follow any more
        archive.ledger.findings.rebuild_lost([built.version.key])
        log.warning("cog_was_deleted_meanwhile key=%s", built.version.key)
        return FrameOutcome()
    if built.cog is None:
        return FrameOutcome(unchanged=recorded, bytes_read=job.size)
    log.info("cog_built key=%s bytes=%d cpu_s=%.1f", built.version.key, built.cog.size, built.cog.cpu_s)
    much_cut = built.cog.collar_share >= MUCH_COLLAR
    if much_cut or built.cog.adjustments:
        log.info(
            "cog_adjusted key=%s collar_share=%.2f adjustments=%s",
            job.source_key,
            built.cog.collar_share,
            built.cog.adjustments,
        )
    return FrameOutcome(built=recorded, bytes_read=job.size, bytes_written=built.cog.size, much_cut=much_cut)


def _build_all(
    archive: Archive, jobs: Sequence[Job], owner: str, choose: ProfileChooser
) -> Iterator[tuple[Job, Future[Built]]]:
    """Build frames side by side, and those for which our memory or time did not suffice once more, one at a time with all of it."""
    if not jobs:
        return
    processes, task_bytes = archive.settings.build_processes, task_memory(archive.settings.worker_tasks)
    alone: list[Job] = []
    for job, future in _build_some(
        archive, jobs, owner, choose, (processes, frame_memory(task_bytes, processes)), alone
    ):
        if isinstance(future.exception(), (ShortageError, OutOfMemoryError)):
            log.warning("frame_waits_to_be_built_alone key=%s why=%s", job.source_key, future.exception())
            alone.append(job)
        else:
            yield job, future
    if alone:
        yield from _build_some(archive, alone, owner, choose, (1, frame_memory(task_bytes, 1)), ())


def _build_some(  # noqa: PLR0913, PLR0917 - what to build, how much of it at a time, and who waits meanwhile
    archive: Archive,
    jobs: Sequence[Job],
    owner: str,
    choose: ProfileChooser,
    at_a_time: tuple[int, int],
    waiting: Sequence[Job],
) -> Iterator[tuple[Job, Future[Built]]]:
    """Build so many frames at a time with so many bytes each, and keep all leases; only the caller's thread uses the ledger."""
    processes, memory_bytes = at_a_time
    lease_s = archive.settings.lease_seconds

    def renew(pending: Iterable[Future[Built]]) -> None:
        archive.ledger.frames.renew([*(futures[future] for future in pending), *waiting], owner, lease_s)

    settings = archive.settings
    engines = min(processes, len(jobs))
    with EnginePool(engines, memory_bytes, settings.build_threads) as pool:
        futures = {pool.submit(partial(build_one, archive, job, choose)): job for job in jobs}
        for future in as_completed(futures, lease_s * RENEWED_AT, renew):
            yield futures[future], future
