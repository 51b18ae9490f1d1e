"""Starting, stopping and failing: what a person at the terminal meets."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cogmill.domain.errors import ServiceUnavailableError

from demo.stack import Stack, processes
from demo.stack.settings import LOOPBACK, REPOSITORY, Mount
from demo.stack.temporary_stack import PASSWORDS, free_ports, temporary_stack
from tests.system.probes import GET_MAP, PNG, ask, command, mapfile, put_mapfile, wait_until

pytestmark = pytest.mark.system


def members(stack: Stack) -> list[psutil.Process]:
    """The supervisor and everything below it."""
    pid = stack.supervisor.pid()
    assert pid is not None
    return processes.family(pid)


def assert_nothing_is_left(stack: Stack, before: list[psutil.Process]) -> None:
    assert [process for process in before if process.is_running()] == []
    assert processes.strays(stack.paths.root) == []
    assert not processes.is_mounted(stack.paths.mapfiles)
    ports = (stack.settings.s3_port, stack.settings.postgis_port, stack.settings.mapserver_port)
    assert [processes.listener(port) for port in ports] == [None, None, None]


def changed_picture(stack: Stack, name: str, before: bytes) -> bytes:
    """Wait for another answer than before."""
    query = f"map=/mapfiles/{name}.map{GET_MAP}"
    wait_until(lambda: ask(stack, query).content != before, 10)
    return ask(stack, query).content


def assert_no_secret_is_shown(stack: Stack, running: list[psutil.Process]) -> None:
    """Neither in process arguments, nor in any file that others may read, nor in any log."""
    passwords = [getattr(stack.settings, name).get_secret_value() for name in PASSWORDS]
    secrets = [secret.encode() for secret in [*passwords, *stack.paths.keys().values()]]
    shown = [command(process).encode() for process in running]
    files = [
        path for path in stack.paths.root.rglob("*") if path.is_file() and not path.is_relative_to(stack.paths.postgres)
    ]
    open_to_all = [path for path in files if path.stat().st_mode & 0o077 or path.suffix == ".log"]
    shown += [path.read_bytes() for path in open_to_all]
    assert [text for text in shown if any(secret in text for secret in secrets)] == []


@contextlib.contextmanager
def held(port: int) -> Iterator[None]:
    with socket.create_server((LOOPBACK, port)):
        yield


def test_nothing_is_left_when_a_stack_was_stopped() -> None:
    with temporary_stack() as stack:
        before = members(stack)

    assert len(before) > 8
    assert_nothing_is_left(stack, before)
    assert not stack.paths.root.exists()


def test_nothing_is_left_when_the_supervisor_was_killed() -> None:
    with temporary_stack() as stack:
        before = members(stack)
        os.kill(before[0].pid, signal.SIGKILL)
        before[0].wait(5)

    assert_nothing_is_left(stack, before)


def test_nothing_is_left_when_the_starting_process_was_killed() -> None:
    script = "import sys, time\nfrom demo.stack.temporary_stack import temporary_stack\n"
    script += "with temporary_stack() as stack:\n    print(stack.paths.root, flush=True)\n    time.sleep(300)\n"
    starter = subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    home = Path(next(line for line in starter.stdout if line.startswith("/")).strip())
    assert processes.strays(home)

    starter.kill()
    starter.wait()

    wait_until(lambda: not processes.strays(home), 30)
    wait_until(lambda: not processes.is_mounted(home / "mapfiles"), 5)
    subprocess.run(["rm", "-r", "--one-file-system", str(home)], check=True)


def test_second_start_changes_nothing_when_all_is_well(stack: Stack) -> None:
    before = {process.pid for process in members(stack)}
    put_mapfile(stack, "probe_kept", mapfile())

    stack.start()

    assert stack.supervisor.pid() in before
    wait_until(lambda: ask(stack, f"map=/mapfiles/probe_kept.map{GET_MAP}").content.startswith(PNG), 10)


def test_start_begins_afresh_when_the_s3_server_has_died() -> None:
    with temporary_stack() as stack:
        put_mapfile(stack, "probe_lost", mapfile())
        next(one for one in members(stack) if "moto.server" in " ".join(one.cmdline())).kill()
        wait_until(lambda: stack.status()["moto"] != "healthy", 10)

        stack.start()

        assert stack.is_healthy()
        assert "Contents" not in stack.s3_client().list_objects_v2(Bucket=stack.settings.bucket)


def test_start_names_port_and_holder_when_a_port_is_taken() -> None:
    (port,) = free_ports(1)

    with (
        held(port),
        pytest.raises(
            ServiceUnavailableError, match=rf"port {port} is in use by .*{os.getpid()}.*COGMILL_MAPSERVER_PORT"
        ),
        temporary_stack(mapserver_port=port),
    ):
        pytest.fail("must not start")


def test_start_names_program_and_cause_when_a_program_cannot_run() -> None:
    with temporary_stack() as stack:
        stack.stop()
        (stack.paths.postgres / "PG_VERSION").write_text("9.0\n")

        with pytest.raises(
            ServiceUnavailableError, match=r"(?s)postgres ended while starting.*incompatible with server"
        ):
            stack.start()

        assert processes.strays(stack.paths.root) == []


def test_mount_comes_back_when_s3fs_was_killed() -> None:
    with temporary_stack() as stack:
        put_mapfile(stack, "probe_remount", mapfile())
        next(one for one in members(stack) if one.name() == "s3fs").kill()

        wait_until(lambda: ask(stack, f"map=/mapfiles/probe_remount.map{GET_MAP}").content.startswith(PNG), 20)


def test_maps_are_served_and_replaced_when_there_is_no_fuse() -> None:
    with temporary_stack(mount=Mount.SYNC) as stack:
        put_mapfile(stack, "probe_copy", mapfile())
        before = changed_picture(stack, "probe_copy", ask(stack, f"map=/mapfiles/probe_copy.map{GET_MAP}").content)

        for colour in ("255 0 0", "0 255 0", "9 9 9"):
            put_mapfile(stack, "probe_copy", mapfile(colour))
            before = changed_picture(stack, "probe_copy", before)
            assert before.startswith(PNG)

        assert stack.paths.mapfiles.is_symlink()
        assert len([path for path in stack.paths.copies.iterdir() if path.is_dir()]) <= 2
        stack.s3_client().delete_object(Bucket=stack.settings.bucket, Key="mapfiles/probe_copy.map")
        wait_until(lambda: ask(stack, f"map=/mapfiles/probe_copy.map{GET_MAP}").status_code == 404, 10)


def test_copy_takes_over_loudly_when_fuse_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("demo.stack.control.FUSE_DEVICE", "/dev/no-fuse")

    with temporary_stack() as stack:
        put_mapfile(stack, "probe_fallback", mapfile())
        wait_until(lambda: ask(stack, f"map=/mapfiles/probe_fallback.map{GET_MAP}").content.startswith(PNG), 10)
        assert stack.is_healthy()

    assert "NO S3FS MOUNT HERE: /dev/no-fuse is missing" in capsys.readouterr().out


def test_secrets_stay_out_of_arguments_logs_and_open_files_when_everything_runs(stack: Stack) -> None:
    put_mapfile(stack, "probe_secret", mapfile())
    wait_until(lambda: ask(stack, f"map=/mapfiles/probe_secret.map{GET_MAP}").content.startswith(PNG), 10)

    assert_no_secret_is_shown(stack, members(stack))
