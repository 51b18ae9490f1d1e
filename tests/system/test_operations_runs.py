"""The DAGs of operations run from their first task to their last in a real Airflow, against a real ledger and a real S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive

from tests.airflow_home import ROOT
from tests.old_bucket import cog
from tests.small_archive import TRAVIS, SmallArchive

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(1200)]

RUN = """
import importlib.util, json, sys
results = {}
for name, conf in json.loads(sys.argv[1]):
    spec = importlib.util.spec_from_file_location(name, f"dags/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.dag.deadline = None  # dag.test() of Airflow 3.3 looks for deadlines that only the scheduler has stored
    run = module.dag.test(run_conf=conf)
    tasks = {}
    for ti in run.get_task_instances():
        tasks.setdefault(ti.task_id, set()).add(str(ti.state))
    results[name] = {task: sorted(states) for task, states in tasks.items()}
print("\\nRESULTS " + json.dumps(results))
"""
RUNS = [
    ("compile_indexes", {}),
    ("maintenance", {"dry_run": False}),
    ("render_mapfiles", {"collections": ["everything"], "dry_run": True}),
    ("backfill", {"collections": [TRAVIS.id], "states": ["published"], "force": True, "dry_run": False}),
    ("rollback", {"collection": TRAVIS.id, "dry_run": True}),
    ("adopt", {"dry_run": False}),
]

FOREIGN = "bw/Travis/USDA_1951/frames/cog/03-22-51_4-9.tif"
"""A COG of another system."""


@pytest.fixture
def archive(database, bucket):
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
    yield archive
    ledger.close()


def test_every_dag_of_operations_runs_to_its_end(archive, s3_server, tmp_path: Path) -> None:
    libpq = archive.libpq
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW_CONN_COGMILL_S3": json.dumps(
            {
                "conn_type": "aws",
                "login": "only",
                "password": "canary-s3-secret",
                "extra": {"endpoint_url": s3_server, "region_name": "us-east-1"},
            }
        ),
        "AIRFLOW_CONN_COGMILL_POSTGIS": json.dumps(
            {
                "conn_type": "postgres",
                "host": libpq["host"],
                "port": libpq["port"],
                "login": libpq["user"],
                "password": libpq["password"],
                "schema": libpq["dbname"],
            }
        ),
        "COGMILL_BUCKET": archive.archive.store.bucket,
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}",
    }
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], env=environment, cwd=ROOT, check=True, capture_output=True)
    for pool in ("gdal", "publish", "backfill"):
        subprocess.run(
            [*airflow, "pools", "set", pool, "2", pool], env=environment, cwd=ROOT, check=True, capture_output=True
        )

    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(RUNS)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "RESULTS " in done.stdout, done.stderr[-5000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULTS ")]
    results = json.loads(line.removeprefix("RESULTS "))
    assert results["compile_indexes"] == {"compile_indexes": ["success"], "check_compiled": ["success"]}
    for name in ("maintenance", "render_mapfiles", "backfill", "rollback", "adopt"):
        assert set(map(tuple, results[name].values())) == {("success",)}, results[name]
    archive.run()
    assert archive.sql("SELECT cog_key FROM cogmill.tile_index WHERE cog_key = %s", FOREIGN) == [(FOREIGN,)]
    assert "canary-s3-secret" not in done.stdout + done.stderr
    assert "only-for-tests" not in done.stdout + done.stderr
