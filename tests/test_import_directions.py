"""The architecture as a test: who may import whom.

dags -> cogmill_airflow -> pipeline and maintenance -> everything else, down to domain.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "include" / "cogmill"

FLOORS = (
    {"domain"},
    {"config", "aws", "ledger", "cog"},
    {"overviews"},
    {"mapserver", "index"},
    {"public"},
    {"pipeline"},
    {"maintenance"},
)
"""Rooms of the program from the bottom up. A module may import its own room and rooms of floors below."""

BESIDE = {
    "cog": {"config"},  # where the package lies, for the worker process
    "config": {"cog"},  # a collection's file names a profile
    "index": {"mapserver"},
}
"""Rooms of the same floor that a room may import all the same."""

EDGES = {"aws": {"boto3", "botocore"}, "ledger": {"psycopg", "aiosql"}}
"""Libraries that a single room may import."""

FOUNDATION = {"domain"}
"""All that the edges may know of the program."""


@cache
def imports(file: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def libraries(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


def room(file: Path) -> str:
    return file.relative_to(PROGRAM).parts[0]


def rooms_used(file: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(file) if name.startswith("cogmill.")} - {room(file)}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


MODULES = [file for file in modules(PROGRAM) if file != PROGRAM / "__init__.py"]
named = pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PROGRAM)))


def below(name: str) -> set[str]:
    lower_bound = next(number for number, rooms in enumerate(FLOORS) if name in rooms)
    return set().union(*FLOORS[:lower_bound])


def test_every_room_has_its_floor():
    assert {room(file) for file in MODULES} == set().union(*FLOORS)


@named
def test_imports_only_what_lies_below(file):
    allowed = FOUNDATION if room(file) in EDGES else below(room(file)) | BESIDE.get(room(file), set())

    assert rooms_used(file) <= allowed


@named
def test_keeps_airflow_s3_and_sql_where_they_belong(file):
    elsewhere = set().union(*(names for name, names in EDGES.items() if name != room(file)))

    assert not libraries(file) & {"airflow", "cogmill_airflow", "dags", "demo", "tests", *elsewhere}


def test_no_module_imports_itself_by_way_of_others():
    names = {".".join(f.relative_to(PROGRAM.parent).with_suffix("").parts): f for f in MODULES if f.stem != "__init__"}
    # what follows the last dot is a module or something out of one
    graph = {
        name: {found for used in imports(file) for found in (used, used.rpartition(".")[0])} & names.keys() - {name}
        for name, file in names.items()
    }

    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_runs_without_airflow():
    blocked = "import sys; sys.modules['airflow'] = None; "
    names = [".".join(f.relative_to(PROGRAM.parent).with_suffix("").parts) for f in MODULES if f.stem != "__init__"]
    names = [name for name in names if not name.endswith((".migrate", ".worker"))]

    subprocess.run([sys.executable, "-c", blocked + f"import {', '.join(names)}"], check=True, cwd=PROGRAM.parent)
