"""The seccomp filter of the worker: system calls that are answered with "not permitted"."""

from __future__ import annotations

import errno
import struct

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""By name: how the kernel calls it, and the column of `REFUSED`."""

REFUSED = {
    # network, unix sockets included: what the worker says goes through pipes that it has
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "io_uring_setup": (425, 425),
    # programs and processes; threads are let through below
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "perf_event_open": (298, 241),
    # doors into the kernel, and ways around file permissions
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
}
"""Numbers on x86_64 and aarch64, from <asm/unistd.h>."""

CLONE, CLONE3 = (56, 220), 435
CLONE_THREAD = 0x0001_0000

LOAD, JUMP_EQUAL, JUMP_SET, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
ALLOW, ERROR = 0x7FFF_0000, 0x0005_0000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Where these stand in what the filter sees, bytes."""
X32 = 0x4000_0000
"""Numbers from here on are of another set of system calls of x86_64."""


def filter_program(machine: str) -> bytes:
    """Return the filter as the kernel reads it.

    Raises:
        OSError: The architecture is not known.
    """
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOTSUP, f"no filter for {machine}")
    architecture, column = ARCHITECTURES[machine]
    refused = sorted({number for numbers in REFUSED.values() if (number := numbers[column]) is not None})
    denied, unknown = ERROR | errno.EPERM, ERROR | errno.ENOSYS
    lines = [
        _line(LOAD, ARCHITECTURE),
        _line(JUMP_EQUAL, architecture, 1, 0),
        _line(RETURN, denied),
        _line(LOAD, NUMBER),
        _line(JUMP_GREATER_EQUAL, X32, 0, 1),
        _line(RETURN, denied),
        # The C library asks for clone where there is no clone3, whose arguments no filter can read.
        _line(JUMP_EQUAL, CLONE3, 0, 1),
        _line(RETURN, unknown),
    ]
    for number in refused:
        lines += [_line(JUMP_EQUAL, number, 0, 1), _line(RETURN, denied)]
    lines += [
        _line(JUMP_EQUAL, CLONE[column], 0, 3),
        _line(LOAD, FIRST_ARGUMENT),
        _line(JUMP_SET, CLONE_THREAD, 1, 0),
        _line(RETURN, denied),
        _line(RETURN, ALLOW),
    ]
    return b"".join(lines)


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction; the jumps are instructions to pass over."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
