"""What the confinement of the worker costs: frames built with it and without, in turns: `python -m bench.confinement`.

CPU time of the worker from its start to its end, the cheapest of the rounds: what else runs on the machine only adds to it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox import worker_process
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.model import Bands

from bench.engine import RESULTS
from bench.inputs import INPUTS, make

FRAMES, ROUNDS = 4, 7
"""Frames of a worker, and workers of each kind."""

SCALE = 2000 / 7200
"""Small frames, so that what a start costs weighs more than in a real batch."""

BARE = "import os; from cogmill.cog.sandbox import worker; worker.confine = lambda at, _: os.chdir(at) or []; worker.main()"
"""A worker without its confinement."""

BAR = 1.03


def main() -> int:
    """Measure both; returns the exit code, 1 above the bar."""
    argparse.ArgumentParser(prog="python -m bench.confinement", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="cogmill-bench-") as folder:
        source = make(INPUTS[0], Path(folder), SCALE)
        rounds = [(_cost(source), _cost(source, bare=True)) for _ in range(ROUNDS)]
    confined, bare = (min(costs) for costs in zip(*rounds, strict=True))
    ratio = confined / bare
    print(f"{FRAMES} frames of 2,000 px: {confined:.2f} s of CPU time confined, {bare:.2f} s bare: {ratio:.3f} x")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "confinement.json").write_text(json.dumps({"rounds": rounds, "ratio": ratio}), encoding="utf-8")
    return int(ratio > BAR)


def _cost(source: Path, *, bare: bool = False) -> float:
    """Return the CPU seconds of a worker that builds some frames."""
    before = _children_s()
    with _bare_workers() if bare else contextlib.nullcontext(), Engine(Limits(), threads=1) as engine:
        for number in range(FRAMES):
            target = source.with_name(f"{number}.out")
            engine.build(source, target, bands=Bands.BW, profile=PROFILES[Bands.BW], provenance={}, area=None)
            target.unlink()
    return _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _bare_workers() -> Iterator[None]:
    """Start workers that skip the confinement and are the same otherwise."""

    def start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", BARE, command[-1]], **options)

    changed = types.SimpleNamespace(**{**vars(subprocess), "Popen": start})
    with mock.patch.object(worker_process, "subprocess", changed):
        yield


if __name__ == "__main__":
    sys.exit(main())
