"""The project's own tests, in the container that a user would start, on the versions of its Debian."""

from __future__ import annotations

import os
import re

import pytest

from tests.compose.composed import System

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not os.environ.get("COGMILL_BARS_TEST"), reason="seven minutes; make compose-bars runs it"),
]


def test_all_tests_that_need_no_stack_pass_in_the_container(images: None) -> None:
    system = System.describe(f"cogmill-bars-{os.getpid()}")
    system.compose("build", "bars")

    try:
        said = system.compose("run", "--rm", "bars", limit_s=3000)
    finally:
        system.compose("--profile", "bars", "down", "--volumes", "--remove-orphans")

    print(said.splitlines()[-1])
    assert int(re.findall(r"(\d+) passed", said)[-1]) > 500
