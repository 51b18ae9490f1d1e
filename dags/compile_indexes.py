"""Compile the index of the whole archive into one file, every night."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG
from cogmill.config.settings import load_settings
from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.retries import SCHEDULED_RUN_TIMEOUT, task_defaults
from cogmill_airflow.names import TAG, task
from cogmill_airflow.observability import assets, notifications
from cogmill_airflow.operators import archive_index

settings = load_settings()

with DAG(
    "compile_indexes",
    description="Every published footprint in one GeoJSON, FlatGeobuf and GeoParquet, and the list of services",
    schedule=settings.compile_schedule,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=SCHEDULED_RUN_TIMEOUT,
    default_args=task_defaults(execution_timeout=timedelta(hours=6)),
    deadline=notifications.deadline("compile_indexes", settings.compile_deadline_minutes),
    tags=[TAG],
    doc_md=operations_docs.COMPILE_INDEXES,
) as dag:
    compiled = archive_index.CompileIndexesOperator(
        **task("compile_indexes"),
        outlets=[assets.indexes()],
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.COMPILE,
    )
    archive_index.CheckCompiledOperator(
        **task("check_compiled"),
        compiled=compiled.output,
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=operations_docs.CHECK_COMPILED,
    )
