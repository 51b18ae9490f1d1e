"""The engine's end of one worker: its pipes, its environment, the tail of what it printed, and why it ended."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from cogmill.cog.libraries import proj_folders
from cogmill.cog.sandbox.confinement import DATA_VARIABLES
from cogmill.cog.sandbox.handover import open_to_worker
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import (
    Answer,
    ProtocolError,
    Ready,
    Request,
    decode_answer,
    encode_limits,
    encode_request,
)
from cogmill.config.places import IMPORT_ROOT
from cogmill.domain.errors import Reason, VerificationError
from cogmill.domain.layout import formats_in_use

log = logging.getLogger(__name__)

STDERR_TAIL = 300
"""Characters of a worker's standard error that are kept."""

READ_BYTES = 65536

FAIR_SHARE = 0.8
"""Share of the wall clock that a worker must have spent computing before its slowness is the frame's: less says that the machine was busy,
suspended, or waited for its disk."""

OUT_OF_MEMORY = ("bad_alloc", "out of memory", "cannot allocate")
"""What a library prints, in lower case, when it aborts because memory was refused to it."""


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """The worker ended, or had to be ended, by what the frame did to it."""

    reason: Reason
    detail: str
    memory: bool = False
    """It had reached the limit of its memory."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """The worker ended, or had to be ended, by something outside of it: no fault of the frame."""

    detail: str


class WorkerProcess:
    """A running worker. Whatever happens to it, `kill` must be called in the end."""

    def __init__(self, limits: Limits, scratch: Path) -> None:
        """Start the process; it answers `Ready` when it has come up.

        Args:
            limits: What one frame may cost.
            scratch: Folder for its temporary files and for what it prints.
        """
        self.frames = 0
        """Frames sent to it so far."""
        self._limits = limits
        self._log = scratch / "worker.log"
        self._unread = b""
        self._cpu_before = 0.0
        self._cpu_in_time: float | None = None
        open_to_worker(scratch)
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cogmill.cog.sandbox.worker", encode_limits(limits), *formats_in_use()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=IMPORT_ROOT,
                env=_environment(str(scratch)),
                bufsize=0,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def comes_up(self) -> bool:
        """Wait until the process is ready, or has ended, or has had enough time."""
        try:
            answer = self.receive(self._limits.start_s)
        except ProtocolError:
            return False
        if isinstance(answer, Ready) and answer.unconfined:
            _warn_once(answer.unconfined)
        return isinstance(answer, Ready)

    def send(self, request: Request) -> None:
        """Ask for a frame.

        Raises:
            BrokenPipeError: The process has ended.
        """
        self.frames += 1
        self._cpu_before = self._cpu_seconds()
        _pipe(self._process.stdin).write(encode_request(request))

    def receive(self, seconds: float) -> Answer | None:
        """Return the next answer; None when the process ended, or was ended because it took too long.

        Raises:
            ProtocolError: It printed something else.
        """
        deadline = time.monotonic() + seconds
        stdout = _pipe(self._process.stdout)
        while b"\n" not in self._unread:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._cpu_in_time = self._cpu_seconds() - self._cpu_before
                self._process.kill()
                self._process.wait()
                return None
            got = os.read(stdout.fileno(), READ_BYTES)
            if not got:
                return None
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        return decode_answer(line)

    def _cpu_seconds(self) -> float:
        """Return the CPU seconds of the process so far, all threads together; 0 when it has ended."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def explain_exit(self) -> WorkerExit | Shortage:
        """Say why a process that did not answer has ended.

        Nobody but the kernel, when memory runs out, and the task itself, when time does, kills it. A machine that was suspended or busy
        is told from a slow frame by the CPU time: no clock on the wall can do that, for some of them stand still meanwhile.

        Raises:
            VerificationError: It ended by itself, with a Python error: our fault.
        """
        code = self._process.wait()
        tail = self.stderr_tail()
        if code == -signal.SIGKILL:
            return self._explain_kill()
        if code == -signal.SIGXCPU:
            return WorkerExit(Reason.TOO_HEAVY, f"it took more than {self._limits.cpu_s} s of CPU time")
        if code >= 0:
            raise VerificationError(f"the engine's worker gave up with exit code {code}: {tail}")
        if any(words in tail.lower() for words in OUT_OF_MEMORY):
            return WorkerExit(Reason.TOO_HEAVY, tail, memory=True)
        return WorkerExit(Reason.CRASHED_READER, f"the reader ended with signal {signal.Signals(-code).name}: {tail}")

    def _explain_kill(self) -> WorkerExit | Shortage:
        cpu_s, wall_s = self._cpu_in_time, self._limits.wall_s
        if cpu_s is None:
            return Shortage(
                "the worker process was killed, as the kernel does when the memory of host or container runs out"
            )
        if cpu_s < FAIR_SHARE * wall_s:
            return Shortage(
                f"{wall_s:g} s passed, of which the worker process computed {cpu_s:.0f}: the machine was busy or suspended"
            )
        return WorkerExit(Reason.TOO_HEAVY, f"it took longer than {wall_s:g} s")

    def stderr_tail(self) -> str:
        """Return the end of what the process printed."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return text[-STDERR_TAIL:].strip() or "no message"

    def kill(self) -> None:
        """End the process, if it still runs, and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            _pipe(pipe).close()


@cache
def _warn_once(unconfined: str) -> None:
    """Say what the kernel would not take from workers, once per process."""
    log.warning("the reader of uploads is not confined by %s: run it on a kernel that allows this", unconfined)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the worker was started without pipes")
    return pipe


def _environment(scratch: str) -> dict[str, str]:
    """Return the whole environment of a worker: no credential, no network, no surprise."""
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
        "MALLOC_TRIM_THRESHOLD_": "8388608",  # else each freed block goes back to the kernel, to be faulted in again
        "MALLOC_MMAP_THRESHOLD_": "4194304",  # else glibc learns to keep a frame's arrays for the next frame
        **{name: os.environ[name] for name in DATA_VARIABLES if name in os.environ},
        "PROJ_DATA": os.pathsep.join(map(str, proj_folders())),
    }
