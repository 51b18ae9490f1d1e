"""Measures what Airflow adds: one collection of 200 frames by its DAG, another in a bare loop: `python -m bench.airflow_share`.

Both do the same: build with two engines, record, publish. The clock runs from the first COG in the ledger, so that the start
of the first task is left out, to the published map.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive, build_cogs, ingest, publish
from cogmill.pipeline.batches import plan_batches
from osgeo import gdal
from psycopg.conninfo import conninfo_to_dict

from bench.engine import RESULTS
from bench.inputs import INPUTS, make
from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack
from tests.system.airflow_api import WATCH, AirflowApi
from tests.system.probes import wait_until

BAR = 1.15
"""Wall time of the run over that of the loop that is asked for at most."""

SIDE = 2000

ROW, SPACING_M = 15, 600
"""Frames in a line of the flight, and the distance between two: 40 % of overlap."""

PATIENCE_S = 1200


def fill(stack: Stack, source: Path, county: str, frames: int) -> str:
    """Put one picture, as the frames of a flight side by side, into a new collection; returns its id."""
    client = stack.s3_client()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(frames):
            frame = Path(shutil.copy(source, folder))
            dataset = gdal.Open(str(frame), gdal.GA_Update)
            a, b, c, d, e, f = dataset.GetGeoTransform()
            east, north = SPACING_M * (number % ROW), SPACING_M * (number // ROW)
            dataset.SetGeoTransform((a + east, b, c, d - north, e, f))
            del dataset  # writes it
            key = f"bw/{county}/USDA_1951/frames/georef/03-22-51_4-{number}.tif"
            client.upload_file(str(frame), stack.settings.bucket, key)
    return f"{county}_usda_1951_frames".lower()


def times(stack: Stack, collection_id: str) -> tuple[int, datetime]:
    """Return how many frames are on the map, and when the first COG was recorded."""
    with psycopg.connect(stack.dsn("owner")) as connection:
        row = connection.execute(
            "SELECT count(published_at), min(built_at) FROM cogmill.frame WHERE collection_id = %s", [collection_id]
        ).fetchone()
    if row is None or row[1] is None:
        raise SystemExit(f"no frame of {collection_id} was built")
    return row[0], row[1]


def loop(stack: Stack, collection_id: str) -> float:
    """Build and publish a collection without Airflow; returns the seconds from the first COG on."""
    settings = stack.settings
    facts = {"public_url": f"{settings.s3_url}/{settings.bucket}", "mapserver_url": settings.front_url}
    ledger = Ledger.connect(**conninfo_to_dict(stack.dsn("writer")))
    try:
        store = S3Store(stack.s3_client(), settings.bucket)
        archive = Archive(store, ledger, Settings(_env_file=None, bucket=settings.bucket, **facts))  # type: ignore[arg-type]
        ingest.ingest_uploads(archive)
        frames = [frame for batch in plan_batches(archive, collection_id) for frame in batch["frame_ids"]]
        build_cogs.build_batch(archive, frames, "bench")
        publish.update_tile_index(archive, collection_id)
        publish.export_index(archive, collection_id)
        publish.publish_mapfile(archive, collection_id)
    finally:
        ledger.close()
    return time.time() - times(stack, collection_id)[1].timestamp()


def run(api: AirflowApi, collection_id: str, frames: int) -> dict[str, Any]:
    """Let Airflow build and publish a collection; returns the seconds from the first COG on, and those of its tasks."""
    api.set_paused(WATCH, paused=False)
    dag_id = f"collection__{collection_id}"
    api.wait_for_rest(dag_id, PATIENCE_S)
    published, begun = times(api.stack, collection_id)
    if published != frames:
        raise SystemExit(f"{published} of {frames} frames were published")
    tasks = sorted(api.instances(dag_id), key=lambda task: task["start_date"])
    (mapfile,) = (task for task in tasks if task["task_id"] == "publish_mapfile")
    end = datetime.fromisoformat(mapfile["end_date"])
    builds = [task for task in tasks if task["task_id"] == "build_cogs"]
    pauses = [
        (datetime.fromisoformat(after["start_date"]) - datetime.fromisoformat(before["end_date"])).total_seconds()
        for before, after in itertools.pairwise(tasks)
        if after["task_id"] in ("build_cogs", "update_tile_index", "export_index", "publish_mapfile")
    ]
    facts = {f"{task['task_id']} s": task["duration"] for task in tasks}
    return {"s": (end - begun).total_seconds(), "builds": len(builds), "pauses s": sum(pauses[1:]), **facts}


def main() -> None:
    """Measure, print and write `results/airflow_share.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    chosen = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    source = make(INPUTS[0], RESULTS, SIDE / INPUTS[0].width)
    with temporary_stack(airflow=True) as stack:
        api = AirflowApi(stack)
        wait_until(lambda: bool(api.runs(WATCH)), PATIENCE_S)
        api.set_paused(WATCH, paused=True)
        bare = loop(stack, fill(stack, source, "Bare", chosen.frames))
        found = run(api, fill(stack, source, "Travis", chosen.frames), chosen.frames)
    report = {"frames": chosen.frames, "bare s": bare, "airflow": found, "ratio": found["s"] / bare}
    (RESULTS / "airflow_share.json").write_text(json.dumps({**report, "load": os.getloadavg()}, indent=1))
    print(json.dumps(report, indent=1))
    print(f"{found['s'] / bare:.2f} x the bare loop's time ({BAR} asked at most)")


if __name__ == "__main__":
    main()
