"""What the worker cannot do, tried in a process that is confined as the worker is."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cogmill.cog.sandbox import confinement, worker_process
from cogmill.cog.sandbox.confinement import WORKER_ID
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.handover import handed_over, open_to_worker
from cogmill.cog.sandbox.limits import Limits
from cogmill.config.places import IMPORT_ROOT
from cogmill.domain.errors import VerificationError

from tests.cogmill.cog.engine_scenes import colour, photograph, upload
from tests.cogmill.cog.sandbox.test_isolation import build

PROGRAM = """
import os, socket, subprocess, sys, threading, time
from pathlib import Path
from cogmill.cog.sandbox import confinement
{before}
refused = confinement.confine(Path(sys.argv[1]), 1 << 20)
parent = int(sys.argv[2])
try:
    print(repr({attempt}))
except BaseException as err:
    print(type(err).__name__)
print(refused)
"""

KERNEL_HAS_IT = confinement.LIBC.syscall(confinement.LANDLOCK_CREATE_RULESET, None, 0, 1) >= 1


def attempt(folder: Path, what: str, before: str = "") -> tuple[str, str]:
    """Try an expression in a confined process; return its value or the name of its error, and what confinement lacked."""
    open_to_worker(folder)
    command = [sys.executable, "-c", PROGRAM.format(attempt=what, before=before), str(folder), str(os.getpid())]
    done = subprocess.run(command, cwd=IMPORT_ROOT, capture_output=True, text=True, check=False, timeout=60)
    value, refused = done.stdout.splitlines() or ("", done.stderr)
    return value, refused


FORBIDDEN = {
    "an address on the network": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "a datagram": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "a socket of this machine": "socket.socket(socket.AF_UNIX)",
    "a netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "another program": "os.execv('/bin/true', ['true'])",
    "a child": "os.fork()",
    "a program as a child": "subprocess.run(['/bin/true'])",
    "a namespace of its own": "confinement._check(confinement.LIBC.unshare(0x10000000))",
    "the memory of its parent": "confinement._check(confinement.LIBC.ptrace(16, parent, 0, 0))",
}
NEEDS_LANDLOCK = {
    "accounts of the machine": "open('/etc/passwd').read()",
    "the environment of its parent": "open(f'/proc/{parent}/environ').read()",
    "the command line of its parent": "open(f'/proc/{parent}/cmdline').read()",
    "a list of temporary files": "os.listdir('/tmp')",
    "a temporary file of its own elsewhere": "open('/tmp/cogmill-confined', 'w')",
    "a file in shared memory": "open('/dev/shm/cogmill-confined', 'w')",
    "a file beside its program": f"open({str(IMPORT_ROOT / 'confined')!r}, 'w')",
    "a change of its program": f"open({str(IMPORT_ROOT / 'cogmill/__init__.py')!r}, 'a')",
    "a way up": "os.listdir('..')",
}


@pytest.mark.parametrize("what", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_cannot_have(tmp_path: Path, what: str) -> None:
    assert attempt(tmp_path, what)[0] == "PermissionError"


@pytest.mark.skipif(not KERNEL_HAS_IT, reason="NOT RUN: this kernel has no Landlock")
@pytest.mark.parametrize("what", NEEDS_LANDLOCK.values(), ids=NEEDS_LANDLOCK.keys())
def test_cannot_see(tmp_path: Path, what: str) -> None:
    value, refused = attempt(tmp_path, what)

    assert (value, refused) == ("PermissionError", "[]")


ALLOWED = {
    "a file in its folder": "[Path('a').write_text('b'), Path('a').read_text(), os.unlink('a')][1] == 'b'",
    "a folder in its folder": "os.mkdir('c') is None and os.rmdir('c') is None",
    "its own status": "'VmHWM' in Path('/proc/self/status').read_text()",
    "threads": "[thread := threading.Thread(target=time.time), thread.start(), thread.join()][1] is None",
    "the data of its libraries": "bool(os.listdir('/usr/share'))",
    "an import": "__import__('json').dumps({}) == '{}'",
}


@pytest.mark.parametrize("what", ALLOWED.values(), ids=ALLOWED.keys())
def test_has(tmp_path: Path, what: str) -> None:
    assert attempt(tmp_path, what)[0] == "True"


def test_no_file_grows_beyond_the_limit(tmp_path: Path) -> None:
    assert attempt(tmp_path, "Path('a').write_bytes(bytes((1 << 20) + 1))")[0] == "OSError"


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can become another user")
def test_is_nobody_where_its_parent_is_root(tmp_path: Path) -> None:
    tried = "(os.getresuid(), os.getresgid(), os.getgroups())"

    assert attempt(tmp_path, tried)[0] == repr(((WORKER_ID,) * 3, (WORKER_ID,) * 3, []))
    assert attempt(tmp_path, "os.setuid(0)")[0] == "PermissionError"


def test_says_what_the_kernel_refuses_and_goes_on_with_the_rest(tmp_path: Path) -> None:
    value, refused = attempt(tmp_path, "socket.socket()", before="confinement.LANDLOCK_CREATE_RULESET = 9999")

    assert value == "PermissionError"
    assert refused == "['Landlock (Function not implemented)']"


def test_a_worker_that_is_not_confined_is_named_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            worker_process._warn_once("Landlock (a test)")

    assert [record.getMessage() for record in caplog.records] == [
        "the reader of uploads is not confined by Landlock (a test): run it on a kernel that allows this"
    ]


def test_the_worker_that_builds_frames_is_confined(tmp_path: Path) -> None:
    source = upload(tmp_path / "a.tif", photograph(300, 300))
    before = source.stat()

    with Engine(Limits()) as engine:
        built = build(engine, source)
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{engine._worker.pid}/status").read_text().splitlines()
        )

    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert os.geteuid() != 0 or status["Uid"].split() == [str(WORKER_ID)] * 4
    assert built.path == str(source.with_suffix(".out"))
    assert (source.stat().st_uid, source.stat().st_ino) == (before.st_uid, before.st_ino)


def test_hands_over_one_file_and_leaves_nothing(tmp_path: Path) -> None:
    folder, source = tmp_path / "worker", tmp_path / "a b.tif"
    folder.mkdir()
    source.write_bytes(b"II*")
    (tmp_path / "a b.tif.aux.xml").write_text("x")

    with handed_over(source, tmp_path / "out.tif", folder) as frame:
        seen = list((folder / frame.source).parent.iterdir())
        (folder / frame.target).write_bytes(b"made")
        frame.take_back(tmp_path / "out.tif")

    assert [one.name for one in seen] == ["a b.tif"]
    assert (tmp_path / "out.tif").read_bytes() == b"made"
    assert list(folder.iterdir()) == []
    assert source.read_bytes() == b"II*"


FIRST_FRAMES = """
import sys
from pathlib import Path
from cogmill.cog.sandbox import worker
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.sandbox.protocol import BuildRequest
from cogmill.domain.model import Bands, BuiltCog

