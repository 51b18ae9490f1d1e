"""A real DAG processor offers a new collection in the forms by itself, long before it would parse their files again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cogmill.domain.model import Collection, Product
from cogmill.ledger import Ledger

from demo.stack.airflow_env import postgis_connection
from tests.airflow_home import ROOT
from tests.conftest import end, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUNDLES = [
    {"name": "cogmill", "classpath": "cogmill_airflow.bundle.ProgramBundle", "kwargs": {"refresh_interval": 3600}},
    {"name": "collections", "classpath": "cogmill_airflow.bundle.CollectionsBundle", "kwargs": {"refresh_interval": 2}},
]

OFFERED = """
import sys
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session

with create_session() as session:
    dags = {dag: SerializedDagModel.get(dag, session=session) for dag in sys.argv[2:]}
    found = all(row is not None and sys.argv[1] in str(row.data) for row in dags.values())
sys.exit(0 if found else 1)
"""
"""Ends with 0 when the serialized DAGs contain a name."""


@pytest.fixture
def environment(database: dict[str, object], tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path / "bundles"),
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        "AIRFLOW_CONN_COGMILL_POSTGIS": postgis_connection(database),
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}",
    }


@pytest.fixture
def processor(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=environment, check=True, capture_output=True)
    with (tmp_path / "processor.log").open("wb") as log:
        process = subprocess.Popen([*airflow, "dag-processor"], env=environment, stdout=log, stderr=log)
    yield process
    end(process, signal.SIGTERM)


def test_a_new_collection_is_offered_without_waiting_for_the_next_parse(
    processor: subprocess.Popen[bytes], environment: dict[str, str], database: dict[str, object], tmp_path: Path
) -> None:
    def offered(name: str) -> bool:
        asked = [sys.executable, "-c", OFFERED, name, "backfill", "retry", "render_mapfiles", "rollback"]
        return subprocess.run(asked, env=environment, check=False, capture_output=True).returncode == 0

    wait_until(lambda: offered("dry_run"), "the DAG processor", 240)
    with psycopg.connect(**database) as connection:
        Ledger(connection).uploads.add_collections([Collection("Hays", "AMS", "1950", Product.FRAMES)])

    wait_until(lambda: offered("Hays_AMS_1950_frames"), "the form of a new collection", 240)

    assert processor.poll() is None
    assert "forms_not_renewed" not in (tmp_path / "processor.log").read_text()
