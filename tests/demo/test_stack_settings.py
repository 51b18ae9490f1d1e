from __future__ import annotations

import pytest
from cogmill.config.settings import load_settings as program_settings
from cogmill.domain.errors import ConfigurationError

from demo.stack.airflow_env import pools
from demo.stack.settings import StackSettings, load_settings


def test_has_the_documented_addresses_when_nothing_is_set() -> None:
    settings = StackSettings(_env_file=None)

    assert settings.s3_url == "http://127.0.0.1:9000"
    assert settings.postgis_port == 5433
    assert settings.airflow_url == "http://127.0.0.1:8080"
    assert settings.front_url == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COGMILL_S3_PORT", "nine"),
        ("COGMILL_S3_PORT", "70000"),
        ("COGMILL_HOME", "relative/path"),
        ("COGMILL_HOME", "/with blank"),
        ("COGMILL_HOME", "/a/../b"),
        ("COGMILL_S3_SECRET_KEY", "a'b"),
        ("COGMILL_READER_PASSWORD", "line\nbreak"),
        ("COGMILL_MOUNT", "nfs"),
    ],
)
def test_names_the_variable_when_its_value_is_wrong(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=name):
        load_settings()


def test_does_not_repeat_a_secret_when_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGMILL_S3_SECRET_KEY", "canary 4711")

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert "canary" not in str(caught.value)


def test_refuses_one_port_for_two_servers_when_they_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGMILL_S3_PORT", "8081")

    with pytest.raises(ConfigurationError, match="must differ"):
        load_settings()


def test_pool_holds_at_least_the_slots_that_one_task_takes(monkeypatch):
    assert pools(StackSettings(_env_file=None, gdal_slots=5))["gdal"]["slots"] == 5

    monkeypatch.setenv("COGMILL_BUILD_PROCESSES", "3")
    monkeypatch.setenv("COGMILL_BUILD_THREADS", "2")
    program_settings.cache_clear()

    assert pools(StackSettings(_env_file=None, gdal_slots=5))["gdal"]["slots"] == 6
