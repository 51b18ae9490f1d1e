"""Who runs, who listens, what is mounted: read from the kernel, so that nothing is left and no port is guessed at."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

import psutil
from cogmill.domain.errors import ServiceUnavailableError

POLL_S = 0.05

STRAYS_S = 20.0
"""Time in which everything left behind must be gone."""


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def end(processes: list[psutil.Process], patience_s: float) -> None:
    """Wait for processes to end by themselves, then kill the rest. Numbers used again by others are not touched."""
    _, alive = psutil.wait_procs(processes, timeout=patience_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def end_strays(paths: Path) -> None:
    """Kill what a stack below `home` left behind.

    Looks again until nothing is found: a process that was forking while it was looked at, as a server starting its
    workers, has children that no list names yet.

    Raises:
        ServiceUnavailableError: Some do not end, such as a process that waits for a disk.
    """
    deadline = time.monotonic() + STRAYS_S
    while found := strays(paths):
        if time.monotonic() > deadline:
            raise ServiceUnavailableError(
                f"these processes below {paths} do not end: {', '.join(str(one.pid) for one in found)}"
            )
        end(found, 0)


def strays(paths: Path) -> list[psutil.Process]:
    """Return what a stack below `home` left behind: processes at work there that belong to no terminal.

    Many of them rewrite their arguments and lose their environment with it; the working folder stays.
    """
    found = [process for process in psutil.process_iter() if _works_below(process, paths)]
    return [member for one in found for member in family(one.pid)]


def _works_below(process: psutil.Process, paths: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.terminal() is None and Path(process.cwd()).is_relative_to(paths)
    return False


def listener(port: int) -> str | None:
    """Return who listens on a TCP port, as `name (pid)`, or None when it is free."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            if connection.pid is None:
                return "an unknown process"
            with contextlib.suppress(psutil.NoSuchProcess):
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return None


def is_mounted(folder: Path) -> bool:
    """Tell whether something is mounted there, without touching the folder: a dead mount would block."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return any(line.split(" ")[1] == str(folder) for line in lines)


def mount_fault(folder: Path, limit_s: float) -> str:
    """Return what is wrong with a mount, or an empty text. Listed by a child: a mount that hangs holds only that."""
    if not is_mounted(folder):
        return "nothing is mounted"
    try:
        done = subprocess.run(["ls", str(folder)], check=False, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return "the mount does not answer"
    return done.stderr.strip()


def unmount(folder: Path) -> None:
    """Detach a FUSE mount, lazily, so that an open file or a dead server cannot hold it."""
    deadline = time.monotonic() + 5
    while is_mounted(folder) and time.monotonic() < deadline:
        subprocess.run(["fusermount", "-uz", str(folder)], check=False, capture_output=True)
        time.sleep(POLL_S)
