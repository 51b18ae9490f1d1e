"""What stands in docker-compose.yaml and helm/ means something to those who read it: Airflow, the program, the locks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from airflow.configuration import AirflowConfigParser, retrieve_configuration_description
from cogmill.config.settings import Settings

from tools import sizing

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
HELM = sorted((ROOT / "helm").glob("*.yaml"))
CHART = json.loads(Path(__file__).with_name("chart.schema.json").read_text())
NOT_AIRFLOW_S = {"celery", "celery_broker_transport_options"}
"""Sections of a provider that only the image has."""


def airflow_options() -> set[tuple[str, str]]:
    described = retrieve_configuration_description(include_providers=False)
    moved = {old[:2] for old in AirflowConfigParser.deprecated_options.values()}
    return {(section, option) for section, about in described.items() for option in about["options"]} - moved


def program_settings() -> set[str]:
    return {f"COGMILL_{name.upper()}" for name in Settings.model_fields}


def compose_names() -> set[str]:
    environments = [
        service.get("environment", {}) for service in yaml.safe_load(COMPOSE.read_text())["services"].values()
    ]
    return {name for environment in environments for name in environment}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_names_options_that_airflow_has() -> None:
    named = (re.fullmatch(r"AIRFLOW__(.+?)__(.+)", name) for name in compose_names())
    options = {(match[1].lower(), match[2].lower()) for match in named if match}

    assert {one for one in options if one[0] not in NOT_AIRFLOW_S} - airflow_options() == set()


def test_names_settings_that_the_program_has() -> None:
    named = {name for name in compose_names() if name.startswith("COGMILL_")}
    named |= {entry["name"] for file in HELM for entry in yaml.safe_load(file.read_text()).get("env", [])}

    assert named - program_settings() == {"PYTHONWARNINGS"}  # Python's own


def test_gives_connections_that_are_json() -> None:
    environment = yaml.safe_load(COMPOSE.read_text())["x-airflow"]["environment"]

    kinds = {name: json.loads(environment[name])["conn_type"] for name in environment if "AIRFLOW_CONN" in name}

    assert kinds == {"AIRFLOW_CONN_COGMILL_S3": "aws", "AIRFLOW_CONN_COGMILL_POSTGIS": "postgres"}


def test_builds_every_image_it_names() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "docker/Dockerfile").read_text(), re.MULTILINE))
    named = set(re.findall(r"/([a-z]+):\$\{COGMILL_VERSION", COMPOSE.read_text()))

    assert named
    assert named <= targets


@pytest.mark.parametrize("file", HELM, ids=lambda file: file.name)
def test_names_options_that_airflow_has_in_values_of_the_chart(file: Path) -> None:
    config = yaml.safe_load(file.read_text()).get("config", {})
    options = {(section, option) for section in config if section not in NOT_AIRFLOW_S for option in config[section]}

    assert options - airflow_options() == set()


@pytest.mark.parametrize("file", HELM, ids=lambda file: file.name)
def test_names_keys_that_the_chart_has(file: Path) -> None:
    jsonschema.Draft7Validator(CHART).validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"apiServers": {"replicas": 1}}, id="misspelt"),
        pytest.param({"workers": {"keda": {"enabled": True}}}, id="moved"),
        pytest.param({"createUserJob": {"defaultUser": {"enabled": False}}}, id="without effect"),
        pytest.param({"env": [{"name": "COGMILL_BUILD_PROCESSES", "value": 1}]}, id="of another type"),
    ],
)
def test_refuses_values_of_the_chart_when_a_key_is_wrong(values: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(CHART).validate(values)


@pytest.mark.parametrize("file", HELM, ids=lambda file: file.name)
def test_has_no_secret_in_values_of_the_chart(file: Path) -> None:
    texts = [
        text
        for path, text in leaves(yaml.safe_load(file.read_text()))
        if re.search("pass|key|secret", path, re.IGNORECASE)
    ]

    assert set(texts) <= {"cogmill-airflow"}


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, f"{path}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part, path)
    else:
        yield path, str(value)


def test_has_one_version_of_each_package() -> None:
    ours, image = pins("requirements.lock"), pins("docker/requirements.lock")

    assert {name: image[name] for name in image if image[name] != ours.get(name, image[name])} == {}


def test_shows_on_the_page_on_sizing_what_its_figures_give() -> None:
    assert sizing.PAGE.read_text() == sizing.page(), "out of date: run python -m tools.sizing"
