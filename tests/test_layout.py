"""The shape of the code as a test: sizes of modules, functions and folders, and one name for one thing.

A stranger should find the room for any change from the folder listing, read a module at one sitting and a function at a
glance, and never meet one name with two meanings.
"""

from __future__ import annotations

import ast
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PACKAGES = (ROOT / "include" / "cogmill", ROOT / "plugins" / "cogmill_airflow")
"""The two packages of the wheel: names are unique across both."""

PRODUCT = (*PACKAGES, ROOT / "dags")
"""What runs in production."""

CODE = (*PRODUCT, ROOT / "demo", ROOT / "bench", ROOT / "tools")

MODULE_LINES = 260

FUNCTION_LINES = 50

MEDIAN_LINES = 8
"""Lines of the median function of what runs in production, docstring included."""

FOLDER_ENTRIES, TOP_ENTRIES = 14, 12
"""Modules and folders in a folder of a package, and in the folder of the package itself: about ten, rarely more."""

NO_ENTRIES = {"__init__.py", "__pycache__", "py.typed", "README.md"}
"""Names in a folder that nobody has to choose among."""

WIDE_FOLDERS = {"migrations": "one file for every change of the schema, for ever"}
"""Folders that may grow, and why."""

SHARED_NAMES = {
    "backfill": "the plan in pipeline, its tasks in operators, its DAG in dag_factories",
    "bundle": "the class path `cogmill_airflow.bundle.bundle` stands in users' configuration",
    "collection": "the tasks of a collection in operators, their DAG in dag_factories",
    "ledger": "the package, and the module of the class that bundles its parts",
    "maintenance": "the nightly checks: their package, their tasks in operators, their statements in ledger",
    "uploads": "the same subject on four layers: ledger, sensors, triggers, operators",
}
"""Names that more than one module or package may have, because they mean the same subject on another layer."""


def modules(*folders: Path) -> list[Path]:
    """Return all modules below some folders."""
    return sorted(file for folder in folders for file in folder.rglob("*.py"))


def definitions(file: Path, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    """Yield the classes or functions of a module."""
    return (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, kinds))


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Yield name and lines of every function and method, from `def` to its last line."""
    for node in definitions(file, ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def short(path: Path) -> str:
    """Return a path as it is told to people."""
    return str(path.relative_to(ROOT))


def repeated(places: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the names that stand in more than one place."""
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def test_modules_are_read_at_one_sitting() -> None:
    lines = {short(file): len(file.read_text(encoding="utf-8").splitlines()) for file in modules(*CODE)}

    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}


def test_functions_are_read_at_a_glance() -> None:
    long = {
        f"{short(file)}:{name}": lines
        for file in modules(*CODE)
        for name, lines in functions(file)
        if lines > FUNCTION_LINES
    }

    assert long == {}


def test_most_functions_are_small() -> None:
    assert statistics.median(lines for file in modules(*PRODUCT) for _, lines in functions(file)) <= MEDIAN_LINES


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_folder_is_taken_in_at_once(package: Path) -> None:
    folders = [package, *(folder for folder in package.rglob("*") if folder.is_dir())]
    entries = {
        short(folder): sorted(entry.name for entry in folder.iterdir() if entry.name not in NO_ENTRIES)
        for folder in folders
        if folder.name not in WIDE_FOLDERS and "__pycache__" not in folder.parts
    }

    assert len(entries.pop(short(package))) <= TOP_ENTRIES
    assert {folder: names for folder, names in entries.items() if len(names) > FOLDER_ENTRIES} == {}


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for file in modules(*PACKAGES):
        for node in definitions(file, ast.ClassDef):
            assert isinstance(node, ast.ClassDef)
            places[node.name].append(short(file))

    assert repeated(places) == {}


def module_names() -> dict[str, list[str]]:
    """Return where each name of a module or package stands."""
    places: dict[str, list[str]] = defaultdict(list)
    for file in modules(*PACKAGES):
        if file.parent in PACKAGES and file.name == "__init__.py":
            continue
        places[file.parent.name if file.name == "__init__.py" else file.stem].append(short(file))
    return places


def test_no_two_modules_share_a_name_with_different_meanings() -> None:
    assert repeated(module_names()).keys() <= SHARED_NAMES.keys()


def test_every_shared_name_is_still_shared() -> None:
    assert SHARED_NAMES.keys() <= repeated(module_names()).keys(), "take it out of SHARED_NAMES"
