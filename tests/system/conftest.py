"""The embedded stack for tests: private, on free ports, started once per session and kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.stack import Stack
from demo.stack.private import private_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostGIS, S3, the mapfile mount and MapServer, without Airflow: tests drive the pipeline themselves."""
    with private_stack() as running:
        yield running


@pytest.fixture(scope="session")
def airflow_stack() -> Iterator[Stack]:
    """The whole stack; Airflow sees every upload by itself."""
    with private_stack(airflow=True) as running:
        yield running
