"""Measures what memory goes to: `python -m bench.memory`.

First the worker process before it sees a frame, library by library, then frames of several sizes, worked on in memory and
streamed: what is asked for is at most 2.5 times the decoded frame, and the libraries come before the first pixel.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from cogmill.cog.profiles import default_profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import GIB, MIB, Limits
from cogmill.domain.model import Bands, Product

from bench.engine import RESULTS
from bench.inputs import INPUTS, Input, make

IMPORTS = ("sys", "numpy", "osgeo.gdal", "cv2", "cogmill.cog.sandbox.worker")
"""What the worker imports, in this order; each is measured with those before it."""

SIZES = ((0, 0.2), (0, 0.5), (0, 1.0), (1, 1.0), (3, 1.0))
"""Input and its scale."""

ROUNDS = 3
RESIDENT = "open('/proc/self/status').read().split('VmRSS:')[1].split()[0]"


@dataclass(frozen=True, slots=True)
class Peak:
    """Highest resident memory of the worker with one frame."""

    frame: str
    decoded: int
    in_memory: int
    streamed: int

    @property
    def cells(self) -> str:
        """The line of a table."""
        shown = (self.decoded, self.in_memory, self.streamed)
        ratios = (self.in_memory / self.decoded, self.streamed / self.decoded)
        return (
            f"{self.frame:28}" + "".join(f"{each / MIB:8.0f}" for each in shown) + "".join(f"{r:8.1f}" for r in ratios)
        )


def imported() -> Iterator[tuple[str, int]]:
    """Yield the name of each import and the resident memory after it, bytes."""
    for number, name in enumerate(IMPORTS, start=1):
        code = f"import {', '.join(IMPORTS[:number])}; print({RESIDENT})"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        yield name, int(done.stdout) * 1024


def peak(item: Input, scale: float, in_memory_bytes: int) -> int:
    """Return the highest of the peaks of some builds of one frame, all by one worker."""
    source, target = make(item, RESULTS, scale), RESULTS / "memory.tif"
    bands = Bands.BW if item.bands == 1 else Bands.NC
    profile = default_profile(bands, Product.INDEX if item.sheet else Product.FRAMES)
    with Engine(Limits(in_memory_bytes=in_memory_bytes), threads=os.cpu_count() or 1) as engine:
        built = [
            engine.build(source, target, bands=bands, profile=profile, provenance={}, area=None) for _ in range(ROUNDS)
        ]
    target.unlink()
    return max(each.peak_rss for each in built)


def peaks() -> Iterator[Peak]:
    """Measure frames of all sizes both ways."""
    for number, scale in SIZES:
        item = INPUTS[number]
        width, height = round(item.width * scale), round(item.height * scale)
        ways = (peak(item, scale, 16 * GIB), peak(item, scale, 0))
        yield Peak(f"{width:,} x {height:,}, {item.bands} bands", width * height * item.bands, *ways)


def main() -> None:
    """Measure, print and write `results/memory.json`."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    RESULTS.mkdir(exist_ok=True)
    libraries = list(imported())
    for name, resident in libraries:
        print(f"import {name:28}{resident / MIB:8.0f} MiB")
    print(f"{'frame':28}{'decoded':>8}{'memory':>8}{'stream':>8}{'x':>8}{'x':>8}")
    found = []
    for each in peaks():
        found.append(each)
        print(each.cells, flush=True)
    report = {"libraries": dict(libraries), "frames": [[p.frame, p.decoded, p.in_memory, p.streamed] for p in found]}
    (RESULTS / "memory.json").write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
