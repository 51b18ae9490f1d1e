"""The architecture as a test: who may import whom. dags -> plugins -> pipeline -> {pure modules, edges}."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "include" / "cogmill"
EDGES = {"include.cogmill.store", "include.cogmill.sqs", "include.cogmill.ledger"}
SPEAKS_AWS = {"store.py", "sqs.py"}
FOUNDATION = {"include.cogmill.model", "include.cogmill.errors"}


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def roots(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def is_edge(file: Path) -> bool:
    return file.name in SPEAKS_AWS or file.parent.name == "ledger"


PURE = [f for f in modules(PROGRAM) if not is_edge(f) and f.parent.name != "pipeline"]


@pytest.mark.parametrize("file", modules(PROGRAM), ids=lambda f: str(f.relative_to(PROGRAM)))
def test_keeps_airflow_s3_and_sql_where_they_belong(file):
    assert not roots(file) & {"airflow", "cogmill_airflow", "plugins", "dags"}
    assert file.name in SPEAKS_AWS or not roots(file) & {"boto3", "botocore"}
    assert file.parent.name == "ledger" or "psycopg" not in roots(file)


@pytest.mark.parametrize("file", PURE, ids=lambda f: str(f.relative_to(PROGRAM)))
def test_keeps_edges_out_of_pure_modules(file):
    ours = {name for name in imports(file) if name.startswith("include.")}

    assert not {name for name in ours if any(name.startswith(edge) for edge in EDGES)}
    assert not {name for name in ours if name.startswith("include.cogmill.pipeline")}


@pytest.mark.parametrize("file", [f for f in modules(PROGRAM) if is_edge(f)], ids=lambda f: f.name)
def test_keeps_pure_modules_out_of_edges(file):
    ours = {name for name in imports(file) if name.startswith("include.")}
    own = (
        {name for name in ours if name.startswith("include.cogmill.ledger")} if file.parent.name == "ledger" else set()
    )

    assert ours - own <= FOUNDATION


def test_runs_without_airflow():
    blocked = "import sys; sys.modules['airflow'] = None; "
    names = [".".join(f.relative_to(ROOT).with_suffix("").parts) for f in modules(PROGRAM) if f.stem != "__init__"]
    names = [name for name in names if not name.endswith(("migrate", "child"))]

    subprocess.run([sys.executable, "-c", blocked + f"import {', '.join(names)}"], check=True, cwd=ROOT)
