"""Turns frames into verified COGs in a worker process, so that no upload can harm the task that builds it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from cogmill.cog.profiles import Profile
from cogmill.cog.sandbox.handover import handed_over
from cogmill.cog.sandbox.limits import MIB, Limits
from cogmill.cog.sandbox.protocol import (
    Answer,
    BuildRequest,
    DrawRequest,
    Failed,
    ProtocolError,
    Rejected,
    Request,
    ResourceLimit,
    Unavailable,
    Unverified,
    VerifyRequest,
)
from cogmill.cog.sandbox.worker_process import Shortage, WorkerExit, WorkerProcess
from cogmill.domain.errors import (
    InvalidFrameError,
    OutOfMemoryError,
    Reason,
    ServiceUnavailableError,
    ShortageError,
    VerificationError,
)
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands, BuiltCog, DrawnScan
from cogmill.domain.sidecars import SidecarKind

Made = TypeVar("Made", BuiltCog, DrawnScan)

NO_SIDECARS: Mapping[SidecarKind, Path] = {}

FRAMES_PER_WORKER = 200
"""A worker is replaced after so many frames: whatever a library leaks then stays small, and a start costs 0.3 s."""


class Engine:
    """One warm worker that builds one COG at a time. Use as a context manager; not for use by several threads."""

    def __init__(self, limits: Limits, threads: int = 1, scratch: Path | None = None) -> None:
        """Prepare; the worker starts with the first frame.

        Args:
            limits: What one frame may cost.
            threads: Threads that decode, warp and compress; as many as the task has pool slots.
            scratch: Folder for temporary files; the system's by default.
        """
        self._limits = limits
        self._threads = threads
        self._scratch_parent = scratch
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._worker: WorkerProcess | None = None

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="cogmill-", dir=self._scratch_parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_worker()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def build(  # noqa: PLR0913 - two paths and four facts, all keyword-only
        self,
        source: Path,
        target: Path,
        *,
        bands: Bands,
        profile: Profile,
        provenance: Mapping[str, str],
        area: Bounds4326 | None,
        sidecars: Mapping[SidecarKind, Path] = NO_SIDECARS,
    ) -> BuiltCog:
        """Make one verified COG.

        Args:
            source: The upload, a local file.
            target: Where the COG is to stand; written only when it is verified.
            bands: What the frame's folder promises.
            profile: How the COG is made.
            provenance: Facts about the source that become tags of the COG.
            area: Where the frame must lie; None for anywhere.
            sidecars: Local files that say where the frame lies, as far as the upload does not.

        Raises:
            InvalidFrameError: The frame is at fault.
            VerificationError: The COG is not what it should be; our fault.
            OutOfMemoryError: It needed more memory than the limits give; an InvalidFrameError.
            ShortageError: The worker was killed from outside, or had too little CPU time: no fault of the frame.
            ServiceUnavailableError: No worker could be started, or the scratch disk is full.
        """
        with handed_over(source, target, self._folder(), sidecars.values()) as frame:
            beside = {kind: frame.source.parent / file.name for kind, file in sidecars.items()}
            request = BuildRequest(
                frame.source, frame.target, bands, profile, provenance, area, self._threads, sidecars=beside
            )
            answer = self._ask(request)
            if isinstance(answer, WorkerExit):
                # Fewer threads need less memory and take other paths through the libraries.
                answer = self._ask(dataclasses.replace(request, threads=1))
            built = _made_or_raise(answer, self._limits, BuiltCog)
            frame.take_back(target)
        return dataclasses.replace(built, path=str(target.resolve()))

    def verify(self, cog: Path, *, bands: Bands, area: Bounds4326 | None) -> BuiltCog:
        """Describe a COG of another system that can be published as it is; the arguments and errors are those of `build`."""
        with handed_over(cog, cog, self._folder()) as frame:
            answer = self._ask(VerifyRequest(frame.source, bands, area, self._threads))
            described = _made_or_raise(answer, self._limits, BuiltCog)
        return dataclasses.replace(described, path=str(cog.resolve()))

    def draw(self, source: Path, target: Path, longer_px: int) -> DrawnScan:
        """Make a small picture of a raw scan.

        Args:
            source: The scan, a local file.
            target: Where the picture is to stand, WebP.
            longer_px: Pixels along its longer side, at most.

        Raises:
            InvalidFrameError: The file is at fault, or needed more memory than the limits give.
            ShortageError: The worker was killed from outside, or had too little CPU time.
            VerificationError: Our fault.
            ServiceUnavailableError: No worker could be started, or the scratch disk is full.
        """
        with handed_over(source, target, self._folder()) as scan:
            answer = self._ask(DrawRequest(scan.source, scan.target, longer_px, self._threads))
            drawn = _made_or_raise(answer, self._limits, DrawnScan)
            scan.take_back(target)
        return dataclasses.replace(drawn, path=str(target.resolve()))

    def _folder(self) -> Path:
        """Return the folder of the worker."""
        if self._scratch is None:
            raise RuntimeError("the engine is used outside of its `with` block")
        return Path(self._scratch.name)

    def _ask(self, request: Request) -> Answer | WorkerExit | Shortage:
        """Return what the worker answers, or why it could not; in that case the next frame gets a new one."""
        worker = self._warm_worker()
        answer: Answer | WorkerExit | Shortage | None
        try:
            worker.send(request)
            answer = worker.receive(self._limits.wall_s) or worker.explain_exit()
        except BrokenPipeError:
            answer = worker.explain_exit()
        except ProtocolError as err:
            answer = Failed(str(err))
        except BaseException:
            self._end_worker()
            raise
        if isinstance(answer, ResourceLimit):
            answer = WorkerExit(Reason.TOO_HEAVY, answer.detail, memory=True)
        if isinstance(answer, (WorkerExit, Shortage, Failed)) or worker.frames >= FRAMES_PER_WORKER:
            self._end_worker()
        return answer

    def _warm_worker(self) -> WorkerProcess:
        """Return the running worker, or a new one that has said that it is ready."""
        if self._worker is not None and self._worker.alive:
            return self._worker
        self._end_worker()
        worker = self._worker = WorkerProcess(self._limits, self._folder())
        if not worker.comes_up():
            tail = worker.stderr_tail()
            self._end_worker()
            raise ServiceUnavailableError(
                f"the engine's worker did not start within {self._limits.start_s:g} s: {tail}"
            )
        return worker

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


def _made_or_raise(answer: Answer | WorkerExit | Shortage, limits: Limits, wanted: type[Made]) -> Made:
    """Return a good answer, or raise what another one means."""
    if isinstance(answer, wanted):
        return answer
    match answer:
        case WorkerExit(memory=True):
            raise OutOfMemoryError(f"it needs more than {limits.memory_bytes // MIB} MiB of memory ({answer.detail})")
        case Shortage():
            raise ShortageError(answer.detail)
        case WorkerExit() | Rejected():
            raise InvalidFrameError(answer.reason, answer.detail)
        case Unavailable():
            raise ServiceUnavailableError(f"the engine cannot write or read its scratch files: {answer.detail}")
        case Unverified():
            raise VerificationError(answer.detail)
        case Failed():
            raise VerificationError(f"the engine failed: {answer.detail}")
        case _:
            raise VerificationError(f"the engine's worker answered out of turn: {answer}")
