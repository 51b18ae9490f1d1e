"""Turns frames into proven COGs in a child process, so that no upload can harm its worker."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cogmill.cog.profiles import Profile
from cogmill.cog.sandbox.limits import Limits
from cogmill.config.places import IMPORT_ROOT
from cogmill.domain.errors import InvalidFrameError, Reason, ServiceUnavailableError, VerificationError
from cogmill.domain.model import Bands, BuiltCog

PASSED_ON = ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "LD_LIBRARY_PATH")
"""Variables that say where libraries find their data; nothing else of the worker's environment reaches the child."""

FRAMES_PER_CHILD = 200
"""A child is replaced after so many frames: whatever a library leaks then stays small, and a start costs 0.3 s."""

LOG_TAIL = 300
"""Characters of a dead child's last words that are kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerExit:
    """The child process ended instead of answering."""

    reason: Reason
    detail: str


class Engine:
    """One warm child process that builds one COG at a time. Use as a context manager; not for use by several threads."""

    def __init__(self, limits: Limits, threads: int = 1, scratch: Path | None = None) -> None:
        """Prepare; the child process starts with the first frame.

        Args:
            limits: What one frame may cost.
            threads: Threads that decode, warp and compress; as many as the task has pool slots.
            scratch: Folder for temporary files; the system's by default.
        """
        self._limits = limits
        self._threads = threads
        self._scratch_parent = scratch
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._frames = 0
        self._unread = b""

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="cogmill-", dir=self._scratch_parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_child()
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
        area: tuple[float, float, float, float] | None,
    ) -> BuiltCog:
        """Make one proven COG.

        Args:
            source: The upload, a local file.
            target: Where the COG is to stand; written only when it is proven.
            bands: What the frame's folder promises.
            profile: How the COG is made.
            provenance: Facts about the source that become tags of the COG.
            area: Allowed bounds west, south, east, north in degrees.

        Raises:
            InvalidFrameError: The frame is at fault.
            VerificationError: The COG is not what it should be; our fault.
            ServiceUnavailableError: No child process could be started, or the scratch disk is full.
        """
        request = {
            "source": str(source.resolve()),
            "target": str(target.resolve()),
            "bands": bands.value,
            "profile": dataclasses.asdict(profile),
            "provenance": dict(provenance),
            "area": area,
        }
        try:
            answer = self._ask(request | {"threads": self._threads})
            if isinstance(
                answer, WorkerExit
            ):  # fewer threads need less memory and take other paths through the libraries
                answer = self._ask(request | {"threads": 1})
        finally:
            target.with_name(target.name + ".part").unlink(missing_ok=True)
        return _judge(answer, target)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any] | WorkerExit:
        child = self._warm_child()
        self._frames += 1
        try:
            _stdin(child).write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            return self._post_mortem(child)
        answer = self._receive(child, self._limits.wall_s)
        if answer is None:
            return self._post_mortem(child)
        if "heavy" in answer:
            self._end_child()
            return WorkerExit(Reason.TOO_HEAVY, str(answer["heavy"]))
        if self._frames >= FRAMES_PER_CHILD:
            self._end_child()
        return answer

    def _warm_child(self) -> subprocess.Popen[bytes]:
        """Return the running child, or a new one that has said that it is ready."""
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._end_child()
        child = self._start()
        self._child, self._frames, self._unread = child, 0, b""
        if self._receive(child, self._limits.start_s) is None:
            words = self._last_words()
            self._end_child()
            raise ServiceUnavailableError(
                f"the engine's child process did not start within {self._limits.start_s:g} s: {words}"
            )
        return child

    def _start(self) -> subprocess.Popen[bytes]:
        if self._scratch is None:
            raise RuntimeError("the engine is used outside of its `with` block")
        folder = self._scratch.name
        with self._log().open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "cogmill.cog.sandbox.worker", json.dumps(dataclasses.asdict(self._limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=IMPORT_ROOT,
                env=_environment(folder),
                bufsize=0,
            )

    def _receive(self, child: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
        """Return the child's next answer; None when it ended, or was ended because it took too long."""
        deadline = time.monotonic() + seconds
        stdout = _stdout(child)
        while b"\n" not in self._unread:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                child.kill()
                child.wait()
                return None
            got = os.read(stdout.fileno(), 65536)
            if not got:
                return None
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _post_mortem(self, child: subprocess.Popen[bytes]) -> WorkerExit:
        """Say why a child that did not answer is dead."""
        words = self._last_words()
        code = child.wait()
        self._end_child()
        if code == -signal.SIGKILL:
            return WorkerExit(Reason.TOO_HEAVY, f"it took longer than {self._limits.wall_s:g} s, or all memory")
        if code == -signal.SIGXCPU:
            return WorkerExit(Reason.TOO_HEAVY, f"it took more than {self._limits.cpu_s} s of CPU time")
        if code >= 0:
            raise VerificationError(f"the engine's child process gave up with exit code {code}: {words}")
        return WorkerExit(Reason.CRASHED_READER, f"the reader ended with signal {signal.Signals(-code).name}: {words}")

    def _log(self) -> Path:
        return Path(self._scratch.name if self._scratch else ".") / "child.log"

    def _last_words(self) -> str:
        log = self._log()
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return text[-LOG_TAIL:].strip() or "no message"

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()


def _environment(scratch: str) -> dict[str, str]:
    """Return the whole environment of a child: no credential, no network, no surprise."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TMPDIR": scratch,
        "HOME": scratch,
        "CPL_TMPDIR": scratch,
        "PROJ_NETWORK": "OFF",
        "PROJ_USER_WRITABLE_DIRECTORY": scratch,
        # The same instructions on every processor: fused ones round otherwise, and the bytes would tell the worker.
        "OPENCV_CPU_DISABLE": "AVX2,FMA3,AVX512_SKX",
        "OPENBLAS_NUM_THREADS": "1",  # numpy multiplies nothing here, but each of its threads takes address space
        "MALLOC_ARENA_MAX": "2",  # as do malloc's arenas
        "MALLOC_MMAP_THRESHOLD_": "4194304",  # else glibc learns to keep a frame's arrays for the next frame
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
    }


def _stdin(child: subprocess.Popen[bytes]) -> Any:
    return child.stdin


def _stdout(child: subprocess.Popen[bytes]) -> Any:
    return child.stdout


def _judge(answer: dict[str, Any] | WorkerExit, target: Path) -> BuiltCog:
    """Return what a good answer says, or raise what a bad one means."""
    if isinstance(answer, WorkerExit):
        raise InvalidFrameError(answer.reason, answer.detail)
    if "rejected" in answer:
        raise InvalidFrameError(Reason(answer["rejected"]), answer["detail"])
    if "unavailable" in answer:
        raise ServiceUnavailableError(f"the engine cannot write or read its scratch files: {answer['unavailable']}")
    if "built" not in answer:
        raise VerificationError(answer.get("proof") or f"the engine failed: {answer.get('fault')}")
    facts = answer["built"]
    return BuiltCog(path=str(target), **{**facts, "footprint_wkb": base64.b64decode(facts["footprint_wkb"])})
