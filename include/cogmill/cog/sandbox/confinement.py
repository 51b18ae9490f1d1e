"""Take from the worker what a frame does not need: network, other processes, other people's files, and root.

Called once in the worker, after everything is imported and before the first byte of an upload is read. Each of the parts is
asked of the kernel by itself; what it refuses is named, the parent says so in its log, and the worker goes on with the rest.

Landlock (Linux 5.13) leaves the worker its own folder to write and the programs of the system to read, so /proc of other
processes and the secrets of its parent do not exist for it. A seccomp filter ends sockets, programs, new processes and looks into
other processes. Where the task runs as root the worker takes a number that belongs to nobody.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cogmill.cog.sandbox import system_calls
from cogmill.config.places import IMPORT_ROOT

WORKER_ID = 64_951
"""User and group of the worker where its parent is root: reserved by Debian's policy, so no account has it."""

READABLE = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/sys/devices/system", "/sys/fs/cgroup")
"""Programs, libraries, data of PROJ and GDAL, and what libraries ask about the machine."""

READABLE_FILES = ("/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/filesystems", "/dev/urandom", "/dev/zero")

WRITABLE_FILES = ("/dev/null",)

DATA_VARIABLES = ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "LD_LIBRARY_PATH")
"""Variables that say where libraries find their data: all that the worker gets of its parent's environment, and more folders to read."""

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 4, 22, 38, 2
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
"""Numbers of system calls, the same on every architecture."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
READ_ONLY = EXECUTE | READ_FILE | READ_DIR
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Rights over files that a version of Landlock knows; those of the newest version that is not newer."""
NETWORK_ABI, SCOPE_ABI = 4, 6

LIBC = ctypes.CDLL(None, use_errno=True)


def confine(folder: Path, largest_file: int) -> list[str]:
    """Confine this process for good, and return what could not be taken from it, with the reason.

    Must be called by the only thread: those that start later inherit what this one has lost. Afterwards the folder is the working
    directory, and temporary files lie in it.

    Args:
        folder: The only place where the worker may write; it belongs to nobody else.
        largest_file: Bytes of the largest file that may be written.
    """
    os.chdir(folder)
    tempfile.tempdir = "."  # its path may lead through folders that only the parent may enter
    os.umask(0o077)
    refused = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    parts: tuple[tuple[str, Callable[[], None]], ...] = (
        ("another user", _become_nobody),
        ("Landlock", _close_file_system),
        ("seccomp", _close_kernel),
    )
    for name, part in parts:
        try:
            part()
        except OSError as err:
            refused.append(f"{name} ({err.strerror})")
    return refused


def _check(result: int) -> int:
    """Return the result of a call of the C library.

    Raises:
        OSError: It failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _become_nobody() -> None:
    """Give root up, if this is root; the number that is left owns nothing but the folder."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(WORKER_ID, WORKER_ID, WORKER_ID)
    os.setresuid(WORKER_ID, WORKER_ID, WORKER_ID)
    # Else /proc/self would stay root's, and the memory of a frame could not be measured.
    _check(LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))


def _close_file_system() -> None:
    """Leave nothing but the working directory to write, and what programs need to read.

    Raises:
        OSError: The kernel has no Landlock, or it is switched off.
    """
    version = _check(LIBC.syscall(LANDLOCK_CREATE_RULESET, None, 0, 1))
    rights = RIGHTS_BY_ABI[max(abi for abi in RIGHTS_BY_ABI if abi <= version)]
    network = 0b11 if version >= NETWORK_ABI else 0  # TCP: no port to bind, none to connect to
    scope = 0b11 if version >= SCOPE_ABI else 0  # abstract sockets and signals stay among its own
    attributes = struct.pack("=QQQ", rights, network, scope)
    size = 24 if version >= SCOPE_ABI else 16 if version >= NETWORK_ABI else 8
    ruleset = _check(LIBC.syscall(LANDLOCK_CREATE_RULESET, attributes, size, 0))
    try:
        for path, allowed in _allowed(rights):
            _allow(ruleset, path, allowed)
        _check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _check(LIBC.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allowed(rights: int) -> Iterator[tuple[str, int]]:
    """Yield paths and what is allowed below them."""
    yield ".", rights & ~EXECUTE
    named = [folder for name in DATA_VARIABLES for folder in os.environ.get(name, "").split(":") if folder]
    for path in (*READABLE, sys.prefix, sys.base_prefix, str(IMPORT_ROOT), *named, f"/proc/{os.getpid()}"):
        yield path, rights & READ_ONLY
    for path in READABLE_FILES:
        yield path, rights & READ_FILE
    for path in (*WRITABLE_FILES, f"/proc/{os.getpid()}/clear_refs"):
        yield path, rights & (READ_FILE | WRITE_FILE | TRUNCATE)


def _allow(ruleset: int, path: str, allowed: int) -> None:
    """Add a rule, where there is such a path."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not os.path.isdir(path):  # noqa: PTH112  # as it was opened
                allowed &= READ_FILE | WRITE_FILE | EXECUTE | TRUNCATE | IOCTL_DEV
            rule = struct.pack("=Qi", allowed, place)
            _check(LIBC.syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0))
        finally:
            os.close(place)


def _close_kernel() -> None:
    """Refuse system calls that no frame needs; see `system_calls`.

    Raises:
        OSError: The kernel takes no filter, or the architecture is not known.
    """
    program = system_calls.filter_program(platform.machine())

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    # The instructions may hold zeros, which end a string but not a buffer.
    buffer = ctypes.create_string_buffer(program, len(program))
    given = Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_char_p))
    _check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0))
