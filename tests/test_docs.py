from __future__ import annotations

import doctest
import importlib
import re

import cogmill
import pytest
import yaml
from cogmill.config.settings import BuildSettings, Settings, variable

from demo.stack.settings import StackSettings
from tools import tables

SETTINGS = {variable(name) for name in Settings.model_fields}

PAGES = sorted(
    page
    for pattern in (
        "*.md", ".env.example", "docs/*.md", "helm/*.yaml", "docker-compose.yaml", "docker/*", "include/collections/*",
        "ansible/**/*.yml", "ansible/**/*.j2", "ansible/**/*.md", "dags/*.py", "plugins/**/*.py", "plugins/**/*.j2", "plugins/**/*.js",
        "include/cogmill/mapserver/*.py", "include/cogmill/maintenance/*.py", "include/cogmill/pipeline/*.py",
    )
    for page in tables.ROOT.glob(pattern)
    if page.is_file() and "COGMILL_" in page.read_text()
)  # fmt: skip
"""Files that name settings to people or set them."""

OTHERS = {
    **{
        variable(name): "demo/stack/settings.py"
        for name in set(StackSettings.model_fields) - set(Settings.model_fields)
    },
    "COGMILL_IMAGES": "docker-compose.yaml",
    "COGMILL_VERSION": "docker-compose.yaml",
    "COGMILL_MAPFILES": "docker/maps-start",
    "COGMILL_DOCKER_HOME": "docker/engine.sh",
    "COGMILL_BASE_CA": "docker/base.sh",
    "COGMILL_TRANSFORMATION": "include/cogmill/domain/model.py",
    "COGMILL_ADJUSTMENTS": "include/cogmill/domain/model.py",
    "COGMILL_SETUP_FORCE": "setup/install.sh",
}
"""`COGMILL_` names that are no settings of the program, and the file that reads or writes them."""

LINKED = sorted(
    [
        *tables.ROOT.glob("*.md"),
        *tables.ROOT.glob("docs/*.md"),
        *tables.ROOT.glob("ansible/roles/*/README.md"),
        tables.COLLECTION_FILES,
    ]
)
"""Pages whose links are checked."""

EXAMPLES = sorted(
    ".".join(file.relative_to(folder).with_suffix("").parts)
    for folder in (tables.ROOT / "include", tables.ROOT / "plugins")
    for file in folder.rglob("*.py")
    if ">>> " in file.read_text()
)
"""Modules with examples in their docstrings."""


@pytest.mark.parametrize(("page", "expected"), tables.PAGES.items(), ids=[page.name for page in tables.PAGES])
def test_shows_what_the_code_says(page, expected):
    assert page.read_text() == expected(), "out of date: run python -m tools.tables"


def test_says_what_every_setting_means():
    documented = {name: meaning for group in tables.GROUPS for name, _, meaning in tables.settings(group)}

    assert set(documented) == SETTINGS
    documented |= {name: meaning for name, _, meaning in tables.settings(StackSettings)}
    assert [name for name, meaning in documented.items() if not meaning] == []


@pytest.mark.parametrize("page", [tables.README, tables.ENV_EXAMPLE], ids=lambda page: page.name)
def test_lists_every_setting_once(page):
    listed = re.findall(r"^(?:\| `|#)(COGMILL_\w+)(?:` \||=)", page.read_text(), re.MULTILINE)

    assert SETTINGS - set(listed) == set()
    assert len(listed) == len(set(listed))


def test_containers_page_names_every_variable_of_compose():
    read = set(re.findall(r"\$\{(\w+):-", tables.COMPOSE.read_text())) - SETTINGS
    page = (tables.ROOT / "docs" / "containers.md").read_text()

    assert {name for name in read if f"`{name}`" not in page} == set()


def test_compose_hands_every_setting_to_every_service_of_airflow():
    services = yaml.safe_load(tables.COMPOSE.read_text())["services"]
    airflow = {name: service["environment"] for name, service in services.items() if name.startswith("airflow-")}

    assert len(airflow) > 5
    for environment in airflow.values():
        assert SETTINGS - set(environment) == set()
        assert all(environment[name].startswith(f"${{{name}:-") for name in SETTINGS), "a line of .env must win"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(tables.ROOT)))
def test_names_only_variables_that_exist(page):
    named = set(re.findall(r"(?<![A-Z_])COGMILL_[A-Z0-9_]+\b(?!\*)", page.read_text()))

    assert named - SETTINGS - set(OTHERS) == set()


@pytest.mark.parametrize(("name", "reader"), OTHERS.items())
def test_variables_of_others_are_read_where_it_is_said(name, reader):
    text = (tables.ROOT / reader).read_text()

    assert re.search(rf"\b{name}\b", text) or f"    {name.removeprefix('COGMILL_').lower()}:" in text


def test_defaults_that_are_repeated_outside_of_the_program_are_its_own():
    repeated = [
        (name, value)
        for file in ("docker/init", "ansible/roles/airflow_worker/vars/main.yml")
        for name, value in re.findall(r"(COGMILL_BUILD_\w+)(?::-| \| default\()(\d+)", (tables.ROOT / file).read_text())
    ]

    assert len(repeated) == 4
    assert {name: int(value) for name, value in repeated} == {
        name: int(default) for name, default, _ in tables.settings(BuildSettings) if name in dict(repeated)
    }


def _anchors(page):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(tables.ROOT)))
def test_links_only_to_what_exists(page):
    links = re.findall(r"\]\((?!https?://|mailto:)([^)#]*)#?([^)]*)\)", page.read_text())
    targets = [(page.parent / target if target else page, anchor) for target, anchor in links]

    assert [target for target, _ in targets if not target.exists()] == []
    assert [anchor for target, anchor in targets if anchor and anchor not in _anchors(target)] == []


def test_promises_only_what_a_test_shows():
    tests = re.findall(r"`(tests/[^`]+)`", tables.README.read_text())

    assert tests
    assert [test for test in tests if not (tables.ROOT / test).exists()] == []


@pytest.mark.parametrize("page", ["operations.md", "verification.md", "audit.md"])
def test_every_test_that_is_named_as_a_proof_exists(page):
    named = set(re.findall(r"`([\w/]*test_\w+(?:\.py)?)`", (tables.ROOT / "docs" / page).read_text()))
    files = sorted((tables.ROOT / "tests").rglob("test_*.py"))
    functions = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}

    paths = {f"/{file.relative_to(tables.ROOT / 'tests')}" for file in files}
    missing = {name for name in named if name not in functions and not any(path.endswith(f"/{name}") for path in paths)}
    assert len(named) > 15
    assert missing == set()


def test_changelog_begins_with_the_version_of_the_package():
    newest = re.search(r"^## (\S+)", (tables.ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == cogmill.__version__


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0
