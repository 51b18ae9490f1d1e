"""Browsers of several fixtures in one run of pytest, in whatever order they start."""

from __future__ import annotations

import asyncio

import pytest

from tests.chromium import running_chromium

pytestmark = pytest.mark.system


def test_a_second_browser_runs_beside_the_first_and_an_event_loop_after_both() -> None:
    with running_chromium() as first, running_chromium("--enable-unsafe-swiftshader") as second:
        assert [browser.new_page().evaluate("6 * 7") for browser in (first, second)] == [42, 42]

    assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"
