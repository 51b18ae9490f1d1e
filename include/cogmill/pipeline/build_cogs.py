"""Frames to COGs: plan a collection's work, then build it batch by batch.

A try is a pure function of the upload's version and the recipe, so two workers that build the same frame store the same bytes
under the same key, and nothing needs a lock.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import TypedDict

from cogmill.aws.s3 import PutOptions
from cogmill.cog.fingerprint import build_fingerprint, cog_digest
from cogmill.cog.profiles import PROFILES, Profile, default_profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import MIB, Limits
from cogmill.config.collection_files import load_collection_config
from cogmill.domain import keys
from cogmill.domain.errors import (
    CogmillError,
    ConfigurationError,
    InvalidFrameError,
    ServiceUnavailableError,
    SourceChangedError,
)
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import BuiltCog, RejectedFrame, UploadKey
from cogmill.ledger.frames import CogVersion, DueFrame, Job
from cogmill.pipeline.archive import Archive

log = logging.getLogger(__name__)

ROUNDING = 1e-9
"""What a sum of a thousand shares may be off by."""

RENEWED_AT = 1 / 3
"""Share of a lease after which it is renewed: early enough that a renewal may come late."""

GONE_S = 3600
"""How long a frame waits whose upload was gone or replaced when it was to be built: maintenance withdraws the one, and the next
sweep takes in the other at once."""

ProfileChooser = Callable[[UploadKey], Profile]
"""Says how the COG of an upload is made."""


class Batch(TypedDict):
    """The share of one mapped task; small enough for an XCom."""

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


@dataclass(frozen=True, slots=True)
class _Built:
    """A COG in the bucket, not yet in the ledger; `cog` is None when nothing had to be built."""

    version: CogVersion
    cog: BuiltCog | None

    @property
    def size(self) -> int:
        """Bytes that were stored."""
        return self.cog.size if self.cog else 0


def plan(archive: Archive, collection_id: str) -> list[Batch]:
    """Cut the due frames of a collection into batches, those that wait longest first.

    Never empty: with nothing to do there is one batch without frames, so that the task is seen to succeed.
    """
    settings = archive.settings
    frames = archive.ledger.frames.due(collection_id, settings.batch_frames * settings.max_batches)
    if not frames:
        return [Batch(label="nothing to build", frame_ids=[])]
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


def build_batch(archive: Archive, frame_ids: Sequence[int], owner: str, *, profile: str | None = None) -> BatchResult:
    """Build the COGs of a batch and record each; no frame's fault costs another frame anything.

    Args:
        archive: Clients and settings.
        frame_ids: Frames of the ledger; those that are done or leased to somebody else are left out.
        owner: Who holds the leases: the same for each try of the same task.
        profile: Name of the profile to use instead of the collection's own.

    Raises:
        ConfigurationError: There is no such profile, or a collection file is wrong; its frames are given back.
        ServiceUnavailableError: S3 or the ledger went away. What was done stays done, the rest is given back.
    """
    choose = profile_chooser(archive, profile)
    jobs = archive.ledger.frames.claim(frame_ids, owner, archive.settings.lease_seconds)
    result = BatchResult()
    counts = {"built": 0, "unchanged": 0, "bytes_read": 0, "bytes_written": 0}
    away: list[ServiceUnavailableError | ConfigurationError] = []
    for job, outcome in _build_all(archive, jobs, owner, choose):
        try:
            done = outcome.result()
        except InvalidFrameError as fault:
            archive.ledger.frames.mark_rejected(job, owner, fault)
            log.warning("frame_rejected key=%s reason=%s advice=%s", job.source_key, fault, fault.advice)
            result.rejected.append(RejectedFrame(job.source_key, fault.reason, fault.detail, fault.advice))
        except SourceChangedError as change:
            archive.ledger.frames.release([job], owner, GONE_S)
            log.info("frame_replaced_meanwhile key=%s detail=%s", job.source_key, change)
        except (ServiceUnavailableError, ConfigurationError) as err:
            archive.ledger.frames.release([job], owner)
            away.append(err)
        except (CogmillError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as err:
            log.exception("frame_failed key=%s", job.source_key)
            archive.ledger.frames.mark_failed(job, owner, f"{type(err).__name__}: {err}")
            result.failed.append(f"{job.source_key}: {type(err).__name__}: {err}")
        else:
            counts["built" if done.cog else "unchanged"] += _record(archive, job, owner, done)
            counts["bytes_read"] += job.size
            counts["bytes_written"] += done.size
    if away:
        raise away[0]
    return BatchResult(**counts, rejected=result.rejected, failed=result.failed)


def _batch(frames: Sequence[DueFrame]) -> Batch:
    label = f"{frames[0].stem} … {frames[-1].stem} ({len(frames)})" if len(frames) > 1 else frames[0].stem
    return Batch(label=label, frame_ids=[frame.id for frame in frames])


def _record(archive: Archive, job: Job, owner: str, done: _Built) -> bool:
    if done.cog is None:
        return archive.ledger.frames.mark_unchanged(job, owner)
    recorded = archive.ledger.frames.mark_built(job, owner, done.version, done.cog)
    log.info("cog_built key=%s bytes=%d cpu_s=%.1f", done.version.key, done.cog.size, done.cog.cpu_s)
    return recorded


def profile_chooser(archive: Archive, override: str | None = None) -> ProfileChooser:
    """Return how the profile of an upload is chosen: by name, else by its collection file, else by default.

    Raises:
        ConfigurationError: There is no profile of that name. The chooser itself raises it for a collection whose file is wrong.
    """
    if override is not None and override not in PROFILES:
        raise ConfigurationError(f"profile {override!r} is unknown, allowed are {', '.join(PROFILES)}")
    read = cache(partial(load_collection_config, archive.settings.collections_dir))

    def choose(upload: UploadKey) -> Profile:
        config = read(upload.collection.id)
        own = config.profile(upload.bands) if config else default_profile(upload.bands, upload.collection.product)
        return own if override is None else replace(PROFILES[override], collar=own.collar, scaling=own.scaling)

    return choose


def _build_all(
    archive: Archive, jobs: Sequence[Job], owner: str, choose: ProfileChooser
) -> Iterator[tuple[Job, Future[_Built]]]:
    """Run as many builds side by side as the settings say; the ledger is spoken to by the caller's thread alone."""
    if not jobs:
        return
    lanes = min(archive.settings.build_processes, len(jobs))
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="cogmill-")))
        engines: SimpleQueue[Engine] = SimpleQueue()  # one warm worker process per lane
        for _ in range(lanes):
            engines.put(stack.enter_context(Engine(Limits(), archive.settings.build_threads, scratch)))
        pool = stack.enter_context(ThreadPoolExecutor(lanes))
        stack.callback(pool.shutdown, cancel_futures=True)
        futures = {pool.submit(_build_one, archive, job, engines, choose, scratch): job for job in jobs}
        for future in _as_completed(archive, futures, owner):
            yield futures[future], future


