"""Measures frames that are in EPSG:3857 already against the lower bound: `python -m bench.mercator`.

Nothing is resampled there, so all beyond reading and compressing is overviews, checks, verification and hash. Both take
turns in every round, and the ratio is taken within the round: other load on the machine hits both alike.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.model import Bands
from osgeo import gdal

from bench.engine import RESULTS
from bench.inputs import INPUTS, make
from bench.lower_bound import levels_of, lower_bound
from bench.measure import Cost, call, median

BAR = 1.6
"""Wall time of ours over that of the lower bound, median of the rounds, that is asked for."""

SIDE_PX = 8192

FORMS = {"lzw": None, "raw": ["TILED=YES"], "strips": []}
"""How the source is written: as `make` does, or copied with these creation options."""


def written(path: Path, form: str) -> Path:
    """Return the source in a form, made once."""
    options = FORMS[form]
    if options is None:
        return path
    copy = path.with_name(f"{path.stem}_{form}.tif")
    if not copy.exists():
        gdal.GetDriverByName("GTiff").CreateCopy(str(copy), gdal.Open(str(path)), options=options)
    return copy


def measure(source: Path, rounds: int, threads: int) -> dict[str, Any]:
    """Return median costs of both and the ratios of all rounds."""
    target, costs = RESULTS / "mercator.tif", (list[Cost](), list[Cost]())
    with Engine(Limits(), threads=threads) as engine:

        def build() -> Cost:
            """Build with the warm engine; verification and hash are part of it, and the COG is a new file as it is for a task."""
            target.unlink(missing_ok=True)
            began = time.perf_counter()
            cog = engine.build(source, target, bands=Bands.BW, profile=PROFILES["bw"], provenance={}, area=None)
            return Cost(time.perf_counter() - began, cog.cpu_s, cog.peak_rss)

        build()
        levels = levels_of(target)
        for _ in range(rounds):
            costs[0].append(build())
            costs[1].append(call(lambda: lower_bound(source, levels, threads)))
    target.unlink()
    ratios = {
        what: [getattr(ours, what) / getattr(least, what) for ours, least in zip(*costs, strict=True)]
        for what in ("wall_s", "cpu_s")
    }
    ours, least = (dataclasses.asdict(median(each)) for each in costs)
    return {"ours": ours, "lower_bound": least, "ratios": ratios, "load": os.getloadavg()}


def main() -> None:
    """Measure, print and write `results/mercator.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--forms", nargs="*", default=list(FORMS), choices=list(FORMS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    gdal.UseExceptions()
    item = next(each for each in INPUTS if each.name == "grey_3857")
    path = make(item, RESULTS, SIDE_PX / item.width)
    report = {}
    for form in chosen.forms:
        found = report[form] = measure(written(path, form), chosen.rounds, chosen.threads)
        ours, least = found["ours"], found["lower_bound"]
        for what, name in (("wall_s", "wall"), ("cpu_s", "CPU")):
            ratios = sorted(found["ratios"][what])
            bar = f", below {BAR:g} asked" if what == "wall_s" else ""
            print(
                f"{form:7} {name:4} {ours[what]:.2f} s, lower bound {least[what]:.2f} s: "
                f"{statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f}{bar})",
                flush=True,
            )
        print(f"{form:7} peak {ours['peak_rss'] >> 20} MiB")
    (RESULTS / "mercator.json").write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
