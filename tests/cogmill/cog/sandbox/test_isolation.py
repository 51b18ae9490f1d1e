from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cogmill.cog.profiles import PROFILES, Profile
from cogmill.cog.sandbox import worker_process
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import GIB, MIB, Limits
from cogmill.config.places import IMPORT_ROOT
from cogmill.domain.errors import InvalidFrameError, OutOfMemoryError, Reason, ShortageError
from cogmill.domain.model import Bands

from tests.cogmill.cog.engine_scenes import AREA, photograph, upload
from tests.cogmill.cog.test_bad_input import raw_band, vrt

PLAIN = dataclasses.replace(PROFILES["bw"], collar=False)
SLOW = dataclasses.replace(PROFILES["webp_lossless"], collar=False)


def build(engine: Engine, source: Path, profile: Profile = PLAIN):
    target = source.with_suffix(".out")
    return engine.build(source, target, bands=Bands.BW, profile=profile, provenance={}, area=AREA)


@pytest.fixture
def small(tmp_path) -> Path:
    return upload(tmp_path / "small.tif", photograph(300, 300))


@pytest.fixture
def large(tmp_path) -> Path:
    return upload(tmp_path / "large.tif", photograph(2200, 2200))


def reason_of(engine: Engine, source: Path, profile: Profile = PLAIN) -> Reason:
    with pytest.raises(InvalidFrameError) as rejection:
        build(engine, source, profile)
    assert not source.with_suffix(".out").exists()
    assert not source.with_suffix(".out.part").exists()
    return rejection.value.reason


def test_rejects_as_too_heavy_when_the_wall_clock_runs_out_and_goes_on(small, large, monkeypatch):
    monkeypatch.setattr(worker_process, "FAIR_SHARE", 0.0)  # this machine may be busy
    with Engine(Limits(wall_s=0.6)) as engine:
        assert reason_of(engine, large, SLOW) is Reason.TOO_HEAVY
        assert build(engine, small).size > 0


def test_rejects_as_too_heavy_when_cpu_time_runs_out_and_goes_on(small, large):
    with Engine(Limits(cpu_s=0)) as engine:
        assert reason_of(engine, large, SLOW) is Reason.TOO_HEAVY
        assert build(engine, small).size > 0


def test_rejects_as_too_heavy_when_memory_runs_out_and_goes_on(small, tmp_path):
    huge = upload(tmp_path / "huge.tif", photograph(9000, 9000))
    with Engine(Limits(memory_bytes=700 * MIB, in_memory_bytes=GIB), threads=2) as engine:
        build(engine, small)
    with Engine(Limits(memory_bytes=330 * MIB, in_memory_bytes=GIB)) as engine:
        assert reason_of(engine, huge) is Reason.TOO_HEAVY
        assert build(engine, small).size > 0


def crash(engine: Engine, times: int, blow: signal.Signals = signal.SIGSEGV) -> threading.Thread:
    """Send the worker a signal, a segmentation fault by default, in each of its next frames."""

    def strike() -> None:
        struck: set[int] = set()
        while len(struck) < times:
            worker = engine._worker
            if worker is not None and worker.frames and worker.pid not in struck:
                time.sleep(0.3)
                os.kill(worker.pid, blow)
                struck.add(worker.pid)
            time.sleep(0.01)

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


def test_tries_once_more_when_the_worker_crashes(large):
    with Engine(Limits()) as engine:
        thread = crash(engine, times=1)
        assert build(engine, large, SLOW).size > 0
        thread.join()


def test_rejects_as_crashed_when_the_worker_crashes_twice_and_goes_on(small, large):
    with Engine(Limits()) as engine:
        thread = crash(engine, times=2)
        assert reason_of(engine, large, SLOW) is Reason.CRASHED_READER
        thread.join()
        assert build(engine, small).size > 0


def test_blames_no_frame_when_the_kernel_kills_the_worker(small, large):
    with Engine(Limits()) as engine:
        thread = crash(engine, times=1, blow=signal.SIGKILL)
        with pytest.raises(ShortageError, match="memory of host or container"):
            build(engine, large, SLOW)
        thread.join()
        assert build(engine, small).size > 0


def test_blames_no_frame_when_the_worker_stood_still(small, large):
    """As on a machine that was suspended, or had no time for it."""
    with Engine(Limits(wall_s=3.0)) as engine:
        build(engine, small)
        thread = crash(engine, times=1, blow=signal.SIGSTOP)
        with pytest.raises(ShortageError, match="busy or suspended"):
            build(engine, large, SLOW)
        thread.join()
        assert build(engine, small).size > 0


