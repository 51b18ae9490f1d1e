"""How much memory one frame may take, so that all that are built side by side fit into what this host or container has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cogmill.cog.sandbox.limits import MIB, Limits

TASK_BYTES = 384 * MIB
"""What a task keeps for itself beside its frames: Airflow's supervisor, the task's own process, bytes on their way from and to S3."""

LEAST_BYTES = 512 * MIB
"""What a frame is given at least. A worker process with its libraries takes 250 MiB of it, a frame of 50 million pixels 180 MiB."""

HOST_SHARE = 0.75
"""Share of a host's memory that is taken where no limit is set: other programs live there too."""


def task_memory(tasks: int, root: Path = Path("/")) -> int:
    """Return the bytes that the frames of one task may take together.

    Args:
        tasks: Tasks that may run at the same time below the same limit.
        root: Where /proc and /sys are.
    """
    return max(LEAST_BYTES, memory_limit(root) // tasks - TASK_BYTES)


def frame_memory(task_bytes: int, frames: int) -> int:
    """Return the bytes of one of so many frames that a task builds side by side; never more than one frame may ever take."""
    return min(Limits().memory_bytes, max(LEAST_BYTES, task_bytes // frames))


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes of memory that this process and those beside it may take: the smallest limit above it, or most of the host."""
    lines = (root / "proc/meminfo").read_text("ascii").splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    return min([int(total * HOST_SHARE), *(limit for limit in _cgroup_limits(root) if limit < total)])


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Yield the limits of the control groups of this process, version 2 and 1, from its own to the outermost that is seen."""
    for line in (root / "proc/self/cgroup").read_text("utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            folder, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # in a container the path may be that of the host, which is not seen there
        inner = folder.joinpath(path.lstrip("/"))
        for group in (inner, *inner.parents):
            if group.is_relative_to(folder) and (group / name).is_file():
                text = (group / name).read_text("ascii").strip()
                if text != "max":
                    yield int(text)
