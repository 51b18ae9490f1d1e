"""The page Collections over a large ledger: `python -m bench.page`. Libpq's own variables (`PGHOST` ...) name it.

Fill it first with `python -m bench.ledger_seed`. Times are of the whole answer, connection to the ledger and template included, without
the network; the median of some requests after a first one.
"""

# Airflow is imported late, after a home of its own was chosen:
# ruff: noqa: PLC0415
from __future__ import annotations

import os
import statistics
import sys
import time

from bench.ledger_seed import LARGE_ID
from demo.stack.airflow_env import postgis_connection

REQUESTS = 9
LIMIT_MS = 300
"""What a page may take."""

PAGES = {
    "collections, first page": "/",
    "collections, a page in the middle": "/?skip=1500",
    "collections, most frames first": "/?sort=-on_map",
    "collections, most rejected first": "/?sort=-rejected",
    "collections, searched": "/?q=usda_19",
    "collections with rejected frames": "/?only=rejected",
    "collections with waiting frames": "/?only=waiting",
    "rejected uploads": "/rejected",
    "rejected uploads of a reason, by name": "/rejected?reason=no_crs&sort=upload",
    "rejected uploads of a county": "/rejected?county=County500",
    "rejected uploads, searched": "/rejected?q=no-such-upload",
    "uploads, searched": "/uploads?q=frames/georef/",
    "uploads, a part that few keys have": "/uploads?q=no-such-upload",
    "findings": "/findings",
    "collection of 10,000 frames": f"/dags/collection__{LARGE_ID}",
    "its frames, searched": f"/dags/collection__{LARGE_ID}?q=999",
    "its frames in one state": f"/dags/collection__{LARGE_ID}?state=published",
    "its frames, largest first": f"/dags/collection__{LARGE_ID}?sort=-size",
}
LISTS = {
    "map of all collections": "/extents",
    "map of collections with rejected frames": "/extents?only=rejected",
    "rejected uploads as a file": "/rejected.csv",
    "map of 10,000 frames": f"/dags/collection__{LARGE_ID}/footprints",
    "totals": "/states",
}
"""Loaded by the page after it is shown."""
LATER = " (loaded after the page)"


def main() -> int:
    """Ask for everything; the exit code says whether each page kept the limit."""
    environment = os.environ
    libpq = {
        "host": environment.get("PGHOST", "127.0.0.1"),
        "port": int(environment["PGPORT"]),
        "dbname": environment["PGDATABASE"],
        "user": environment["PGUSER"],
        "password": environment.get("PGPASSWORD", ""),
    }
    environment["AIRFLOW_CONN_COGMILL_POSTGIS"] = postgis_connection(libpq)
    times = {name: median_ms(path) for name, path in (PAGES | LISTS).items()}
    for name, ms in times.items():
        print(f"{ms:7.0f} ms  {name}{LATER if name in LISTS else ''}")
    return int(any(times[name] > LIMIT_MS for name in PAGES))


def median_ms(path: str) -> float:
    """Ask several times for one address and return the median in milliseconds."""
    from cogmill_airflow.page import access
    from cogmill_airflow.page.app import app
    from starlette.testclient import TestClient

    app.dependency_overrides = {access.Reader.dependency: lambda: None, access.may_retry: lambda: True}
    client = TestClient(app, headers={"accept": "text/html"})
    taken = []
    for _ in range(REQUESTS + 1):
        begun = time.perf_counter()
        answer = client.get(path)
        taken.append(1000 * (time.perf_counter() - begun))
        answer.raise_for_status()
    return statistics.median(taken[1:])


if __name__ == "__main__":
    from tests import airflow_home  # noqa: F401  before the first import of airflow

    sys.path.append("plugins")
    sys.exit(main())
