"""Debian's Chromium for tests in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from demo.screenshots import QUIET

_running: list[Playwright] = []
"""At most one."""


@contextmanager
def running_chromium(*flags: str) -> Iterator[Browser]:
    """Start Chromium, with more flags than those of all tests; the test fails where it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("no chromium here: setup/install.sh browser brings it, as make test does")
    with _running_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*QUIET, *flags])
        yield started
        started.close()


@contextmanager
def _running_playwright() -> Iterator[Playwright]:
    """Start Playwright, or share the one that runs: it can be started once per thread.

    It ends with the browser that started it, and not with the session, because no test can run an event loop of its own meanwhile.
    """
    if _running:
        yield _running[0]
        return
    with sync_playwright() as started:
        _running.append(started)
        try:
            yield started
        finally:
            _running.clear()
