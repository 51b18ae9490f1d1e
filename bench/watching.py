"""An hour of watching a bucket of three million keys: `python -m bench.watching`; a million frames with their scans and COGs.

The ledger is seeded, the listing served by `bench.listing`, and the hour told to the ledger: after each check the account of LIST
requests is moved back by the pause that the trigger would make. What a sweep takes counts as it passes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive, ingest
from psycopg.conninfo import conninfo_to_dict

from bench import announced, listing
from bench.ledger_seed import Size, seed
from bench.scale import MB, Figure, libpq_environment, report
from bench.scale_steps import BUCKET
from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack

HOUR_S = 3600
PAUSE_PASSES = """
UPDATE cogmill.sweep SET counted_at = counted_at - make_interval(secs => %(s)s), full_at = full_at - make_interval(secs => %(s)s)
WHERE isfinite(full_at)
"""


def main() -> int:
    """Measure, print, write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.watching", description=__doc__)
    parser.add_argument("--frames", type=int, default=Size.frames)
    parser.add_argument("--collections", type=int, default=Size.collections)
    parser.add_argument("--watch", metavar="ADDRESS", help="watch for an hour; what the command calls itself for")
    chosen = parser.parse_args()
    if chosen.watch:
        print(json.dumps(watch(chosen.watch)))
        return 0
    size = Size(chosen.frames, chosen.collections, large=min(Size.large, chosen.frames // 2))
    with temporary_stack(bucket=BUCKET) as stack:
        return report("watching", size, measure(stack, size))


def measure(stack: Stack, size: Size) -> Iterator[Figure]:
    """Seed the ledger of a stack, and watch a listing of it for an hour in a process of its own."""
    libpq = conninfo_to_dict(stack.dsn("owner"))
    yield Figure("seeding the ledger", seed(size, bucket=BUCKET, **libpq), "s")
    with psycopg.connect(**libpq) as connection:
        yield Figure("keys of the bucket", connection.execute(listing.COUNT.encode()).fetchone()[0], "")  # type: ignore[index]
    environment = libpq_environment(libpq)
    with listing.serving(environment, whole=True) as address:
        # the ledger is new: its first sweep is due
        yield Figure(
            "an upload announced during a sweep, to its map", announced.seconds_to_map(stack, address), "s", 60
        )
        command = [sys.executable, "-m", "bench.watching", "--watch", address]
        told = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    budget = Settings.model_fields["list_requests_per_hour"].default
    yield Figure("LIST requests of one sweep", told["sweep_requests"], "")
    yield Figure("one sweep that compares every upload", told["sweep_s"], "s")
    yield Figure("an hour of watching, checks", told["checks"], "")
    # what was left of the budget before, and the sweep that the last request begins
    yield Figure("an hour of watching, LIST requests", told["requests"], "", budget + told["sweep_requests"])
    yield Figure("an hour of watching, CPU time", told["cpu_s"], "s", HOUR_S / 4)
    yield Figure("an hour of watching, peak memory", told["peak_bytes"] / MB, "MB", 500)


def watch(address: str) -> dict[str, float]:
    """Sweep once, as after a start, and then watch for an hour; nothing is new."""
    client, asked = listing.client(address), []
    client.meta.events.register("provide-client-params.s3.ListObjectsV2", lambda params, **_: asked.append(params))
    ledger = Ledger.connect()
    archive = Archive(S3Store(client, BUCKET), ledger, Settings(_env_file=None, bucket=BUCKET))
    waiting = ledger.uploads.due_collections(0, at_most=1_000_000)
    ledger.uploads.mark_triggered(waiting)  # their runs were asked for: that is no news
    began = time.monotonic()
    look(archive)
    while ledger.uploads.sweep_progress() is not None:
        ledger.uploads.mark_triggered(waiting)
        look(archive)
    sweep_requests, sweep_s = len(asked), time.monotonic() - began
    asked.clear()
    checks, passed, cpu_s = 0, 0.0, time.process_time()
    with psycopg.connect(autocommit=True) as clock:
        while passed < HOUR_S:
            began = time.monotonic()
            ledger.uploads.mark_triggered(waiting)
            look(archive)
            checks, passed = checks + 1, passed + time.monotonic() - began + archive.settings.poke_seconds
            clock.execute(PAUSE_PASSES.encode(), {"s": archive.settings.poke_seconds})
    ledger.close()
    return {
        "sweep_requests": sweep_requests, "sweep_s": sweep_s, "checks": checks, "requests": len(asked),
        "cpu_s": time.process_time() - cpu_s, "peak_bytes": peak_bytes(),
    }  # fmt: skip


def peak_bytes() -> int:
    """Return the most memory that this program has had; `getrusage` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def look(archive: Archive) -> None:
    """Check for uploads, of which there are none."""
    if ingest.has_new_uploads(archive):
        sys.exit("the sweep found news in an unchanged bucket")


if __name__ == "__main__":
    sys.exit(main())
