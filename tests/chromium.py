"""Debian's Chromium for tests in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from demo.screenshots import QUIET


@contextmanager
def running_chromium(*flags: str) -> Iterator[Browser]:
    """Start Chromium, with more flags than those of all tests; the test fails where it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("no chromium here: setup/install.sh browser brings it, as make test does")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*QUIET, *flags])
        yield started
        started.close()
