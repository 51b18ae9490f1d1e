"""Run a MapServer worker that may spend only so long on one map: `request_budget.py SECONDS PROGRAM [ARGUMENT...]`.

The web server gives up on a map that takes too long, and MapServer does not learn of it: it draws to the end, for nobody, and
a few people who look at a whole collection keep all workers from all others. Neither limits of the kernel (RLIMIT_CPU counts
a whole life, and a worker waits for S3 more than it computes) nor those of GDAL and PostGIS (each request, each query) end it.

So this program becomes the worker and leaves a child behind that watches it. Whoever starts workers (systemd, supervisor,
multiwatch) sees MapServer itself, with its process id, its limits and its signals, and replaces one that was ended as it
replaces one that crashed. No request passes through here, and it needs nothing but Python: hosts and containers get this file.

Each request is a connection of its own that the worker accepted at the FastCGI socket, which is its standard input. The kernel
tells which are open (sock_diag, unix) and which are the worker's (/proc); a worker with many short requests never has the
same one for long. SIGKILL, since at SIGTERM MapServer finishes its request first. A worker that must end is stopped and looked
at once more before: it may have finished meanwhile, and taken the request of somebody who waits.

A worker keeps the COGs it has drawn open, so that a map of the same place asks S3 for nothing, and MapServer never closes one.
So a worker that has grown beyond a limit is ended too, between two requests; a new one takes its place.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

LOOK_S = 0.5
"""Seconds between two looks."""

ABANDONED_S = 3.0
"""How long a worker may go on drawing for a client that has left; most maps are finished by then, and a worker keeps its caches."""

STALE_S = 1.0
"""The same for a client that had left when the worker took the request from the queue: live ones wait behind it."""

ANSWER_S, LONGEST_S = 5.0, 15.0
"""How much longer a request may take whose answer is on its way, and how long then in all: MapServer has drawn when it begins to
answer, and half of a picture is of no use to anybody."""

ANSWER_BYTES = 16 << 10
"""By that a worker has begun to answer when it has written more since it took the request; its log and a wake-up are less."""

MEMORY_BYTES = 512 << 20
"""Resident memory beyond which a worker is replaced: that of its caches, and of some 900 open COGs."""

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP = 4, 20, 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
TCP_ESTABLISHED = 1
UDIAG_SHOW_NAME, UDIAG_SHOW_RQLEN = 0x1, 0x10
UNIX_DIAG_NAME, UNIX_DIAG_RQLEN, UNIX_DIAG_SHUTDOWN = 0, 4, 6
"""From <linux/netlink.h>, <linux/sock_diag.h> and <linux/unix_diag.h>."""

LEFT = -1
"""Of a connection whose other side has left."""

HEADER = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBHIIIII")
MESSAGE = struct.Struct("=BBBBIII")
ATTRIBUTE = struct.Struct("=HH")


def connections(path: bytes) -> dict[int, int]:
    """Return the connections accepted at a unix socket: inode, and the bytes which the other side has still to read, or LEFT.

    Raises:
        OSError: The kernel does not tell.
    """
    ask = REQUEST.pack(socket.AF_UNIX, 0, 0, 1 << TCP_ESTABLISHED, 0, UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN, 0, 0)
    found: dict[int, int] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(LOOK_S)
        kernel.send(HEADER.pack(HEADER.size + len(ask), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0) + ask)
        while True:
            for kind, data in _records(kernel.recv(1 << 18), HEADER):
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", data)[0], "sock_diag")
                inode = MESSAGE.unpack_from(data)[4]
                told = dict(_records(data[MESSAGE.size :], ATTRIBUTE))
                if told.get(UNIX_DIAG_NAME, b"").rstrip(b"\0") == path:
                    unread = struct.unpack("=II", told.get(UNIX_DIAG_RQLEN, bytes(8)))[1]
                    found[inode] = LEFT if any(told.get(UNIX_DIAG_SHUTDOWN, b"")) else unread


def _records(data: bytes, head: struct.Struct) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of netlink's messages, or of the attributes of one: both begin with their length, and are aligned."""
    while len(data) >= head.size:
        length, kind = head.unpack_from(data)[:2]
        yield kind, data[head.size : length]
        data = data[(length + 3) & ~3 :]


def sockets(pid: int) -> set[int]:
    """Return the inodes of the sockets of a process."""
    found = set()
    with os.scandir(f"/proc/{pid}/fd") as links:
        for link in links:
            with suppress(OSError):  # closed in between
                target = os.readlink(link.path)  # noqa: PTH115  # pathlib is not in Debian's smallest Python
                if target.startswith("socket:["):
                    found.add(int(target[8:-1]))
    return found


