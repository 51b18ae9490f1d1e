"""Airflow connections, by environment, to the private PostgreSQL and S3 server of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from demo.stack.airflow_env import postgis_connection, s3_connection
from tests import airflow_home  # noqa: F401  before the first import of airflow


@dataclass(frozen=True)
class ConnectedArchive:
    """A fresh bucket and a fresh ledger that Airflow's connections lead to."""

    client: Any
    bucket: str
    libpq: dict[str, object]

    def upload(self, key: str, body: bytes = b"some bytes") -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)


@pytest.fixture
def ledger_connection(database: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("AIRFLOW_CONN_COGMILL_POSTGIS", postgis_connection(database))
    return database


@pytest.fixture
def connected(
    ledger_connection: dict[str, object],
    bucket: tuple[Any, str],
    s3_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> ConnectedArchive:
    client, name = bucket
    monkeypatch.setenv("AIRFLOW_CONN_COGMILL_S3", s3_connection(s3_server, "only", "canary-s3-secret"))
    monkeypatch.setenv("COGMILL_BUCKET", name)
    monkeypatch.setenv("COGMILL_POKE_SECONDS", "0.2")
    return ConnectedArchive(client, name, ledger_connection)
