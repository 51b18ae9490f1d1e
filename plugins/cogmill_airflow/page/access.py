"""Who may see the page and who may retry: Airflow's own users, tokens and permissions, asked of its auth manager."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends

BACKFILL = "backfill"
"""The DAG that looks at refused frames again."""

Reader = Depends(requires_access_dag("GET"))
"""Signed in, and may read the DAG that the path names as `dag_id`; without one, DAGs at all."""


def may_retry(user: GetUserDep) -> bool:
    """Tell whether this user may start backfills; the button itself asks Airflow's API, which decides again."""
    details = DagDetails(id=BACKFILL)
    allowed: bool = get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )
    return allowed


MayRetry = Annotated[bool, Depends(may_retry)]
