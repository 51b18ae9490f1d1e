"""The embedded stack for tests: private, on free ports, started once per session and kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.stack import Stack
from demo.stack.private import private_stack

TEXAS = "[-107, 25, -93, 37]"
"""The area that the archive of these tests covers."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """PostGIS, S3, the mapfile mount and MapServer, without Airflow: tests drive the pipeline themselves."""
    with private_stack() as running:
        yield running


@pytest.fixture(scope="session")
def airflow_stack() -> Iterator[Stack]:
    """The whole stack; Airflow sees every upload by itself."""
    with ExitStack() as kept:
        # the stack hands its caller's settings on to Airflow when it starts; no other test must meet them
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("COGMILL_AREA", TEXAS)
            running = kept.enter_context(private_stack(airflow=True))
        yield running
