"""Measures the frame engine against its baselines and against the lower bound: `python -m bench.engine`.

All take turns on the same inputs within one run, so that what else the machine does hits them alike; what counts are
the ratios of the medians. Prints a table and writes JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cogmill.cog.profiles import default_profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.model import Bands, Product
from osgeo import gdal

from bench import baselines
from bench.inputs import INPUTS, Input, make
from bench.lower_bound import levels_of, lower_bound
from bench.measure import Cost, call, median
from bench.store import Bucket

RESULTS = Path(__file__).parent / "results"

BARS = {"gdal": 2.5, "rio": 3.0, "old+s3": 2.0, "old": 1.0}
"""Wall time of a baseline over ours, geometric mean over the inputs, that is asked for."""


class Bench:
    """One input and everything that is measured on it."""

    def __init__(  # noqa: PLR0913, PLR0917 - one of each of what a measurement needs
        self, item: Input, source: Path, engine: Engine, rio: Path, bucket: Bucket, threads: int
    ) -> None:
        self.item, self.source, self.engine, self.rio, self.bucket, self.threads = (
            item,
            source,
            engine,
            rio,
            bucket,
            threads,
        )
        self.sizes: dict[str, int] = {}
        self.journeys: dict[str, tuple[list[Path], list[Path]]] = {}
        """By name of a way, the files it gets from S3 and those it puts there."""
        bucket.put(source)
        self.ours = RESULTS / "ours.tif"
        self.run_ours(RESULTS)
        self.levels = levels_of(self.ours)

    def run_ours(self, _folder: Path) -> Cost:
        """Build with the warm engine; verification and hash are part of it."""
        bands = Bands.BW if self.item.bands == 1 else Bands.NC
        profile = default_profile(bands, Product.INDEX if self.item.sheet else Product.FRAMES)
        began = time.perf_counter()
        built = self.engine.build(self.source, self.ours, bands=bands, profile=profile, provenance={}, area=None)
        self.sizes["ours"] = built.size
        self.journeys["ours"] = ([self.source], [self.ours])
        return Cost(time.perf_counter() - began, built.cpu_s, built.peak_rss)

    def run_old(self, folder: Path) -> Cost:
        """Run the predecessor's chain on local files."""
        cost, files = baselines.old_chain(self.item, self.source, folder)
        self.sizes["old"] = files[-1].stat().st_size
        # Each step of the chain fetched what the step before had put.
        self.journeys["old"] = ([*files[:3], files[2]], files[1:])
        return cost

    def travel(self, name: str) -> Cost:
        """Fetch and put what a way fetches and puts when source and COG live in S3."""
        fetched, put = self.journeys[name]

        def go() -> None:
            for path in put:
                self.bucket.put(path)
            for path in fetched:
                self.bucket.get(path)

        return call(go)

    def run_gdal(self, folder: Path) -> Cost:
        """Run gdalwarp and gdal_translate -of COG."""
        cost, cog = baselines.gdal_alone(self.item, self.source, folder)
        self.sizes["gdal"] = cog.stat().st_size
        return cost

    def run_gdal_one_step(self, folder: Path) -> Cost:
        """Run gdalwarp -dstalpha -of COG."""
        return baselines.gdal_one_step(self.item, self.source, folder)[0]

    def run_rio(self, folder: Path) -> Cost:
        """Run rio warp and rio cogeo create."""
        cost, cog = baselines.rio_cogeo(self.rio, self.item, self.source, folder)
        self.sizes["rio"] = cog.stat().st_size
        return cost

    def run_lower_bound(self, _folder: Path) -> Cost:
        """Read the source and compress every block."""
        return call(lambda: lower_bound(self.source, self.levels, self.threads))

    def run_warp(self, _folder: Path) -> Cost:
        """Warp the decoded picture in memory, without a mask."""
        if self.item.epsg == 3857:  # noqa: PLR2004
            return Cost(0.0, 0.0, 0)
        source = gdal.GetDriverByName("MEM").CreateCopy("", gdal.Open(str(self.source)))
        warping = {"format": "MEM", "dstSRS": "EPSG:3857", "resampleAlg": "bilinear", "warpMemoryLimit": 512}
        return call(lambda: gdal.Warp("", source, warpOptions=[f"NUM_THREADS={self.threads}"], **warping))

    def measure(self, rounds: int, wanted: list[str]) -> dict[str, Any]:
        """Return the median cost of each candidate, all taking turns."""
        ways: dict[str, Callable[[Path], Cost]] = {name: getattr(self, f"run_{name}") for name in wanted}
        costs: dict[str, list[Cost]] = {}
        for number in range(rounds):
            for name, way in ways.items():
                with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
                    cost = way(Path(folder))
                    costs.setdefault(name, []).append(cost)
                    if name in self.journeys:
                        costs.setdefault(f"{name}+s3", []).append(cost + self.travel(name))
                print(f"  {self.item.name} round {number + 1} {name}: {cost.wall_s:.2f} s", flush=True)
        return {name: dataclasses.asdict(median(each)) for name, each in costs.items()} | {"sizes": self.sizes}


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as a table: wall seconds, CPU seconds and peak memory, and the ratios to ours."""
    names = [name for name in next(iter(results.values())) if name not in ("sizes", "load")]
    lines = ["wall s (CPU s, MiB)".ljust(14) + "".join(name.rjust(22) for name in names)]
    for item, found in results.items():
        cells = [f"{found[n]['wall_s']:.2f} ({found[n]['cpu_s']:.2f}, {found[n]['peak_rss'] >> 20})" for n in names]
        lines.append(item.ljust(14) + "".join(cell.rjust(22) for cell in cells))
    for name, ratio in ratios(results, "wall_s").items():
        bar = f", {BARS[name]:g} asked" if name in BARS else ""
        lines.append(f"{name}: {ratio:.2f} x our wall time (geometric mean{bar})")
    lines += [f"{name}: {ratio:.2f} x our CPU time" for name, ratio in ratios(results, "cpu_s").items()]
    for item, found in results.items():
        sizes = found["sizes"]
        lines.append(
            f"{item}: " + ", ".join(f"{sizes['ours'] / sizes[each]:.3f} x the size of {each}" for each in sizes)
        )
    return "\n".join(lines)


def ratios(results: dict[str, dict[str, Any]], what: str) -> dict[str, float]:
    """Return each baseline's seconds over ours, geometric mean over the inputs; for the lower bound, ours over lower bound plus warp.

    Args:
        results: By input, by candidate.
        what: `wall_s` or `cpu_s`.
    """
    found: dict[str, float] = {}
    names = set.intersection(*(set(row) for row in results.values())) - {
        "sizes",
        "load",
        "ours",
        "ours+s3",
        "warp",
        "lower_bound",
    }
    for name in sorted(names):
        ours = "ours+s3" if name.endswith("+s3") else "ours"
        found[name] = _mean(row[name][what] / row[ours][what] for row in results.values())
    if all("lower_bound" in row and "warp" in row for row in results.values()):
        found["1/(lower_bound+warp)"] = _mean(
            row["ours"][what] / (row["lower_bound"][what] + row["warp"][what]) for row in results.values()
        )
    return found


def _mean(values: Any) -> float:
    return math.exp(float(np.mean([math.log(each) for each in values])))


def main() -> None:
    """Measure and write the table and `results/engine.json`; inputs measured earlier in the same way stay in both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the inputs, 1 being full size")
    parser.add_argument("--only", nargs="*", default=[item.name for item in INPUTS])
    parser.add_argument(
        "--ways",
        nargs="*",
        default=["ours", "old", "gdal", "rio", "lower_bound", "warp"],
        help="also gdal_one_step",
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    gdal.UseExceptions()
    rio = baselines.rio_environment(RESULTS) if "rio" in chosen.ways else Path()
    file = RESULTS / "engine.json"
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    facts = {"machine": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "threads": chosen.threads}
    facts |= {"gdal": gdal.VersionInfo("RELEASE_NAME"), "rounds": chosen.rounds, "scale": chosen.scale}
    if report.get("facts") != facts:
        report = {"facts": facts, "results": {}}
    results: dict[str, dict[str, Any]] = report["results"]
    with Engine(Limits(), threads=chosen.threads) as engine, Bucket.running() as bucket:
        for item in INPUTS:
            if item.name in chosen.only:
                bench = Bench(item, make(item, RESULTS, chosen.scale), engine, rio, bucket, chosen.threads)
                results[item.name] = {**bench.measure(chosen.rounds, chosen.ways), "load": os.getloadavg()}
    report |= {"ratios": {what: ratios(results, what) for what in ("wall_s", "cpu_s")}}
    file.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(table(results))
    for leftover in RESULTS.glob("tmp*"):
        shutil.rmtree(leftover)


if __name__ == "__main__":
    main()
