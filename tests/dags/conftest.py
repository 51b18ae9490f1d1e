"""Airflow's API server in this process, over a database of its own, with the DAGs as a person finds them there."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from cogmill_airflow.bundle.shards import write_shards
from sqlalchemy import update
from starlette.testclient import TestClient

from tests import airflow_home

STORAGE = airflow_home.HOME / "bundles" / "collections"

OPERATIONS = sorted(file.stem for file in (airflow_home.ROOT / "dags").glob("*.py"))
"""Ids of the DAGs of the program: each has a file of its name."""


def entry(county: str, agency: str = "USDA", year: str = "1951", source: str = "") -> dict[str, Any]:
    """Return a collection as the bundle writes it."""
    service = "_".join(filter(None, [source, county, agency, year, "frames"]))
    names = {"id": service.lower(), "service_name": service, "county": county, "agency": agency}
    return {**names, "year": year, "product": "frames", "gdal_slots": 2}


def operations_dag(name: str) -> DAG:
    """Return a DAG of the program, as its file makes it now."""
    spec = importlib.util.spec_from_file_location(f"dag_of_{name}", airflow_home.ROOT / "dags" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (dag,) = (value for value in vars(module).values() if isinstance(value, DAG))
    return dag


@dataclass(frozen=True)
class AirflowUi:
    """What the UI asks Airflow, as its admin."""

    client: TestClient
    folder: Path = field(default=airflow_home.ROOT / "dags")

    def load(self, collections: Sequence[dict[str, Any]], files: str = "*.py") -> None:
        """Let Airflow read the DAGs of an archive with these collections, as its DAG processor does."""
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

        STORAGE.mkdir(parents=True, exist_ok=True)
        write_shards(STORAGE, collections)
        for name, folder in (("cogmill", self.folder), ("collections", STORAGE)):
            for file in sorted(folder.glob(files)):
                bag = BundleDagBag(file, bundle_path=folder, bundle_name=name)
                assert bag.import_errors == {}
                sync_bag_to_db(bag, name, None)

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Ask one question."""
        answer = self.client.get(f"/api/v2/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def form(self, dag: str) -> dict[str, Any]:
        """Return the fields of the form of a DAG."""
        params: dict[str, Any] = self.get(f"dags/{dag}/details")["params"]
        return params

    def trigger(self, dag: str, **conf: Any) -> tuple[int, str]:
        """Press the button Trigger; return the status and what is shown when it is refused."""
        answer = self.client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None, "conf": conf})
        return answer.status_code, answer.text


@pytest.fixture(scope="session")
def airflow_server() -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
        patch.setitem(os.environ, "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")
        patch.setitem(os.environ, "AIRFLOW__API_AUTH__JWT_SECRET", "only-for-tests" * 5)
        from airflow.api_fastapi.app import create_app
        from airflow.models.dagbundle import DagBundleModel
        from airflow.utils.db import initdb
        from airflow.utils.session import create_session

        initdb()
        with create_session() as session:
            for name in ("cogmill", "collections"):
                session.merge(DagBundleModel(name=name))
        with TestClient(create_app(apps="core")) as client:
            client.headers["Authorization"] = f"Bearer {client.get('/auth/token').json()['access_token']}"
            yield client


@pytest.fixture
def airflow_ui(airflow_server: TestClient) -> Iterator[AirflowUi]:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.execute(update(DagModel).values(is_stale=True))  # those of other tests, as when their files are gone
    yield AirflowUi(airflow_server)
    shutil.rmtree(STORAGE, ignore_errors=True)
