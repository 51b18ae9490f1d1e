"""Who may see the page and who may retry, by Airflow's own users, tokens and permissions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from cogmill_airflow.airflow_internals import (
    DagAccessEntity,
    DagDetails,
    GetUserDep,
    get_auth_manager,
    requires_access_dag,
)

RETRY = "retry"
"""Id of the DAG that builds rejected and failed frames again."""

_may_read = requires_access_dag("GET")


def may_read(request: Request, user: GetUserDep) -> None:
    """Reject a user who may not read the DAG that the path names.

    Airflow's own check also reads the DAG from the query, where the client could choose another DAG than the one of the path.
    """
    if "dag_id" in request.query_params:
        raise HTTPException(400, "The page takes no dag_id.")
    _may_read(request, user)


Reader = Depends(may_read)
"""Dependency: the user is signed in and may read the DAG that the path names as `dag_id`, or any DAG where it names none."""


def may_retry(user: GetUserDep) -> bool:
    """Tell whether this user may start the DAG `retry`; the button itself calls Airflow's API, which checks again."""
    details = DagDetails(id=RETRY)
    allowed: bool = get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )
    return allowed


MayRetry = Annotated[bool, Depends(may_retry)]
