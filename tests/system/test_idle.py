"""While nothing happens: no worker waits, no run begins, and the watch costs little."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import psutil
import pytest
from cogmill.config.settings import Settings

from demo.stack import Stack, processes
from tests.system.airflow_api import AirflowApi
from tests.system.probes import cpu_s, program, wait_until
from tests.system.small_survey import put, wait_for_states, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

COLLECTION = "idle_usda_1951_frames"
PATIENCE_S = 600

WATCHED_S = 40.0
"""Seconds of doing nothing; eight pokes at the default pause."""

MOST_CPU_S_PER_HOUR = 900
"""Generous: a quarter of one core, on a machine that may be busy with other things."""

REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP')


def requests(log: Path) -> list[tuple[str, str]]:
    """What the S3 server was asked: method and path of each request."""
    found = map(REQUEST.search, log.read_text(encoding="utf-8", errors="replace").splitlines())
    return [(match["method"], match["path"]) for match in found if match]


def test_watch_waits_without_worker_and_does_not_fire_again_when_all_is_known(
    airflow_stack: Stack, tmp_path: Path
) -> None:
    api, log = AirflowApi(airflow_stack), airflow_stack.paths.log / "moto.log"
    put(airflow_stack, "bw/Idle/USDA_1951/frames/georef/03-22-51_1-1.tif", write_frame(tmp_path / "a.tif", 300))
    wait_for_states(airflow_stack, COLLECTION, ["published"], PATIENCE_S)
    wait_until(api.is_quiet, PATIENCE_S)
    process = program(airflow_stack, "triggerer")
    runs, asked, cpu, begun = len(api.runs("watch_uploads")), len(requests(log)), cpu_s(process), time.monotonic()

    time.sleep(WATCHED_S)

    seconds = time.monotonic() - begun
    per_hour = (cpu_s(process) - cpu) / seconds * 3600
    new = requests(log)[asked:]
    lists = [path for method, path in new if method == "GET" and "list-type=2" in path]
    pokes = seconds / Settings.model_fields["poke_seconds"].default
    print(f"{per_hour:.0f} CPU s per hour; {len(lists)} LISTs and {len(new) - len(lists)} others in {pokes:.0f} pokes")
    assert api.is_quiet()
    assert len(api.runs("watch_uploads")) == runs
    used = {pool["name"]: pool["occupied_slots"] + pool["queued_slots"] for pool in api.get("pools")["pools"]}
    assert set(used.values()) == {0}, used
    assert not [process for process in processes.family(airflow_stack.supervisor.pid() or 0) if is_task(process)]
    assert new
    assert len(lists) == len(new), "looking costs nothing but the pages of a listing"
    assert len(lists) <= pokes + 1
    assert per_hour < MOST_CPU_S_PER_HOUR


def is_task(process: psutil.Process) -> bool:
    """Whether a process works for a task instance just now."""
    with contextlib.suppress(psutil.Error):
        title = " ".join(process.cmdline())
        return "airflow worker" in title and "<idle>" not in title
    return False
