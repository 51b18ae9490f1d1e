"""Each DAG file is parsed as Airflow does it, in a fresh interpreter with sockets blocked."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cogmill_airflow.bundle.shards import write_shards

from tests.airflow_home import ENVIRONMENT, ROOT
from tests.dags.conftest import entry

HEAVY = {"rasterio", "osgeo", "cv2", "boto3", "botocore", "psycopg", "numpy", "shapely"}

PARSE = """
import json, socket, sys, time
import airflow.settings
from airflow.dag_processing.dagbag import DagBag

def refuse(*args, **kwargs):
    raise OSError("a DAG file opened a socket")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
before = set(sys.modules)
started = time.process_time()
bag = DagBag(sys.argv[1])
print("\\n" + json.dumps({
    "cpu_s": time.process_time() - started,
    "errors": bag.import_errors,
    "dags": {id: [t.task_id for t in d.topological_sort()] for id, d in bag.dags.items()},
    "modules": sorted(m for m in set(sys.modules) - before if "." not in m),
    "before": sorted(m for m in before if "." not in m),
    "tags": {id: sorted(d.tags) for id, d in bag.dags.items()},
}))
"""


def parse(file: Path, **environment: str) -> dict[str, object]:
    env = {
        **os.environ,
        **ENVIRONMENT,
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}",
        "AIRFLOW_CONN_COGMILL_S3": "aws://key:canary@?endpoint_url=http%3A%2F%2F127.0.0.1%3A1",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(file)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write_shards(folder, [entry(f"County{number}") for number in range(3000)])
    return max(folder.glob("*.py"), key=lambda file: file.with_suffix(".json").stat().st_size)


def test_watch_uploads_reads_as_its_graph_when_parsed() -> None:
    seen = parse(ROOT / "dags" / "watch_uploads.py")

    assert seen["errors"] == {}
    (tasks,) = seen["dags"].values()
    assert tasks[:2] == ["wait_for_uploads", "ingest_uploads"]
    assert set(tasks[2:]) == {"trigger_collections", "list_rejected", "rejected_uploads"}
    assert not HEAVY - {"boto3", "botocore"} & set(seen["modules"])  # boto3: by the provider's own sensor, not by us


def test_collections_load_nothing_heavy_when_parsed(shard: Path) -> None:
    seen = parse(shard)

    assert seen["errors"] == {}
    assert len(seen["dags"]) > 50
    assert not HEAVY & {*seen["modules"], *seen["before"]}


def test_one_of_3000_is_parsed_when_a_worker_starts_its_task(shard: Path) -> None:
    wanted = "collection__" + json.loads(shard.with_suffix(".json").read_text())[5]["id"]

    seen = parse(shard, _AIRFLOW_PARSING_CONTEXT_DAG_ID=wanted)

    assert list(seen["dags"]) == [wanted]


def module_level_imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def files_loaded_everywhere() -> list[Path]:
    """Return all files but those of the page, which only the API server loads, with the first request."""
    plugins = [
        file for file in (ROOT / "plugins").rglob("*.py") if file.parent.name != "page" or file.stem == "__init__"
    ]
    return [*(ROOT / "dags").rglob("*.py"), *plugins]


@pytest.mark.parametrize("file", files_loaded_everywhere(), ids=lambda file: file.name)
def test_our_files_import_nothing_heavy_when_loaded(file: Path) -> None:
    assert not HEAVY & module_level_imports(file)
    assert "include" not in module_level_imports(file)


def test_parsing_stays_cheap_when_thousands_of_collections_exist(shard: Path) -> None:
    seen = parse(shard)

    assert seen["cpu_s"] < 10, (
        "94 DAGs take about a third of a second on a quiet machine; what grows with 3,000 takes minutes"
    )


def test_says_what_is_missing_instead_of_failing_later(tmp_path: Path) -> None:
    seen = parse(ROOT / "dags" / "watch_uploads.py", COGMILL_MAPSERV=str(tmp_path / "mapserv"))

    (error,) = seen["errors"].values()
    assert (
        error.strip()
        .splitlines()[-1]
        .startswith("cogmill.domain.errors.ConfigurationError: MapServer is not installed: ")
    )
    assert seen["dags"] == {}
