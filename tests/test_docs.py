from __future__ import annotations

import re

import pytest

from tools import tables


@pytest.mark.parametrize(
    ("page", "expected"),
    [(tables.README, tables.readme), (tables.REJECTIONS, tables.rejections), (tables.ENV_EXAMPLE, tables.env_example)],
    ids=["README.md", "rejections.md", ".env.example"],
)
def test_shows_what_the_code_says(page, expected):
    assert page.read_text() == expected(), "out of date: run python -m tools.tables"


def test_says_what_every_setting_means():
    assert [name for name, _, meaning in tables.settings(tables.Settings) if not meaning] == []


@pytest.mark.parametrize("page", [*sorted(tables.ROOT.glob("docs/*.md")), tables.README], ids=lambda p: p.name)
def test_links_only_to_what_exists(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_promises_only_what_a_test_shows():
    tests = re.findall(r"`(tests/[^`]+)`", tables.README.read_text())

    assert tests
    assert [test for test in tests if not (tables.ROOT / test).exists()] == []


@pytest.mark.parametrize("page", ["operations.md", "verification.md"])
def test_every_test_that_is_named_as_a_proof_exists(page):
    named = set(re.findall(r"`([\w/]*test_\w+(?:\.py)?)`", (tables.ROOT / "docs" / page).read_text()))
    files = sorted((tables.ROOT / "tests").rglob("test_*.py"))
    functions = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}

    paths = {f"/{file.relative_to(tables.ROOT / 'tests')}" for file in files}
    missing = {name for name in named if name not in functions and not any(path.endswith(f"/{name}") for path in paths)}
    assert len(named) > 15
    assert missing == set()
