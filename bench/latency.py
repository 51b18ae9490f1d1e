"""How long from the last byte of an upload to the first right map: `python -m bench.latency`, beside a running demo stack.

Frames of 2,000 px, brought in turn by `aws s3 cp`, an s3fs mount and multipart, every fifth into a collection never seen before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rasterio.crs import CRS

from demo.maps import Service
from demo.stack import Stack, load_settings
from demo.survey.export import EXPORTS, write
from demo.survey.film_scan import Photo, render_scan
from demo.survey.landscape import Landscape
from demo.survey.manifest import Item
from demo.uploads import WAYS

SIDE, GSD = 2000, 1.0
"""Pixels along one side, and EPSG:3857 units per pixel."""
LIMIT_S = 60
"""The 95th percentile must stay below."""
PATIENCE_S = 300
RESULTS = Path(__file__).parent / "results"
NEW_EVERY = 5
"""Every so many uploads a collection appears that was never seen before."""


def main() -> int:
    """Measure; returns the exit code, 1 when the 95th percentile is a minute or more."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--uploads", type=int, default=20)
    chosen = parser.parse_args()
    stack = Stack(load_settings())
    if not stack.is_healthy():
        print("cogmill: the stack is not running; start it with make stack", file=sys.stderr)
        return 1
    seconds = measure(stack, chosen.uploads)
    ordered = sorted(seconds)
    p95 = statistics.quantiles(ordered, n=20, method="inclusive")[-1]
    summary = {"uploads": len(seconds), "median_s": statistics.median(ordered), "p95_s": p95, "worst_s": ordered[-1]}
    print(" ".join(f"{name}={value:.1f}" for name, value in summary.items()))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latency.json").write_text(json.dumps({**summary, "seconds": seconds}, indent=1))
    return int(p95 >= LIMIT_S)


def measure(stack: Stack, uploads: int) -> list[float]:
    """Upload one frame after another and wait for each on the map; return the seconds."""
    landscape = Landscape(seed=1951, step=GSD)
    run = f"Run{int(time.time())}"
    crs = CRS.from_epsg(26914)
    ways = list(WAYS.items())
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(uploads):
            name, bring = ways[number % len(ways)]
            county = f"{run}n{number // NEW_EVERY}"
            key = f"bw/{county}/USDA_1951/frames/georef/03-22-51_4-{number}.tif"
            file = Path(folder) / "frame.tif"
            # the same ground each time, turned otherwise, so that the landscape is painted once
            photo = Photo(*landscape.to_map(-300, -2700), 2.0 * (number % 9) - 8, SIDE, GSD)
            write(file, render_scan(landscape, photo, crs, 1, key), photo.grid(crs), crs, EXPORTS[0])
            bring(stack, file, key)
            item = Item(key, file.name, f"{county}_usda_1951_frames".lower(), 1, photo.outline(crs), GSD)
            seconds.append(Service(stack, item.collection_id, [item]).wait_for_frame(landscape, PATIENCE_S))
            print(
                f"{number + 1:3} {name:10} {'new ' if number % NEW_EVERY == 0 else ''}{seconds[-1]:.1f} s", flush=True
            )
    return seconds


if __name__ == "__main__":
    sys.exit(main())
