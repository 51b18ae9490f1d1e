"""Memory or time of ours that runs out is never the frame's fault."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from cogmill.cog.sandbox import worker_process
from cogmill.cog.sandbox.engine import Engine
from cogmill.domain.errors import OutOfMemoryError, ShortageError
from cogmill.pipeline import build_cogs, ingest
from cogmill.pipeline.batches import plan_batches

from tests.small_archive import TRAVIS


class Kernel:
    """Kill workers as the kernel does when memory runs out, each right after it got a frame."""

    def __init__(self, monkeypatch, times):
        self.left, send = times, worker_process.WorkerProcess.send

        def sent(worker, request):
            send(worker, request)
            if self.left:
                self.left -= 1
                os.kill(worker.pid, signal.SIGKILL)

        monkeypatch.setattr(worker_process.WorkerProcess, "send", sent)


@pytest.fixture
def batch(sample):
    for number in (1, 2, 3):
        sample.upload_real(number)
    ingest.ingest_uploads(sample.archive)
    (batch,) = plan_batches(sample.archive, TRAVIS.id)
    return batch["frame_ids"]


def test_a_frame_whose_worker_was_killed_is_built_alone_in_the_same_task(sample, batch, monkeypatch):
    Kernel(monkeypatch, times=2)

    result = build_cogs.build_batch(sample.archive, batch, "run/1")

    assert (result.built, result.failed, result.rejected) == (3, [], [])


def test_frames_fail_and_wait_when_their_workers_are_killed_again_and_again(sample, batch, monkeypatch):
    kernel = Kernel(monkeypatch, times=100)

    result = build_cogs.build_batch(sample.archive, batch, "run/1")

    assert (result.built, result.rejected, len(result.failed)) == (0, [], 3)
    assert "memory of host or container" in result.failed[0]
    assert sample.states() == ["failed"] * 3
    assert kernel.left == 94, "once beside the others, and once alone"

    kernel.left = 0
    sample.sql("UPDATE cogmill.frame SET next_try_at = now()")
    assert build_cogs.build_batch(sample.archive, batch, "run/2").built == 3


def test_one_frame_at_a_time_has_all_memory_of_the_task(sample, batch, monkeypatch):
    given, alone, lock = [], [], threading.Lock()
    at_work = []

    def build(engine, source, *_, **__):
        with lock:
            at_work.append(source)
            given.append((engine._limits.memory_bytes, len(at_work)))
        time.sleep(0.2)
        with lock:
            at_work.remove(source)
        raise OutOfMemoryError("it needs more") if len(given) <= 3 else ShortageError("killed")

    monkeypatch.setattr(build_cogs, "task_memory", lambda tasks: 2_000_000_000 * tasks)
    monkeypatch.setattr(Engine, "build", build)
    archive = sample.archive.with_settings(build_processes=3, worker_tasks=1)

    build_cogs.build_batch(archive, batch, "run/1")

    beside, alone = given[:3], given[3:]
    assert {memory for memory, _ in beside} == {2_000_000_000 // 3}
    assert alone == [(2_000_000_000, 1)] * 3


def test_leases_of_frames_that_wait_to_be_built_alone_are_kept(sample, batch, monkeypatch):
    renewed = []
    renew = type(sample.archive.ledger.frames).renew
    monkeypatch.setattr(
        type(sample.archive.ledger.frames),
        "renew",
        lambda self, jobs, *rest: (renewed.append({job.id for job in jobs}), renew(self, jobs, *rest)),
    )
    first = []

    def build(engine, source, *_, **__):
        first.append(source)
        if len(first) > 1:
            time.sleep(0.6)
        raise ShortageError("killed")

    monkeypatch.setattr(Engine, "build", build)
    monkeypatch.setattr(build_cogs, "RENEWED_AT", 0.01)
    archive = sample.archive.with_settings(build_processes=1, lease_seconds=30)

    build_cogs.build_batch(archive, batch, "run/1")

    assert set(batch) in renewed, "the first, which waits, among them"
