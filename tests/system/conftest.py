"""The embedded stack for tests: private, on free ports, started once per session and kind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import BrowserContext

from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack
from tests.chromium import running_chromium
from tests.system.probes import aws_client

TEXAS = "[-107, 25, -93, 37]"
"""The area that the archive of these tests covers."""

TOPIC = "arn:aws:sns:us-east-1:123456789012:cogmill-tests"
"""Where the stack's digests and alerts go; the account is the one that moto plays."""
SETTINGS = {
    "COGMILL_NOTIFY_TOPIC": TOPIC,
    "COGMILL_PROBE_SERVICES": "3",
    "COGMILL_COMPILE_DEADLINE_MINUTES": "1",
    "COGMILL_GRACE_HOURS": "0",
    "COGMILL_REMOVAL_FRAMES": "1",
}


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostGIS, S3, the mapfile mount and MapServer, without Airflow: tests drive the pipeline themselves."""
    with temporary_stack() as running:
        yield running


@dataclass
class StatsdServer:
    """Hears what Airflow sends by StatsD and keeps what is Cogmill's own."""

    port: int
    lines: list[str] = field(default_factory=list)

    def values(self, name: str) -> list[float]:
        """Return what was sent under a name, without Airflow's prefix."""
        found = [line.partition(":")[2] for line in self.lines if line.startswith(f"airflow.{name}:")]
        return [float(value.partition("|")[0]) for value in found]


@pytest.fixture(scope="session")
def statsd() -> Iterator[StatsdServer]:
    """A StatsD server as far as anybody can tell: StatsD never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        server = StatsdServer(ear.getsockname()[1])
        threading.Thread(target=_listen, args=(ear, server), daemon=True).start()
        yield server


def _listen(ear: socket.socket, server: StatsdServer) -> None:
    while True:
        try:
            text = ear.recv(65536).decode()
        except OSError:  # closed at the end of the session
            return
        server.lines += [line for line in text.splitlines() if "cogmill" in line]


@pytest.fixture(scope="session")
def airflow_stack(statsd: StatsdServer) -> Iterator[Stack]:
    """The whole stack; Airflow sees every upload by itself."""
    with ExitStack() as kept:
        # the stack hands its caller's settings on to Airflow when it starts; no other test must meet them
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("COGMILL_AREA", TEXAS)
            environment.setenv("COGMILL_SETTLE_SECONDS", "30")  # an empty upload is rejected soon
            running = kept.enter_context(temporary_stack(airflow=True, statsd_port=statsd.port))
        yield running


@pytest.fixture(scope="module")
def live_stack() -> Iterator[Stack]:
    """A whole stack that sends digests and alerts, and looks at every service."""
    with ExitStack() as kept:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in SETTINGS.items():
                environment.setenv(name, value)
            running = kept.enter_context(temporary_stack(airflow=True))
        aws_client(running, "sns").create_topic(Name=TOPIC.rpartition(":")[2])
        yield running


@pytest.fixture
def browser() -> Iterator[BrowserContext]:
    """Debian's Chromium with a window of its own, patient on a busy machine."""
    with running_chromium() as started:
        context = started.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(90_000)
        yield context
