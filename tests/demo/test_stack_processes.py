from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from demo.stack import processes
from tests.system.probes import wait_until

STARTING_ITS_WORKERS = """
import os, time
for _ in range(300):
    if not os.fork():
        time.sleep(60)
        os._exit(0)
    time.sleep(0.002)
"""


def test_nothing_is_left_when_a_server_is_ended_while_it_starts_its_workers(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", STARTING_ITS_WORKERS], cwd=tmp_path, start_new_session=True)
    wait_until(lambda: len(processes.strays(tmp_path)) > 5, 10)

    processes.end_strays(tmp_path)

    server.wait()
    assert processes.strays(tmp_path) == []
