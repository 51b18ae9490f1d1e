"""The viewer's pure modules, by node's own test runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.viewer.conftest import ROOT

pytestmark = pytest.mark.system


def test_pure_modules(built_viewer: Path) -> None:
    node = Path(sys.executable).with_name("node")
    done = subprocess.run(
        [node, "--test"], cwd=ROOT / "viewer", capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stdout[-4000:]


def test_lock_names_no_registry() -> None:
    lock = (ROOT / "viewer" / "package-lock.json").read_text()

    assert '"resolved"' not in lock
    assert "registry" not in lock
