"""What the real OpenLineage provider reads off the operators. It is not a requirement, so it is installed beside the others for this test."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive

from tests.airflow_home import ROOT
from tests.small_archive import TRAVIS, SmallArchive

PACKAGES = (
    "apache-airflow-providers-openlineage==2.20.3",
    "openlineage-integration-common",
    "openlineage-python",
    "openlineage-sql",
    "httpx2",
    "httpcore2",
    "truststore",
)
"""The provider and what it needs on top of requirements.lock."""

ASK = """
import json, sys
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from cogmill_airflow import operators
collection, frame_ids, written = json.loads(sys.argv[1])
export = operators.ExportIndexOperator(task_id="export", collection_id=collection)
export.written = written
tasks = [
    operators.BuildCogsOperator(task_id="build", collection_id=collection, batch={"frame_ids": frame_ids}),
    operators.UpdateTileIndexOperator(task_id="index", collection_id=collection),
    export,
    operators.PublishMapfileOperator(task_id="publish", collection_id=collection),
]
found = {}
for task in tasks:
    told = DefaultExtractor(task).extract_on_complete(None)
    found[task.task_id] = [[[one.namespace, one.name] for one in part] for part in (told.inputs, told.outputs)]
print("FOUND " + json.dumps(found))
"""


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder to be added to the path; empty when the provider is there anyway."""
    if importlib.util.find_spec("airflow.providers.openlineage"):
        return ""
    if not os.environ.get("COGMILL_LONG"):
        pytest.skip("installs the OpenLineage provider beside the others; COGMILL_LONG=1 runs it")
    folder = tmp_path_factory.mktemp("openlineage")
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    command = [uv, "pip", "install", "-q", "--no-deps", "--python", sys.executable, "--target", folder, *PACKAGES]
    subprocess.run(command, check=True)
    return str(folder)


@pytest.mark.slow
@pytest.mark.timeout(900)  # the provider is installed first
def test_uploads_cogs_index_and_mapfile_are_datasets_when_openlineage_asks(
    provider: str, database: dict[str, Any], bucket: tuple[Any, str], connected: Any
) -> None:
    client, name = bucket
    ledger = Ledger.connect(**database)
    small = SmallArchive(
        Archive(S3Store(client, name), ledger, Settings(_env_file=None, bucket=name)), client, database
    )
    small.published(frames=2)
    ids = [frame_id for (frame_id,) in small.sql("SELECT id FROM cogmill.frame ORDER BY id")]
    zip_key = "bw/Travis/USDA_1951/frames/cog/tile_index/x.zip"

    path = os.pathsep.join(
        filter(None, [str(ROOT), str(ROOT / "include"), str(ROOT / "plugins"), provider, os.environ.get("PYTHONPATH")])
    )
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps([TRAVIS.id, ids, [zip_key]])],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    ledger.close()
    assert "FOUND " in done.stdout, done.stderr
    found = json.loads(done.stdout.partition("FOUND ")[2])

    table = [f"postgres://127.0.0.1:{database['port']}", f"{database['dbname']}.cogmill.tile_index"]
    uploads, cogs = found["build"]
    assert [name for _, name in uploads] == sorted(small.listed("bw/Travis/USDA_1951/frames/georef/"))
    assert sorted(name for _, name in cogs) == sorted(
        k for k in small.listed("bw/Travis/USDA_1951/frames/cog/") if k.endswith(".tif")
    )
    assert {namespace for namespace, _ in [*uploads, *cogs]} == {f"s3://{name}"}
    assert found["index"] == [[], [table]]
    assert found["export"] == [[table], [[f"s3://{name}", zip_key]]]
    assert found["publish"] == [[table], [[f"s3://{name}", f"mapfiles/{TRAVIS.id}.map"]]]
