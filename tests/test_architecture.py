"""Every path, module, function, class and command that the pages for developers name exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("docs/architecture.md", "docs/glossary.md", "CONTRIBUTING.md")]
SOURCES = [ROOT / "include" / "cogmill", ROOT / "plugins" / "cogmill_airflow"]

FILE = re.compile(
    r"[\w.*/-]+\.(?:cfg|j2|js|json|map|md|py|sh|sql|toml|txt|yaml|yml)|[\w.*-]+(?:/[\w.*-]+)*/|[\w.*-]+/[\w.*/-]+"
)
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
CLASS = re.compile(r"(?:[A-Z][a-z0-9]+){2,}|[A-Z][A-Z0-9]*[A-Z][a-z]+(?:[A-Z][a-z0-9]+)*")
IN_THE_BUCKET = re.compile(r"(?:bw|nc|georef|scanned|cog|mapfiles|catalog|stac|geojson|quarantine|reports)/.*")
ELSEWHERE = {"osgeo.gdal", "osgeo.ogr", "osgeo.osr", "airflow.sdk", "cogmill.tile_index", "cogmill.collection.product"}
"""Names of libraries, and of a table and a column."""


def test_pages_name_enough_to_be_worth_a_check():
    assert all(len(spans(page)) > 15 for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_exists(page):
    named = {span for span in spans(page) if FILE.fullmatch(span) and not IN_THE_BUCKET.fullmatch(span)}

    assert {path for path in named if not found(path)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_and_function_exists(page):
    named = {span for span in spans(page) if DOTTED.fullmatch(span) and not FILE.fullmatch(span)} - ELSEWHERE

    assert {name for name in named if not is_defined(name)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_class_exists(page):
    named = {span for span in spans(page) if CLASS.fullmatch(span)} - ELSEWHERE

    assert named - classes() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page):
    text = page.read_text()
    modules = set(re.findall(r"python -m ([\w.]+)", text)) - {"pytest"}
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))

    assert {name for name in modules if not is_defined(name) and not found(name.replace(".", "/"))} == set()
    assert targets - set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) == set()


def test_makefile_runs_tests_that_exist():
    named = re.findall(r"\btests/[\w/.]+", (ROOT / "Makefile").read_text())

    assert [path for path in named if not (ROOT / path).exists()] == []


def spans(page: Path) -> set[str]:
    """Return what stands between backticks, without the code blocks."""
    return set(
        re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE))
    )


def found(path: str) -> bool:
    """Tell whether a path leads somewhere from the top or from a package; a placeholder stands for anything."""
    return any(
        True
        for base in (ROOT, ROOT / "plugins", *SOURCES)
        for name in (path, f"{path}.py")
        for _ in base.glob(name.rstrip("/"))
    )


@cache
def modules() -> dict[str, Path]:
    """Return the modules of both packages by their full names."""
    return {_dotted(file, source): file for source in SOURCES for file in source.rglob("*.py")}


def _dotted(file: Path, source: Path) -> str:
    parts = file.relative_to(source.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def definitions(file: Path) -> frozenset[str]:
    """Return what a module defines or hands on: functions, classes, constants, and members of classes as `Class.member`."""
    tree = ast.parse(file.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    listed = [node.value for node in tree.body if isinstance(node, ast.Assign) and "__all__" in _names([node], "")]
    return frozenset(_names(tree.body, "")) | imported | {name for value in listed for name in ast.literal_eval(value)}


def _names(body: list[ast.stmt], prefix: str) -> list[str]:
    names: list[str] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(prefix + node.name)
        elif isinstance(node, ast.ClassDef):
            names += [prefix + node.name, *_names(node.body, f"{prefix}{node.name}.")]
        elif isinstance(node, ast.Assign):
            names += [prefix + target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(prefix + node.target.id)
    return names


def is_defined(name: str) -> bool:
    """Tell whether a dotted name is a module, or something in a module or class; modules may be named by their last part."""
    if any(module == name or module.endswith(f".{name}") for module in modules()):
        return True
    head, _, rest = name.partition(".")
    while rest:
        holders = [file for module, file in modules().items() if module == head or module.endswith(f".{head}")]
        if any(rest in definitions(file) for file in holders):
            return True
        more, _, rest = rest.partition(".")
        head = f"{head}.{more}"
    return any(name in definitions(file) for file in modules().values())


@cache
def classes() -> set[str]:
    """Return the names with capitals that both packages define or import."""
    return {name for file in modules().values() for name in definitions(file)}
