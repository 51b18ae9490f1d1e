"""Bring one collection back to its previous published revision, by hand."""

from __future__ import annotations

from airflow.sdk import DAG, Param
from cogmill_airflow.bundle import params
from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.retries import task_defaults
from cogmill_airflow.names import PUBLISH_POOL, TAG, task
from cogmill_airflow.observability import assets, notifications
from cogmill_airflow.operators import mapfiles

with DAG(
    "rollback",
    description="Brings one collection back to its previous published revision",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=task_defaults(),
    params={
        "dry_run": Param(default=True, type="boolean", title="Dry run", description="Only say what would change."),
        "collection": params.choose_collection("Goes back to its previous published revision."),
    },
    deadline=notifications.run_deadline("rollback"),
    tags=[TAG],
    doc_md=operations_docs.ROLLBACK,
) as dag:
    mapfiles.RollbackOperator(
        **task("roll_back"),
        pool=PUBLISH_POOL,
        outlets=[assets.services()],
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.ROLL_BACK,
    )
