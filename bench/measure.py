"""Measures what a command or a call costs."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02
"""Seconds between two looks at a running program."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost."""

    wall_s: float
    cpu_s: float
    peak_rss: int
    """Bytes; of the largest process where there are several."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, max(self.peak_rss, other.peak_rss))


NOTHING = Cost(0.0, 0.0, 0)


def run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> Cost:
    """Run a program to its end and return its cost.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    peak = 0
    while True:
        peak = max(peak, _peak_of(process.pid))  # ru_maxrss would begin with the memory of this process
        done, status, used = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        time.sleep(POLL_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, peak)


def _peak_of(pid: int) -> int:
    """Return the highest resident memory of a running program, bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    _, found, after = status.partition("VmHWM:")
    return int(after.split()[0]) * 1024 if found else 0


def call(function: Callable[[], object]) -> Cost:
    """Call a function in this process and return its cost; the memory is not told apart from the rest."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    function()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, 0)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each part."""
    return Cost(
        statistics.median(each.wall_s for each in costs),
        statistics.median(each.cpu_s for each in costs),
        int(statistics.median(each.peak_rss for each in costs)),
    )
