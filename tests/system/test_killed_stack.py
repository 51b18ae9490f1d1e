"""Airflow's components are killed at random while hundreds of frames arrive: a long test, `make faults`."""

from __future__ import annotations

import contextlib
import os
import random
import time

import httpx
import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from demo.stack import Stack
from tests.faults.checker import disagreements, lies
from tests.small_archive import geotiff
from tests.system.airflow_api import AirflowApi
from tests.system.probes import BUILDER, running, wait_until
from tests.system.small_survey import frame_states, put

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(3 * 3600),
    pytest.mark.skipif(not os.environ.get("COGMILL_LONG"), reason="long: make faults"),
]

FRAMES = int(os.environ.get("COGMILL_FAULT_FRAMES", "300"))

SEED = int(os.environ.get("COGMILL_FAULT_SEED", "1"))

EVERY_S = (1, 20)
"""Shortest and longest pause between two kills."""

VICTIMS = {
    "scheduler": "airflow scheduler",
    "triggerer": "airflow triggerer",
    "dag processor": "airflow dag-processor",
    "worker": "airflow worker",
    "api server": "airflow api_server",
    "builder": BUILDER,
}
"""What is killed, and what its command line or title says."""

PATIENCE_S = 2 * 3600

COLLECTION, FOLDER = "struck_usda_1951_frames", "bw/Struck/USDA_1951/frames/"


def strike(stack: Stack, chance: random.Random) -> str:
    """Kill one process by SIGKILL and return what it was; empty when none of them runs."""
    alive = {what: found for what, words in VICTIMS.items() if (found := running(stack, words))}
    if not alive:
        return ""
    what = chance.choice(list(alive))
    with contextlib.suppress(psutil.NoSuchProcess):
        chance.choice(alive[what]).kill()
    return what


def owner(stack: Stack) -> dict[str, object]:
    return dict(conninfo_to_dict(stack.dsn("owner")))


def at_rest(stack: Stack) -> bool:
    """Tell whether every frame is on the map, overviews included."""
    if frame_states(stack, COLLECTION) != ["published"] * FRAMES:
        return False
    query = "SELECT overview_revision = revision AND mapfile_revision = revision FROM cogmill.collection WHERE id = %s"
    with psycopg.connect(stack.dsn("owner")) as connection:
        return connection.execute(query, [COLLECTION]).fetchall() == [(True,)]


def at_leisure(stack: Stack) -> bool:
    """Tell whether no run goes on but the watch's, so that files for the public are written too."""
    with contextlib.suppress(httpx.HTTPError):  # the API server may have been the last to be killed
        return AirflowApi(stack).is_quiet()
    return False


def test_every_upload_is_published_when_anything_may_be_killed_at_any_time(airflow_stack: Stack) -> None:
    chance, struck = random.Random(SEED), dict.fromkeys(VICTIMS, 0)  # noqa: S311  chooses victims
    client, bucket = airflow_stack.s3_client(), airflow_stack.settings.bucket
    uploads = {}
    for number in range(FRAMES):
        key = f"{FOLDER}georef/03-22-51_4-{number}.tif"
        uploads[key] = geotiff(-10_900_000 + 200 * number, number)
        put(airflow_stack, key, uploads[key])

    begun = time.monotonic()
    while not at_rest(airflow_stack):
        assert time.monotonic() - begun < PATIENCE_S, frame_states(airflow_stack, COLLECTION)
        if what := strike(airflow_stack, chance):
            struck[what] += 1
        assert lies(client, bucket, owner(airflow_stack)) == []
        time.sleep(chance.uniform(*EVERY_S))

    print(f"{FRAMES} uploads on the map after {time.monotonic() - begun:.0f} s; killed: {struck}")
    assert sum(struck.values()) > 0
    wait_until(lambda: at_leisure(airflow_stack), PATIENCE_S)
    pages = f"catalog/{COLLECTION}/photographs/bw/"
    listed = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=pages)
    assert sum(page["KeyCount"] for page in listed) == FRAMES, "each photograph has its page"
    assert disagreements(client, bucket, owner(airflow_stack), uploads) == []