worker._configure(())
loaded = set(sys.modules)
for name, source in zip(("bw", "bw", "nc"), sys.argv[1:]):
    request = BuildRequest(Path(source), Path(source + ".cog"), Bands(name), PROFILES[name], {}, None, 1)
    assert isinstance(worker._answer(request, Limits()), BuiltCog)
print(sorted(set(sys.modules) - loaded))
"""


def test_nothing_is_imported_once_the_worker_is_confined(tmp_path):
    sources = [
        upload(tmp_path / "bw.tif", photograph(600, 700), degrees=3, nodata=0),
        upload(tmp_path / "mercator.tif", photograph(600, 700), epsg=3857),
        upload(tmp_path / "nc.tif", colour(600, 700), epsg=4326),
    ]

    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAMES, *map(str, sources)],
        cwd=IMPORT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "[]\n", done.stderr


def test_error_of_ours_is_never_the_fault_of_a_frame(tmp_path, monkeypatch):
    """A worker that ends with a Python error, here since it is sent what it cannot read."""
    monkeypatch.setattr(worker_process, "encode_request", lambda _: b"nonsense\n")

    with Engine(Limits()) as engine, pytest.raises(VerificationError, match="exit code 1"):
        build(engine, upload(tmp_path / "frame.tif", photograph(600, 700)), tmp_path)