def test_says_how_much_memory_was_not_enough(tmp_path):
    huge = upload(tmp_path / "huge.tif", photograph(9000, 9000))
    with (
        Engine(Limits(memory_bytes=330 * MIB, in_memory_bytes=GIB)) as engine,
        pytest.raises(OutOfMemoryError, match="more than 330 MiB of memory"),
    ):
        build(engine, huge)


@pytest.mark.parametrize(
    ("printed", "memory"),
    [("terminate called after throwing an instance of 'std::bad_alloc'", True), ("free(): invalid pointer", False)],
)
def test_an_abort_for_want_of_memory_is_no_crash_of_the_reader(tmp_path, printed, memory):
    program = f"import os, sys; print({printed!r}, file=sys.stderr, flush=True); os.abort()"
    process = worker_process.WorkerProcess(Limits(), tmp_path)
    process.kill()
    with (tmp_path / "worker.log").open("wb") as log:
        process._process = subprocess.Popen(
            [sys.executable, "-c", program], stderr=log, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    exit_ = process.explain_exit()
    process.kill()

    assert exit_.memory == memory
    assert exit_.reason is (Reason.TOO_HEAVY if memory else Reason.CRASHED_READER)


def test_passes_no_secret_to_the_worker(small, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("COGMILL_ANYTHING", "canary")

    with Engine(Limits()) as engine:
        build(engine, small)
        environment = Path(f"/proc/{engine._worker.pid}/environ").read_bytes()

    assert b"canary" not in environment
    assert b"PROJ_NETWORK=OFF" in environment


def test_leaves_no_process_when_its_parent_is_killed(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from cogmill.cog.sandbox.engine import Engine\n"
        "from cogmill.cog.sandbox.limits import Limits\n"
        "engine = Engine(Limits(), scratch=Path(sys.argv[1])).__enter__()\n"
        "print(engine._warm_worker().pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=IMPORT_ROOT, capture_output=True, text=True, check=False
    ).stdout
    worker = Path(f"/proc/{int(output)}")

    deadline = time.monotonic() + 10
    while worker.exists() and "Z" not in worker.joinpath("stat").read_text().split()[2] and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not worker.exists() or worker.joinpath("stat").read_text().split()[2] == "Z"


def test_leaves_nothing_in_its_scratch_folder(small, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    with Engine(Limits(), scratch=scratch) as engine:
        build(engine, small)

    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT RUN: strace is not installed")
@pytest.mark.parametrize("make", [vrt, raw_band, lambda path: upload(path, photograph(300, 300))])
def test_opens_nothing_outside_the_temporary_folder(tmp_path, make):
    source = make(tmp_path / "a.tif")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset/>", encoding="ascii")
    (tmp_path / "a.tif.ovr").write_bytes(b"II*\0")
    with Engine(Limits(), scratch=tmp_path) as engine:
        build(engine, upload(tmp_path / "first.tif", photograph(300, 300), degrees=3))
        log = tmp_path / "trace.log"
        tracer = subprocess.Popen(
            [
                "strace",
                "-f",
                "-p",
                str(engine._worker.pid),
                "-e",
                "trace=open,openat,creat,execve,unlink,rename,%network",
                "-o",
                str(log),
            ],
            stderr=subprocess.PIPE,
        )
        if b"attached" not in tracer.stderr.readline():
            tracer.kill()
            tracer.wait()
            pytest.skip("NOT RUN: tracing is not permitted here")
        with contextlib.suppress(InvalidFrameError):
            build(engine, source)
        tracer.terminate()
        tracer.wait()

    lines = [line for line in log.read_text().splitlines() if '"' in line or "socket" in line]
    allowed = (
        str(tmp_path),
        "/proc/",
        "/sys/devices/system/cpu",
        "/usr/share/proj",
        "/usr/local/share/proj",
        "/usr/share/gdal",
        sys.prefix,
        "/usr/lib",
        "frame-",  # in the worker's folder, which is below `tmp_path`
        '."',
        "<VRTDataset",  # a text that GDAL tries as a name first; of a call that was interrupted no result stands in its line
    )
    outside = [line for line in lines if not any(f'"{start}' in line for start in allowed)]
    assert [line for line in outside if "ENOENT" not in line] == []
    assert not any("aux.xml" in line or ".ovr" in line or "passwd" in line for line in lines)


def test_gives_the_next_frame_its_own_answer_when_a_task_is_interrupted(small, large, monkeypatch):
    with Engine(Limits()) as engine:
        before = build(engine, small)
        worker = engine._worker
        monkeypatch.setattr(worker, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build(engine, large)
        after = build(engine, small)

        assert after.sha256 == before.sha256
        assert engine._worker.pid != worker.pid


def interrupt(seconds: float) -> None:
    raise KeyboardInterrupt
