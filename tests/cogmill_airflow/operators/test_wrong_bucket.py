"""A setting that names another bucket stops every task, the sensor and its trigger, and changes nothing."""

from __future__ import annotations

import importlib
import pkgutil

import cogmill_airflow.operators as package
import pytest
from cogmill.config.settings import load_settings
from cogmill.domain.errors import ConfigurationError
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.operators.base import ArchiveOperator
from cogmill_airflow.sensors.uploads import NewUploadsSensor
from cogmill_airflow.triggers.uploads import NewUploadsTrigger


def operators() -> list[type[ArchiveOperator]]:
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    classes = {entry for module in modules for entry in vars(module).values() if isinstance(entry, type)}
    return sorted((c for c in classes if issubclass(c, ArchiveOperator)), key=lambda c: c.__name__)


@pytest.fixture
def wrong_bucket(connected, monkeypatch):
    with archive_from_connections():
        pass
    name = f"other-{connected.bucket}"
    connected.client.create_bucket(Bucket=name)
    monkeypatch.setenv("COGMILL_BUCKET", name)
    load_settings.cache_clear()
    return name


def test_every_operator_opens_the_archive_in_the_way_that_looks_at_its_bucket(wrong_bucket):
    assert len(operators()) > 20
    assert {operator.__name__ for operator in operators() if operator.archive is not ArchiveOperator.archive} == set()

    with pytest.raises(ConfigurationError, match=wrong_bucket), ArchiveOperator(task_id="any").archive():
        pass


def test_the_wait_for_uploads_ends_with_the_reason(wrong_bucket):
    with pytest.raises(ConfigurationError, match=wrong_bucket):
        NewUploadsSensor(task_id="wait").poke({})
    with pytest.raises(ConfigurationError, match=wrong_bucket):
        NewUploadsTrigger(wait_s=1)._check()


def test_tasks_refuse_a_public_bucket_of_which_nobody_told_the_ledger(connected, monkeypatch):
    with archive_from_connections():
        pass
    monkeypatch.setenv("COGMILL_PUBLIC_BUCKET", "nobody-said-so")
    load_settings.cache_clear()

    with (
        pytest.raises(ConfigurationError, match=f"ledger.bucket {connected.bucket} nobody-said-so`"),
        archive_from_connections(),
    ):
        pass