class Watch:
    """Since when a worker has had which request."""

    def __init__(self, budget_s: float) -> None:
        self.budget_s = budget_s
        self.answer_s = max(budget_s, min(budget_s + ANSWER_S, LONGEST_S))
        self.begun: dict[int, float] = {}
        self.written: dict[int, int] = {}
        self.answered: set[int] = set()
        self.patience: dict[int, float] = {}

    def verdict(self, open_now: dict[int, int], now: float, written: int = 0) -> dict[int, str]:
        """Take in what one look found; return the requests for which the worker must end, and why.

        Args:
            open_now: The worker's requests as `connections()` returns them.
            now: Seconds of a clock that only goes forward.
            written: Bytes that the worker has written in its life.
        """
        self.patience = {
            inode: self.patience.get(inode, now + (ABANDONED_S if inode in self.begun else STALE_S))
            for inode, unread in open_now.items()
            if unread == LEFT
        }
        self.begun = {inode: self.begun.get(inode, now) for inode in open_now}
        self.written = {inode: self.written.get(inode, written) for inode in open_now}
        grown = {inode for inode in open_now if written - self.written[inode] > ANSWER_BYTES}
        self.answered = grown | {inode for inode, unread in open_now.items() if unread > 0 or inode in self.answered}
        overdue = {}
        for inode, since in self.begun.items():
            limit = self.answer_s if inode in self.answered else self.budget_s
            if now - since >= limit:
                overdue[inode] = f"its map took longer than {limit:g} s"
            elif now >= self.patience.get(inode, now + 1):
                overdue[inode] = "nobody waits for its map any more"
        return overdue


def requests(worker: int, path: bytes) -> dict[int, int]:
    """Return the requests that a worker has, as `connections()` does.

    Raises:
        OSError: The kernel does not tell, or the worker is gone.
    """
    accepted = connections(path)
    mine = sockets(worker) if accepted else set()
    return {inode: unread for inode, unread in accepted.items() if inode in mine}


def resident(pid: int) -> int:
    """Return the resident memory of a process, bytes."""
    with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123  # pathlib is not in Debian's smallest Python
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def written(pid: int) -> int:
    """Return how many bytes a process has written, to FastCGI among others; libcurl and libpq send. 0 where that is hidden."""
    with suppress(OSError), open(f"/proc/{pid}/io", "rb") as file:  # noqa: PTH123  # no pathlib in Debian's smallest Python
        return next(int(line.split()[1]) for line in file if line.startswith(b"wchar:"))
    return 0


def end(worker: int, path: bytes, why: Callable[[dict[int, int]], str]) -> bool:
    """End a worker, our parent, if what it has now is still a reason; tell whether it was ended.

    It is stopped while it is looked at, and goes on whatever happens: a signal that would end us meanwhile waits.

    Args:
        worker: Its process.
        path: The socket.
        why: Returns the reason for requests as `requests()` returns them; an empty text is none.
    """
    polite = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, polite)
    try:
        os.kill(worker, signal.SIGSTOP)
        _wait_until_stopped(worker)
        reason = why(requests(worker, path))
        if not reason or os.getppid() != worker:
            return False
        sys.stderr.write(f"MapServer worker {worker} is ended: {reason}\n")
        os.kill(worker, signal.SIGKILL)
        return True
    finally:
        if os.getppid() == worker:
            os.kill(worker, signal.SIGCONT)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, polite)


def _wait_until_stopped(pid: int) -> None:
    """Wait until a process takes no further step. One that waits for a dead mount or disk takes none either, and never stops."""
    patience = time.monotonic() + LOOK_S
    while time.monotonic() < patience:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # pathlib is not in Debian's smallest Python
            if file.read().rpartition(b") ")[2][:1] == b"T":
                return
        time.sleep(0.01)


def _still(overdue: dict[int, str], open_now: dict[int, int]) -> str:
    """Return why a worker must end whose requests were overdue a moment ago."""
    return next((reason for inode, reason in overdue.items() if inode in open_now), "")


def _too_large(grown: int, open_now: dict[int, int]) -> str:
    """Return why a worker must end that is large, and has nothing to do."""
    return "" if open_now else f"it has grown to {grown >> 20} MiB"


def watch(worker: int, path: bytes, budget_s: float) -> None:
    """Look at a worker, our parent, until it is gone, and end it when it must."""
    course = Watch(budget_s)
    while os.getppid() == worker:
        # While it is our parent its number is nobody else's. What cannot be seen now is looked at again.
        with suppress(OSError):
            open_now = requests(worker, path)
            overdue = course.verdict(open_now, time.monotonic(), written(worker))
            if overdue and end(worker, path, partial(_still, overdue)):
                return
            grown = resident(worker)
            if grown > MEMORY_BYTES and not open_now and end(worker, path, partial(_too_large, grown)):
                return
        time.sleep(LOOK_S)


def main(arguments: list[str]) -> None:
    """Become the program, with a child that watches."""
    budget_s, program = float(arguments[0]), arguments[1:]
    worker = os.getpid()
    try:
        with socket.socket(fileno=os.dup(0)) as listening:
            path = os.fsencode(listening.getsockname())
        connections(path)
    except (OSError, TypeError) as err:
        # Maps without a limit are better than none.
        sys.stderr.write(f"MapServer worker {worker} cannot be watched: {err}\n")
    else:
        if not os.fork():
            os.close(0)
            watch(worker, path, budget_s)
            return
    os.execv(program[0], program)  # noqa: S606  # named in full by whoever starts it


if __name__ == "__main__":
    main(sys.argv[1:])
