"""The archive at full size: `python -m bench.scale`; a million frames in 3,000 collections, rows without pixels.

Everything runs against a private PostGIS, S3 server and MapServer, started and removed here. Prints a table with the bar of each
figure and writes `results/scale.json`. The exit code is 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive
from cogmill.pipeline.batches import plan_batches
from psycopg.conninfo import conninfo_to_dict

from bench import growth, listing
from bench.ledger_seed import LARGE_ID, SMALL_ID, Size, seed
from bench.measure import Cost, run
from bench.page import LATER, LIMIT_MS
from bench.scale_steps import BUCKET
from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack

RESULTS = Path(__file__).parent / "results"
MB = 1 << 20
PLANS = 50
"""Collections that are planned."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    what: str
    value: float
    unit: str
    bar: float | None = None
    """It must stay below; None for what is only told."""

    @property
    def is_missed(self) -> bool:
        """Whether it is not below its bar."""
        return self.bar is not None and self.value >= self.bar

    def __str__(self) -> str:
        bar = "" if self.bar is None else f"< {self.bar:g}"
        return f"{self.what:58} {self.value:10.2f} {self.unit:3} {bar:>8} {'MISSED' if self.is_missed else ''}"


def main() -> int:
    """Measure, print, write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--frames", type=int, default=Size.frames)
    parser.add_argument("--collections", type=int, default=Size.collections)
    chosen = parser.parse_args()
    size = Size(chosen.frames, chosen.collections, large=min(Size.large, chosen.frames // 2))
    with temporary_stack(bucket=BUCKET) as stack:
        return report("scale", size, measure(stack, size))


def report(name: str, size: Size, figures: Iterator[Figure]) -> int:
    """Print figures as they come and write them down; returns the exit code."""
    found = []
    for figure in figures:
        found.append(figure)
        print(figure, flush=True)
    RESULTS.mkdir(exist_ok=True)
    content = {"size": asdict(size), "load": os.getloadavg(), "figures": [asdict(figure) for figure in found]}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return int(any(figure.is_missed for figure in found))


def measure(stack: Stack, size: Size) -> Iterator[Figure]:
    """Seed the ledger of a stack and measure it."""
    libpq = conninfo_to_dict(stack.dsn("owner"))
    yield Figure("seeding the ledger", seed(size, bucket=BUCKET, **libpq), "s")
    ledger = Ledger.connect(**libpq)
    try:
        archive = Archive(S3Store(stack.s3_client(), BUCKET), ledger, Settings(_env_file=None, bucket=BUCKET))
        yield from _plans(archive)
        yield from _growth(stack, archive, size)
    finally:
        ledger.close()
    environment = libpq_environment(libpq)
    yield from _pages(environment)
    yield from _sweep(environment)
    yield from _compile(environment, stack.settings.s3_url)


def libpq_environment(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the environment in which libpq connects by these parameters."""
    names = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
    return {**os.environ, **{names[name]: str(value) for name, value in parameters.items()}}


def _plans(archive: Archive) -> Iterator[Figure]:
    ids = [row["id"] for row in archive.ledger.collections.all()]
    chosen = [LARGE_ID, *ids[:: max(1, len(ids) // PLANS)]]
    growth.timed(lambda: plan_batches(archive, chosen[0]))  # opens caches
    seconds = [growth.timed(lambda c=c: plan_batches(archive, c)) * 1000 for c in chosen]
    yield Figure("plan of one collection, median", statistics.median(seconds), "ms")
    yield Figure("plan of one collection, worst", max(seconds), "ms", 100)


def _growth(stack: Stack, archive: Archive, size: Size) -> Iterator[Figure]:
    libpq = conninfo_to_dict(stack.dsn("owner"))
    costs = growth.add_frames(archive, libpq, (SMALL_ID, LARGE_ID))
    steps = {
        "index and mapfile": (growth.Costs.frame, 1.3),
        "index files (once per run)": (lambda cost: cost.export, None),
    }
    for what, (seconds, bar) in steps.items():
        small, large = (statistics.median(seconds(costs[c])) * 1000 for c in (SMALL_ID, LARGE_ID))
        yield Figure(f"{what}: one more among {size.small}", small, "ms")
        yield Figure(f"{what}: one more among {size.large}", large, "ms")
        yield Figure(f"{what}: growth", large / small, "x", bar)


def _pages(environment: dict[str, str]) -> Iterator[Figure]:
    """What the page Collections takes, each of its pages; `bench.page` needs Airflow and so a process of its own."""
    command = [sys.executable, "-m", "bench.page"]
    told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout
    lines = [line.split(maxsplit=2) for line in told.splitlines() if " ms  " in line]
    if not lines:
        raise SystemExit("the page does not answer")
    for ms, _, name in lines:
        yield Figure(f"page: {name}", float(ms), "ms", None if name.endswith(LATER) else LIMIT_MS)


def _sweep(environment: dict[str, str]) -> Iterator[Figure]:
    with listing.serving(environment) as address:
        cost = run([sys.executable, "-m", "bench.scale_steps", "sweep", address], environment)
    yield from _told("sweep of an unchanged bucket", cost, 120)


def _compile(environment: dict[str, str], endpoint: str) -> Iterator[Figure]:
    cost = run([sys.executable, "-m", "bench.scale_steps", "compile", endpoint], environment)
    yield from _told("compile in all formats", cost, 300)


def _told(what: str, cost: Cost, bar_s: float) -> Iterator[Figure]:
    yield Figure(what, cost.wall_s, "s", bar_s)
    yield Figure(f"{what}, CPU time", cost.cpu_s, "s")
    yield Figure(f"{what}, peak memory", cost.peak_rss / MB, "MB", 500)


if __name__ == "__main__":
    sys.exit(main())
