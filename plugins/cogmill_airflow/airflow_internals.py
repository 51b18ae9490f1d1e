"""The parts of Airflow that Cogmill uses though Airflow does not document them as public. No other module imports such parts.

A new Airflow may move or change any of them without notice. tests/cogmill_airflow/test_airflow_internals.py fails when one does,
and docs/install.md lists them. Names are loaded on first use: the API server's parts are heavy, and only the page needs them.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
    from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
    from airflow.sdk.exceptions import AirflowRuntimeError
    from airflow.sdk.observability.stats import gauge, incr, timing

__all__ = [
    "DagAccessEntity",
    "DagDetails",
    "GetUserDep",
    "bundle_storage_root",
    "gauge",
    "get_auth_manager",
    "incr",
    "is_not_found",
    "request_parsing",
    "requires_access_dag",
    "timing",
]

INTERNAL_NAMES = {
    "DagAccessEntity": "airflow.api_fastapi.auth.managers.models.resource_details",
    "DagDetails": "airflow.api_fastapi.auth.managers.models.resource_details",
    "GetUserDep": "airflow.api_fastapi.core_api.security",
    "gauge": "airflow.sdk.observability.stats",
    "get_auth_manager": "airflow.api_fastapi.app",
    "incr": "airflow.sdk.observability.stats",
    "requires_access_dag": "airflow.api_fastapi.core_api.security",
    "timing": "airflow.sdk.observability.stats",
}
"""Names handed on unchanged, and the modules of Airflow that define them."""


def __getattr__(name: str) -> Any:
    if name in INTERNAL_NAMES:
        return getattr(import_module(INTERNAL_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def bundle_storage_root() -> Path:
    """Return the folder below which Airflow keeps the files of all DAG bundles on this host."""
    from airflow.dag_processing.bundles.base import get_bundle_storage_root_path

    root: Path = get_bundle_storage_root_path()  # type: ignore[no-untyped-call]
    return root


def request_parsing(dag_ids: Sequence[str]) -> int:
    """Ask the DAG processor to parse the files of some DAGs now, as the button of the UI does; return how many files.

    Works where Airflow's database may be used: in the DAG processor itself.
    """
    from airflow.models.dag import DagModel
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy import select

    asked = select(DagPriorityParsingRequest.bundle_name, DagPriorityParsingRequest.relative_fileloc)
    files = select(DagModel.bundle_name, DagModel.relative_fileloc).where(
        DagModel.dag_id.in_(dag_ids), DagModel.bundle_name.is_not(None), DagModel.relative_fileloc.is_not(None)
    )
    with create_session() as session:
        missing = set(map(tuple, session.execute(files))) - set(map(tuple, session.execute(asked)))
        session.add_all(DagPriorityParsingRequest(str(bundle), str(file)) for bundle, file in missing)
    return len(missing)


def is_not_found(error: AirflowRuntimeError) -> bool:
    """Tell whether Airflow's API answered a task's question with "there is no such thing"."""
    return (error.error.detail or {}).get("status_code") == HTTPStatus.NOT_FOUND
