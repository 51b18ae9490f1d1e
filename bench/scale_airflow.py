"""Airflow with 3,000 collections: `python -m bench.scale_airflow`; the dag processor, new DAGs, and what people wait for in a browser.

A private stack, started and removed here. Its ledger knows the collections, and Airflow makes their DAGs by itself; a million uploads
are added before Chromium looks (`setup/install.sh browser` brings it). Prints a table with the bar of each figure and writes
`results/scale_airflow.json`. The exit code is 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

import httpx
import psutil
from cogmill.domain.model import Collection, Product
from cogmill.ledger import Ledger

from bench import airflow_browser
from bench.ledger_seed import Size
from bench.scale import Figure, report
from demo.stack import Stack, database
from demo.stack.airflow_env import FIXED
from demo.stack.temporary_stack import temporary_stack
from tests.system.airflow_api import AirflowApi
from tests.system.probes import cpu_s, ledger_rows, program, wait_until

AGENCIES = ("USDA", "TxDOT", "Fairchild")
NEW = 5
"""Collections that appear while the others are there already."""
PATIENCE_S = 1800
SETTLE_S = 60.0
"""Between the last DAG and the first measurement."""
ROUND_S = float(FIXED["DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"])
"""Every file is parsed once in this time, changed or not."""


def main() -> int:
    """Measure, print, write; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale_airflow", description=__doc__)
    parser.add_argument("--collections", type=int, default=Size.collections)
    parser.add_argument("--seconds", type=float, default=180.0, help="of steady state to be watched")
    parser.add_argument("--uploads", type=int, default=Size.frames, help="that are searched in a browser")
    chosen = parser.parse_args()
    with temporary_stack(airflow=True) as stack:
        figures = measure(stack, chosen.collections, chosen.seconds)
        size = Size(chosen.uploads, chosen.collections, 0, 0)
        return report("scale_airflow", size, chain(figures, airflow_browser.look(stack, chosen.uploads)))


def measure(stack: Stack, collections: int, seconds: float) -> Iterator[Figure]:
    """Make collections known and measure what Airflow makes of them."""
    api, before = AirflowApi(stack), dags(stack)
    ledger = Ledger.connect(conninfo=stack.dsn())
    ledger.uploads.add_collections([_collection(number) for number in range(collections)])
    ledger.close()
    yield Figure("all DAGs are there after", wait_until(lambda: dags(stack) >= before + collections, PATIENCE_S), "s")
    time.sleep(SETTLE_S)
    process = program(stack, "dag-processor")
    rest = cpu_share(process, seconds)
    yield Figure(f"dag processor between parses, {seconds:.0f} s", 100 * rest, "%")
    cost = parse_all(stack, process, rest)
    yield Figure("dag processor, all files parsed once, CPU time", cost, "s")
    yield Figure(f"dag processor, all files parsed every {ROUND_S:.0f} s", 100 * (rest + cost / ROUND_S), "%", 10)
    yield Figure("dag processor, memory", process.memory_info().rss / (1 << 20), "MB")
    waits = [appear(api, number) for number in range(NEW)]
    for what, times in zip(("first upload to DAG", "ledger to DAG"), zip(*waits, strict=True), strict=True):
        yield Figure(f"{what}, median", statistics.median(times), "s")
        yield Figure(f"{what}, worst of {NEW}", max(times), "s", 30)


def dags(stack: Stack) -> int:
    """Return how many DAGs Airflow has."""
    found: int = AirflowApi(stack).get("dags", limit=1)["total_entries"]
    return found


def cpu_share(process: psutil.Process, seconds: float) -> float:
    """Return CPU seconds per second of a process and everything it starts meanwhile."""
    begun, before = time.monotonic(), cpu_s(process)
    time.sleep(seconds)
    return (cpu_s(process) - before) / (time.monotonic() - begun)


def parse_all(stack: Stack, process: psutil.Process, rest: float) -> float:
    """Let every file of the collections be parsed again, as its time comes; returns the CPU seconds beyond those at rest."""
    begun, before, at = time.monotonic(), cpu_s(process), datetime.now(UTC)
    for dag_file in stack.paths.airflow.glob("bundles/*/collections_*.py"):
        os.utime(dag_file)
    query = "SELECT count(*) FROM dag WHERE bundle_name = 'collections' AND last_parsed_time < %s"
    with database.connect(stack.paths, stack.settings, "airflow") as connection:
        wait_until(lambda: connection.execute(query, [at]).fetchone() == (0,), PATIENCE_S)
    return cpu_s(process) - before - rest * (time.monotonic() - begun)


def appear(api: AirflowApi, number: int) -> tuple[float, float]:
    """Upload the first frame of a collection nobody knows; return the seconds until its DAG is listed, from upload and ledger."""
    collection = Collection(f"New{number}", "USDA", "1951", Product.FRAMES)
    key = f"bw/New{number}/USDA_1951/frames/georef/03-22-51_4-1.tif"
    begun = time.time()
    api.stack.s3_client().put_object(Bucket=api.stack.settings.bucket, Key=key, Body=b"no picture")
    wait_until(lambda: is_listed(api, f"collection__{collection.id}"), PATIENCE_S)
    seen = time.time()
    query = "SELECT extract(epoch FROM created_at)::float8 FROM cogmill.collection WHERE id = %s"
    ((known,),) = ledger_rows(api.stack, query, collection.id)
    return seen - begun, seen - known


def is_listed(api: AirflowApi, dag_id: str) -> bool:
    """Whether Airflow's API knows a DAG."""
    try:
        return bool(api.get(f"dags/{dag_id}"))
    except httpx.HTTPStatusError as err:
        if err.response.status_code == httpx.codes.NOT_FOUND:
            return False
        raise


def _collection(number: int) -> Collection:
    return Collection(f"County{number // 3}", AGENCIES[number % 3], str(1935 + number % 55), Product.FRAMES)


if __name__ == "__main__":
    sys.exit(main())
