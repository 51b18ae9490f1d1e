"""Build the COGs of a batch of frames and record what became of each.

A try is a pure function of the upload's version and the build fingerprint, so two workers that build the same frame store the same bytes
under the same key, and nothing needs a lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cogmill.aws.s3 import PutOptions
from cogmill.cog.fingerprint import build_fingerprint, cog_digest, possible_fingerprints
from cogmill.cog.profiles import as_used
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.engine_pool import EnginePool, as_completed
from cogmill.cog.sandbox.memory import frame_memory, task_memory
from cogmill.config.collection_files import ProfileChooser, profile_chooser
from cogmill.domain import keys
from cogmill.domain.advice import rejected_frame
from cogmill.domain.errors import (
    ConfigurationError,
    ConflictingObjectError,
    InvalidFrameError,
    OutOfMemoryError,
    ServiceUnavailableError,
    ShortageError,
    SourceChangedError,
)
from cogmill.domain.model import MUCH_COLLAR, Adoption, BuiltCog
from cogmill.ledger.frames import CogVersion, Job
from cogmill.pipeline.archive import Archive, explain_position
from cogmill.pipeline.batches import BatchResult, FrameOutcome, add_up
from cogmill.pipeline.discovery import adoption

log = logging.getLogger(__name__)

RENEWED_AT = 1 / 3
"""Fraction of a lease after which it is renewed: early enough that a renewal may come late."""

GONE_S = 3600
"""Seconds for which a frame waits whose upload was gone or replaced when it was to be built: maintenance withdraws the one, and the
next sweep ingests the other at once."""

PATIENT_TRIES = 3
"""Tries of a frame that an outage may cut short. From then on an outage that meets this frame alone is its own failure: storage that
cannot read one object answers for it as if it were sick."""


@dataclass(frozen=True, slots=True)
class _Built:
    """A COG in the bucket, not yet in the ledger; `cog` is None when nothing had to be built."""

    version: CogVersion
    cog: BuiltCog | None
    stored: bool = True
    """False when the bucket had it already."""


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


def _record(archive: Archive, job: Job, owner: str, build: Future[_Built]) -> FrameOutcome:
    """Record in the ledger what became of a frame; whatever went wrong with it concerns no other frame."""
    frames = archive.ledger.frames
    try:
        built = build.result()
    except InvalidFrameError as found:
        fault = explain_position(archive.store, job.source_key, found)
        frames.mark_rejected(job, owner, fault)
        rejected = rejected_frame(job.source_key, fault.reason, fault.detail)
        log.warning("frame_rejected key=%s reason=%s advice=%s", job.source_key, fault, rejected.advice)
        return FrameOutcome(rejected=rejected)
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


def _record_built(archive: Archive, job: Job, owner: str, built: _Built) -> FrameOutcome:
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
) -> Iterator[tuple[Job, Future[_Built]]]:
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
) -> Iterator[tuple[Job, Future[_Built]]]:
    """Build so many frames at a time with so many bytes each, and keep all leases; only the caller's thread uses the ledger."""
    processes, memory_bytes = at_a_time
    lease_s = archive.settings.lease_seconds

    def renew(pending: Iterable[Future[_Built]]) -> None:
        archive.ledger.frames.renew([*(futures[future] for future in pending), *waiting], owner, lease_s)

    settings = archive.settings
    engines = min(processes, len(jobs))
    with EnginePool(engines, memory_bytes, settings.build_threads) as pool:
        futures = {pool.submit(partial(_build_one, archive, job, choose)): job for job in jobs}
        for future in as_completed(futures, lease_s * RENEWED_AT, renew):
            yield futures[future], future


def _build_one(archive: Archive, job: Job, choose: ProfileChooser, engine: Engine, scratch: Path) -> _Built:
    """Build one frame with one GET, one pixel pass and one PUT; what is adopted as it is needs no PUT."""
    profile = choose(job.collection.id, job.collection.product, job.bands, job.stem)
    with TemporaryDirectory(dir=scratch) as folder:
        source, target = Path(folder) / "source.tif", Path(folder) / "cog.tif"
        sha256 = archive.store.download(job.source_key, job.etag, source)
        if (size := source.stat().st_size) != job.size:  # else a good frame would be rejected as truncated
            raise ServiceUnavailableError(f"{job.source_key} came with {size} of {job.size} bytes")
        if job.adopted == Adoption.AS_IT_IS:
            return _Built(*adoption.verify_as_it_is(archive, job, engine, source))
        if job.cog_key is not None and job.fingerprint is not None and job.source_sha256 == sha256:
            up_to_date = job.fingerprint in possible_fingerprints(profile)
            if up_to_date and archive.store.find(job.cog_key) is not None:
                return _Built(CogVersion(job.cog_key, sha256, job.fingerprint), None, stored=False)
        # Nothing but the bytes themselves: a COG's key names bytes and fingerprint, and the same key must hold the same bytes,
        # whatever name and ETag they come under.
        provenance = {"SOURCE_SHA256": sha256}
        cog = engine.build(
            source, target, bands=job.bands, profile=profile, provenance=provenance, area=archive.settings.area
        )
        return _store(archive, job, target, cog, (sha256, build_fingerprint(as_used(profile, cog.adjustments.split()))))


def _store(archive: Archive, job: Job, file: Path, cog: BuiltCog, made_from: tuple[str, str]) -> _Built:
    """Store a COG under the key that names the upload's hash and the build fingerprint.

    Where that key holds other bytes, the key names the COG's own hash too. Whatever is there stays: somebody may be reading it, a former
    revision may need it, and two workers whose libraries differ would take each other's COGs away for ever. So a key has the same
    bytes always, and the same bytes find their key again. Maintenance retires what nothing names.

    Raises:
        ObjectRefusedError: S3 takes it under neither key.
    """
    options = PutOptions("image/tiff", acl=archive.settings.public_acl)
    named = (*made_from, *cog.texts.values())  # so that COGs of releases that carried no texts keep their keys
    key = keys.cog_key(job.collection, job.bands, job.stem, cog_digest(*named))
    try:
        stored = archive.store.create(key, file, cog.sha256, options)
    except ConflictingObjectError as conflict:
        key = keys.cog_key(job.collection, job.bands, job.stem, cog_digest(*named, cog.sha256))
        log.warning("cog_key_taken detail=%s instead=%s", conflict, key)
        stored = archive.store.create(key, file, cog.sha256, options)
    return _Built(CogVersion(key, *made_from), cog, stored)
