"""These tests start machines: only where they were asked for, see `make ansible-test`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.ansible.hosts import Host, engine, fresh_host


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    asked = os.environ.get("COGMILL_HOST_TESTS")
    for item in items:
        if "tests/ansible/" in str(item.path) and item.path.name != "test_options.py":
            item.add_marker(pytest.mark.timeout(3600))
            if not asked:
                item.add_marker(pytest.mark.skip(reason="starts machines; make ansible-test runs it"))


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[str]:
    with engine() as address:
        yield address


@pytest.fixture(scope="session")
def host13(docker_engine: str) -> Iterator[Host]:
    """The one Debian 13 of all tests: untouched at first, with a filled bucket and ledger beside it."""
    with fresh_host(13) as host:
        host.ask("fill")
        yield host


@pytest.fixture(scope="module")
def host12(docker_engine: str) -> Iterator[Host]:
    with fresh_host(12) as host:
        host.ask("fill")
        yield host
