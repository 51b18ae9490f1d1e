"""What a second worker brings: 400 frames with one worker of one slot, and 400 with two.

Each worker gets the same share of a core, small enough that two of them, S3, the database and Airflow fit on two cores: otherwise
this would measure how busy the machine is, not whether anything in the system makes workers wait for each other.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from tests.ansible.hosts import docker
from tests.compose.composed import ROOT, System, wait_until
from tests.system.probes import ledger_rows
from tests.system.small_survey import frame_states, write_frame

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not os.environ.get("COGMILL_SCALE_TEST"), reason="seven minutes; make compose-scale runs it"),
]

CHOICES = {"AIRFLOW_WORKERS": "2", "AIRFLOW_WORKER_SLOTS": "1", "GDAL_SLOTS": "2"}
FRAMES = 400
SIDE = 600
PLACES = 100
"""Side by side, these stay within one zone of UTM."""
SHARE = os.environ.get("COGMILL_WORKER_CPUS", "0.4")
"""Cores each worker may use."""
BAR = 0.6
PATIENCE_S = 3000
WATCH = "dags/watch_uploads"
REQUEST = re.compile(r'"(?:\x1b\[\d+m)*([A-Z]+) \S+ HTTP')
"""Of a line of the server's log, which may be coloured."""
OTHERS = ("airflow-scheduler", "airflow-api-server", "postgis")


def upload(system: System, county: str, files: Sequence[Path]) -> None:
    """Put the frames into the bucket while nobody looks."""
    client = system.stack.s3_client()

    def put(file: Path) -> None:
        client.upload_file(str(file), "cogmill", f"bw/{county}/USDA_1951/frames/georef/{file.name}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, files))


def requests(system: System) -> Counter[str]:
    """Requests that S3 has answered, by method."""
    (server,) = system.containers("s3")
    return Counter(method for line in system.log(server) for method in REQUEST.findall(line))


def run(system: System, county: str, files: Sequence[Path]) -> dict[str, float]:
    """Measure one collection from the moment the system may look until its last frame is on the map."""
    api, collection_id = system.airflow, f"{county}_usda_1951_frames".lower()
    api._send("PATCH", WATCH, json={"is_paused": True})
    upload(system, county, files)
    before = system.cpu_s("airflow-worker"), system.cpu_s(*OTHERS), requests(system)
    api._send("PATCH", WATCH, json={"is_paused": False})
    begun = time.monotonic()
    wait_until(lambda: frame_states(system.stack, collection_id) == ["published"] * FRAMES, collection_id, PATIENCE_S)
    wall = time.monotonic() - begun
    figures = {
        "workers": len(system.containers("airflow-worker")),
        "wall_s": round(wall, 1),
        "building_s": round(building_s(system, collection_id), 1),
        "worker_cpu_s": round(system.cpu_s("airflow-worker") - before[0], 1),
        "other_cpu_s": round(system.cpu_s(*OTHERS) - before[1], 1),
        "engine_cpu_s": engine_cpu_s(system, collection_id),
        "requests": dict(requests(system) - before[2]),
        "load": os.getloadavg(),
    }
    print(json.dumps(figures))
    return figures


def building_s(system: System, collection_id: str) -> float:
    """Seconds from the start of the first batch to the end of the last, as Airflow has them."""
    path = f"dags/collection__{collection_id}/dagRuns/~/taskInstances"
    batches = [one for one in system.airflow._pages(path, "task_instances") if one["task_id"] == "build_cogs"]
    times = [[datetime.fromisoformat(one[key]) for key in ("start_date", "end_date")] for one in batches]
    return (max(end for _, end in times) - min(start for start, _ in times)).total_seconds()


def engine_cpu_s(system: System, collection_id: str) -> float:
    """CPU seconds of the frame engine alone, as the ledger has them."""
    query = "SELECT round(sum(cpu_s)::numeric, 1) FROM cogmill.frame WHERE collection_id = %s"
    return float(ledger_rows(system.stack, query, collection_id)[0][0])


def test_two_workers_need_at_most_six_tenths_of_the_time_of_one(system: System, tmp_path: Path) -> None:
    files = [tmp_path / f"03-22-51_4-{number}.tif" for number in range(1, FRAMES + 1)]
    for number, file in enumerate(files):
        write_frame(file, SIDE, number % PLACES)
    wait_until(system.airflow.is_quiet, "the first runs of the nightly DAGs", PATIENCE_S)
    first, second = system.containers("airflow-worker")
    for worker in (first, second):
        docker("update", "--cpus", SHARE, worker)

    docker("stop", "--time", "100", second)
    alone = run(system, "Alone", files)
    docker("start", second)
    system.wait_for_health()
    together = run(system, "Together", files)

    ratio = together["wall_s"] / alone["wall_s"]
    report = {"share": SHARE, "frames": FRAMES, "side": SIDE, "alone": alone, "together": together, "ratio": ratio}
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out/scale.json").write_text(json.dumps(report, indent=1))
    print(f"{together['wall_s']:.0f} s with two workers, {alone['wall_s']:.0f} s with one slot: {ratio:.2f}")
    assert ratio <= BAR
