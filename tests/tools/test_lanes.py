"""The lanes that `make test` leaves out: each is a target, and their results are written where people look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import lanes

pytest_plugins = "pytester"

MAKEFILE = (lanes.ROOT / "Makefile").read_text("utf-8")


def test_every_lane_is_a_target_of_the_makefile_and_has_a_line_in_the_document() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    document = lanes.DOCUMENT.read_text("utf-8")

    assert set(lanes.LANES) < targets
    assert [lane for lane in lanes.LANES if f"| `make {lane}` |" not in document] == []


def test_a_result_replaces_its_own_line_alone(tmp_path: Path) -> None:
    document = tmp_path / "verification.md"
    document.write_text("before\n<!-- lanes: written by a test -->\n<!-- /lanes -->\nafter\n")

    lanes.write(document, {"faults": "2026-01-01: passed in 3 min, 9 passed"})
    lanes.write(document, {"fuzz-maps": "2026-01-02: FAILED with 1 in 2 min, boom"})

    text = document.read_text()
    assert text.startswith("before\n<!-- lanes")
    assert text.endswith("<!-- /lanes -->\nafter\n")
    rows = dict(re.findall(r"^\| `make ([a-z-]+)` \| .* \| (.*) \|$", text, re.MULTILINE))
    assert rows["faults"] == "2026-01-01: passed in 3 min, 9 passed"
    assert rows["fuzz-maps"] == "2026-01-02: FAILED with 1 in 2 min, boom"
    assert rows["bench-scale"] == lanes.NEVER


@pytest.mark.parametrize(("code", "said"), [(0, "passed in 0 min, 3 passed"), (4, "FAILED with 4 in 0 min, 3 passed")])
def test_a_lane_says_how_it_ended_with_its_last_line(code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lanes.run(
        ["sh", "-c", f"echo begun; echo '=== 3 passed ==='; echo \"make[1]: Leaving directory '/x'\"; exit {code}"]
    ) == (said, code == 0)
    assert ("begun" in capsys.readouterr().err) is (code != 0)


def test_a_name_that_is_no_lane_runs_nothing() -> None:
    assert lanes.main(["nonsense"]) == 2


def test_what_was_skipped_is_named_at_the_end(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(lanes.ROOT))
    pytester.makeconftest("from tests.conftest import pytest_terminal_summary")
    pytester.makepyfile(
        "import pytest\n"
        "@pytest.mark.parametrize('n', range(3))\n"
        "@pytest.mark.skipif(True, reason='long: make faults')\n"
        "def test_long(n): pass\n"
        "def test_here(): pytest.skip('strace is not installed')\n"
    )

    said = pytester.runpytest_subprocess().stdout

    said.fnmatch_lines(["*NOT RUN: 4 tests*", "    3  long: make faults", "    1  strace is not installed"])
