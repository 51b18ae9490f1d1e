"""Programs that people have, with a photograph of a known ground in the stack; docs/clients.md has the table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.stack import Stack
from tests.system.clients.ground import Ground, publish_ground
from tests.system.stack_archive import archive_of


@pytest.fixture(scope="session")
def ground(stack: Stack) -> Iterator[Ground]:
    with archive_of(stack) as archive:
        yield publish_ground(archive)
