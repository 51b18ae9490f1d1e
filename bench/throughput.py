"""Measures a batch: one engine after the other frames, against one engine per core: `python -m bench.throughput`."""

from __future__ import annotations

import argparse
import json
import os
import queue
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.model import Bands

from bench.engine import RESULTS
from bench.inputs import INPUTS, make

BAR = 1.8
"""Frames a second with all cores over frames a second with one, that is asked for on two cores."""


def batch(source: Path, frames: int, lanes: int) -> float:
    """Build a frame many times with warm engines of one thread each, and return frames a second."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        engines: queue.SimpleQueue[Engine] = queue.SimpleQueue()

        def build(number: int) -> None:
            engine = engines.get()
            target = Path(folder) / f"{number}.tif"
            profile = PROFILES["bw"]
            engine.build(source, target, bands=Bands.BW, profile=profile, provenance={}, area=None)
            engines.put(engine)

        for _ in range(lanes):
            engines.put(stack.enter_context(Engine(Limits(), threads=1)))
        with ThreadPoolExecutor(lanes) as pool:
            list(pool.map(build, range(lanes)))
            began = time.perf_counter()
            list(pool.map(build, range(frames)))
            return frames / (time.perf_counter() - began)


def main() -> None:
    """Measure, print and write `results/throughput.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--scale", type=float, default=0.28, help="size of the frames, 1 being 7,200 px")
    chosen = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    source = make(INPUTS[0], RESULTS, chosen.scale)
    cores = os.cpu_count() or 1
    one, all_cores = batch(source, chosen.frames, 1), batch(source, chosen.frames, cores)
    report = {"cores": cores, "one": one, "all": all_cores, "ratio": all_cores / one, "load": os.getloadavg()}
    (RESULTS / "throughput.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"{one:.2f} frames/s with one engine, {all_cores:.2f} with {cores}: {all_cores / one:.2f} x ({BAR} asked)")


if __name__ == "__main__":
    main()
