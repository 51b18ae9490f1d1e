"""What is not public in Airflow stays in one module, and still is what that module expects."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import airflow.sdk
import pytest
from cogmill_airflow import airflow_internals
from cogmill_airflow.airflow_internals import INTERNAL_NAMES

from tests.airflow_home import ROOT

PACKAGE = ROOT / "plugins" / "cogmill_airflow"
INTERNALS = PACKAGE / "airflow_internals.py"
FILES = sorted([*(ROOT / "dags").glob("*.py"), ROOT / "plugins" / "cogmill_plugin.py", *PACKAGE.rglob("*.py")])

# Public is what Airflow's documentation says: its page "Public Interface of Airflow" and the pages named here. In airflow.sdk it is
# what the package exports, and a provider is public as a whole. Names that begin with an underscore never are.
PUBLIC = {
    "airflow.sdk": set(airflow.sdk.__all__),
    "airflow.sdk.exceptions": None,  # Public Exceptions
    "airflow.sdk.types": None,  # protocols of what a task is handed, for annotations
    "airflow.plugins_manager": {"AirflowPlugin"},  # Plugins
    "airflow.triggers.base": {
        "BaseTrigger",
        "StartTriggerArgs",
        "TaskSuccessEvent",
        "TriggerEvent",
    },  # Deferrable Operators
    "airflow.dag_processing.bundles.base": {"BaseDagBundle"},  # Dag Bundles
    "airflow.dag_processing.bundles.local": {"LocalDagBundle"},  # Dag Bundles
}
"""Names by module; None means all."""

METHODS = {
    "airflow.dag_processing.bundles.base.BaseDagBundle": ["lock", "initialize", "refresh", "path"],
    "airflow.sdk.types.RuntimeTaskInstanceProtocol": ["get_dag", "get_dr_count", "get_task_states", "xcom_push"],
    "airflow.providers.amazon.aws.sensors.s3.S3KeySensor": ["execute", "execute_complete", "poke", "defer"],
}
"""Methods of public classes that Cogmill calls or overrides."""


def imports(file: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of everything that a file imports of Airflow, wherever in the file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] == "airflow")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "airflow":
            yield from ((str(node.module), alias.name) for alias in node.names)


def is_public(module: str, name: str) -> bool:
    if any(part.startswith("_") for part in [*module.split("."), name]):
        return False
    if module.startswith("airflow.providers."):
        return True
    return module in PUBLIC and (PUBLIC[module] is None or name in PUBLIC[module])


@pytest.mark.parametrize("file", [file for file in FILES if file != INTERNALS], ids=lambda file: file.name)
def test_only_public_names_of_airflow_are_imported(file: Path) -> None:
    assert [found for found in imports(file) if not is_public(*found)] == []


def test_rule_tells_public_from_internal() -> None:
    assert is_public("airflow.sdk", "DeadlineAlert")
    assert is_public("airflow.providers.amazon.aws.hooks.s3", "S3Hook")
    assert not is_public("airflow.sdk.definitions.deadline", "DeadlineAlert")
    assert not is_public("airflow.dag_processing.bundles.base", "get_bundle_storage_root_path")
    assert not is_public("airflow.providers.amazon.aws.sensors.s3", "_hidden")
    assert not is_public("airflow.sdk._shared.observability.metrics", "stats")


@pytest.mark.parametrize("name", INTERNAL_NAMES)
def test_internal_name_is_where_it_was(name: str) -> None:
    assert getattr(airflow_internals, name) is not None


def test_internal_names_are_those_that_type_checkers_see() -> None:
    named = {name for module, name in imports(INTERNALS) if module in INTERNAL_NAMES.values()}

    assert named == set(INTERNAL_NAMES)
    assert {name for module, name in imports(INTERNALS) if not is_public(module, name)} == {
        *INTERNAL_NAMES,
        "get_bundle_storage_root_path",
        "DagModel",
        "DagPriorityParsingRequest",
        "create_session",
    }
    with pytest.raises(AttributeError, match="no attribute 'nowhere'"):
        airflow_internals.nowhere  # noqa: B018


def test_functions_of_the_api_server_take_what_the_page_passes() -> None:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
    from fastapi.params import Depends

    check = airflow_internals.requires_access_dag("GET")
    asked = inspect.signature(BaseAuthManager.is_authorized_dag).parameters

    assert list(inspect.signature(check).parameters) == ["request", "user"]
    assert {"method", "user", "access_entity", "details"} <= set(asked)
    assert airflow_internals.DagDetails(id="retry").id == "retry"
    assert airflow_internals.DagAccessEntity.RUN
    assert any(isinstance(part, Depends) for part in get_args(airflow_internals.GetUserDep)), (
        "FastAPI resolves the user"
    )
    assert not inspect.signature(airflow_internals.get_auth_manager).parameters


def test_metrics_take_what_is_sent() -> None:
    for name, value in (("incr", "count"), ("gauge", "value"), ("timing", "dt")):
        function = getattr(airflow_internals, name)
        parameters = inspect.signature(function).parameters
        assert list(parameters)[:2] == ["stat", value]
        assert "tags" in parameters


def test_bundles_are_kept_where_airflow_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cogmill_airflow.bundle.bundle import CollectionsBundle

    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path))

    assert airflow_internals.bundle_storage_root() == tmp_path
    assert CollectionsBundle(name="collections").path.is_relative_to(tmp_path)


@pytest.mark.parametrize(
    ("detail", "missing"), [({"status_code": 404}, True), ({"status_code": 500}, False), (None, False)]
)
def test_missing_things_are_told_from_other_errors(detail: dict[str, int] | None, *, missing: bool) -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    error = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))

    assert airflow_internals.is_not_found(error) is missing


@pytest.mark.parametrize("path", METHODS)
def test_methods_that_are_called_or_overridden_exist(path: str) -> None:
    from pkgutil import resolve_name

    assert [name for name in METHODS[path] if not hasattr(resolve_name(path), name)] == []


def test_documentation_lists_every_internal_name() -> None:
    guide = (ROOT / "docs" / "install.md").read_text()
    section = guide.partition("## What may break with a new Airflow")[2]

    for name in [*INTERNAL_NAMES, "get_bundle_storage_root_path", "AirflowRuntimeError"]:
        assert f"`{name}`" in section