def _as_completed(archive: Archive, futures: Mapping[Future[_Built], Job], owner: str) -> Iterator[Future[_Built]]:
    """Yield what is done as soon as it is, and keep the leases of the rest: a batch may take longer than one lasts."""
    lease_s = archive.settings.lease_seconds
    pending, renewed = set(futures), time.monotonic()
    while pending:
        done, pending = wait(pending, timeout=lease_s * RENEWED_AT, return_when=FIRST_COMPLETED)
        yield from done
        if pending and time.monotonic() - renewed >= lease_s * RENEWED_AT:
            archive.ledger.frames.renew([futures[future] for future in pending], owner, lease_s)
            renewed = time.monotonic()


def _build_one(
    archive: Archive, job: Job, engines: SimpleQueue[Engine], choose: ProfileChooser, scratch: Path
) -> _Built:
    """One GET, one pixel pass, one PUT."""
    upload = keys.parse_upload(job.source_key)
    profile = choose(upload)
    fingerprint = build_fingerprint(profile)
    with TemporaryDirectory(dir=scratch) as folder:
        source, target = Path(folder) / "source.tif", Path(folder) / "cog.tif"
        sha256 = archive.store.download(job.source_key, job.etag, source)
        cog_key = keys.cog_key(upload, cog_digest(sha256, fingerprint))
        version = CogVersion(cog_key, sha256, fingerprint)
        if job.cog_key == cog_key and archive.store.sha256(cog_key) is not None:
            return _Built(version, None)
        # Nothing but the bytes themselves: a COG's key names bytes and recipe, and the same key must hold the same bytes,
        # whatever name and ETag they come under.
        provenance = {"SOURCE_SHA256": sha256}
        engine = engines.get()
        try:
            edges = archive.settings.area
            area = Bounds4326.from_edges(edges) if edges else None
            cog = engine.build(source, target, bands=upload.bands, profile=profile, provenance=provenance, area=area)
        finally:
            engines.put(engine)
        archive.store.create(cog_key, target, cog.sha256, PutOptions("image/tiff", acl=archive.settings.public_acl))
    return _Built(version, cog)
