"""The supervisor's process: `python -m demo.stack.daemon <configuration> [bound]`.

It adopts orphans: a process whose parent dies stays below the supervisor, so that stopping finds every last one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from supervisor import supervisord

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""Both from <linux/prctl.h>."""


def main(configuration: str, bound: str = "") -> None:
    """Run the supervisor in the foreground until it is told to shut down, or, when bound, until its parent dies."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    if bound:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.umask(0o022)
    supervisord.main(["--nodaemon", "--configuration", configuration])


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


if __name__ == "__main__":
    main(*sys.argv[1:])
