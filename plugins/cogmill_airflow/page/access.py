"""Who may see the page and who may retry: Airflow's own users, tokens and permissions, asked of its auth manager."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request

RETRY = "retry"
"""The DAG that looks at refused frames again."""

_may_read = requires_access_dag("GET")


def may_read(request: Request, user: GetUserDep) -> None:
    """Refuse who may not read the DAG that the path names.

    Airflow's own check also takes the DAG from the query, where the client would choose which DAG is asked about.
    """
    if "dag_id" in request.query_params:
        raise HTTPException(400, "The page takes no dag_id.")
    _may_read(request, user)


Reader = Depends(may_read)
"""Signed in, and may read the DAG that the path names as `dag_id`; without one, DAGs at all."""


def may_retry(user: GetUserDep) -> bool:
    """Tell whether this user may start that DAG; the button itself asks Airflow's API, which decides again."""
    details = DagDetails(id=RETRY)
    allowed: bool = get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )
    return allowed


MayRetry = Annotated[bool, Depends(may_retry)]
