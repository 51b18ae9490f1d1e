"""`airflow dags test` runs each DAG from its first task to its last, in a real Airflow with the settings of a site.

It is how people try a DAG before they deploy it: without a scheduler, with the real ledger and the real S3 server.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive

from demo.stack.airflow_env import postgis_connection, s3_connection
from tests.airflow_home import ROOT
from tests.old_bucket import cog
from tests.small_archive import TRAVIS, SmallArchive

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1200)]

COLLECTION = f"collection__{TRAVIS.id}"
RUNS: list[tuple[str, dict[str, object]]] = [
    ("watch_uploads", {}),
    (COLLECTION, {}),
    ("compile_indexes", {}),
    ("maintenance", {"dry_run": False}),
    ("render_mapfiles", {"collections": ["everything"], "dry_run": True}),
    ("backfill", {"collections": [TRAVIS.id], "states": ["published"], "force": True, "dry_run": False}),
    ("retry", {"collections": [TRAVIS.id], "dry_run": True}),
    ("rollback", {"collection": TRAVIS.id, "dry_run": True}),
    ("adopt", {"dry_run": False}),
]
"""Each DAG and what its form is filled in with, in this order: what one leaves the next one finds."""

BUNDLES = [
    {"name": "cogmill", "classpath": "cogmill_airflow.bundle.ProgramBundle", "kwargs": {}},
    {"name": "collections", "classpath": "cogmill_airflow.bundle.CollectionsBundle", "kwargs": {}},
]


@dataclass(frozen=True)
class Airflow:
    """An Airflow on SQLite that no component runs of."""

    environment: dict[str, str]
    database: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def states(self, dag_id: str) -> dict[str, set[str]]:
        """Return the states of the task instances that its runs had, by task."""
        found: dict[str, set[str]] = {}
        with sqlite3.connect(self.database) as connection:
            query = "SELECT task_id, state FROM task_instance WHERE dag_id = ? AND run_id LIKE 'manual%'"
            for task, state in connection.execute(query, [dag_id]):
                found.setdefault(task, set()).add(state)
        return found


FOREIGN = "bw/Travis/USDA_1951/frames/cog/03-22-51_4-9.tif"
"""A COG of another system."""


@pytest.fixture
def archive(database, bucket):
    """Two frames on the map, and one that nobody has seen yet."""
    client, name = bucket
    ledger = Ledger.connect(**database)
    archive = SmallArchive(
        Archive(S3Store(client, name), ledger, Settings(_env_file=None, bucket=name)), client, database
    )
    archive.upload_real(1)
    archive.run()
    archive.upload_real(2)
    archive.run()
    archive.put(FOREIGN, cog(1, -10_900_000, 3_500_000, Bands.BW))
    archive.upload_real(3)
    yield archive
    ledger.close()


@pytest.fixture
def airflow(archive: SmallArchive, s3_server: str, tmp_path: Path) -> Airflow:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "plugins"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path / "bundles"),
        "AIRFLOW_CONN_COGMILL_S3": s3_connection(s3_server, "only", "canary-s3-secret"),
        "AIRFLOW_CONN_COGMILL_POSTGIS": postgis_connection(archive.libpq),
        "COGMILL_BUCKET": archive.archive.store.bucket,
        "COGMILL_AREA": "[-107, 25, -93, 37]",
    }
    site = Airflow(environment, tmp_path / "airflow.db")
    pools = tmp_path / "pools.json"
    pool = {"slots": 2, "description": "", "include_deferred": False}
    pools.write_text(json.dumps(dict.fromkeys(["gdal", "publish", "backfill"], pool)))
    for command in (["db", "migrate"], ["pools", "import", str(pools)], ["dags", "reserialize"]):
        done = site.run(*command)
        assert done.returncode == 0, done.stderr[-4000:]
    return site


def test_every_dag_runs_to_its_end_under_airflow_dags_test(archive: SmallArchive, airflow: Airflow) -> None:
    said = {dag: airflow.run("dags", "test", dag, "--conf", json.dumps(conf)) for dag, conf in RUNS}

    failed = {dag: (done.stdout + done.stderr)[-4000:] for dag, done in said.items() if done.returncode}
    assert failed == {}
    states = {dag: airflow.states(dag) for dag in said}
    assert [dag for dag, tasks in states.items() if not tasks] == []
    assert {
        (dag, task) for dag, tasks in states.items() for task, found in tasks.items() if found != {"success"}
    } == set()
    archive.run()
    assert archive.sql("SELECT cog_key FROM cogmill.tile_index WHERE cog_key = %s", FOREIGN) == [(FOREIGN,)]
    assert set(archive.states()) == {"published"}
    printed = "".join(done.stdout + done.stderr for done in said.values())
    assert "canary-s3-secret" not in printed
    assert "only-for-tests" not in printed
