"""These tests build and start containers: only where they were asked for, see `make compose-test` and `make compose-scale`."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import airflow_home  # noqa: F401  before the first import of airflow
from tests.ansible.hosts import engine
from tests.compose.composed import IMAGES, ROOT, System


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    asked = os.environ.get("COGMILL_COMPOSE_TESTS")
    for item in items:
        if "tests/compose/" in str(item.path) and item.get_closest_marker("system"):
            item.add_marker(pytest.mark.timeout(3600))
            if not asked:
                item.add_marker(pytest.mark.skip(reason="builds and starts containers; make compose-test runs it"))


@pytest.fixture(scope="session")
def images() -> Iterator[None]:
    """The images of this checkout, built where they are not."""
    with engine():
        begun = time.monotonic()
        subprocess.run([ROOT / "docker/base.sh", "trixie", "debian:trixie-slim"], check=True)
        System.describe("cogmill-compose-build").compose("build", *IMAGES, limit_s=3000)
        print(f"images built in {time.monotonic() - begun:.0f} s")
        yield


@pytest.fixture(scope="module")
def system(images: None, request: pytest.FixtureRequest) -> Iterator[System]:
    """`docker compose up`, and nothing else; ends with its containers, networks and volumes."""
    choices = getattr(request.module, "CHOICES", {})
    composed = System.describe(f"cogmill-compose-{os.getpid()}", **choices)
    begun = time.monotonic()
    try:
        composed.compose("up", "-d")
        composed.wait_for_health()
        print(f"healthy after {time.monotonic() - begun:.0f} s")
        yield composed
    finally:
        if logs := os.environ.get("COGMILL_KEEP_LOGS"):
            Path(logs).write_text(composed.compose("logs", "--no-color"))
        composed.compose("--profile", "flower", "down", "--volumes", "--remove-orphans", "--timeout", "10")
