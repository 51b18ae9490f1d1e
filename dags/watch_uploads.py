"""Uploads to runs: the bell, the register, and a run for each collection that has work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from cogmill_airflow.dag_factories import collection_docs
from cogmill_airflow.dag_factories.retries import DEFAULTS
from cogmill_airflow.observability import notifications
from cogmill_airflow.operators import uploads
from cogmill_airflow.operators.rejections import LABEL_TEMPLATE, ShowRejectedOperator
from cogmill_airflow.sensors.uploads import NewUploadsSensor

with DAG(
    "watch_uploads",
    description="Waits for uploads and asks for runs of their collections",
    schedule="@continuous",
    # without it the first run's interval is empty, and Airflow takes the second run for the first for ever
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    catchup=False,
    is_paused_upon_creation=False,
    default_args=DEFAULTS,
    tags=["cogmill"],
    doc_md=collection_docs.WATCH_UPLOADS,
):
    wait = NewUploadsSensor(
        task_id="wait_for_uploads", wait=timedelta(hours=6), doc_md=collection_docs.WAIT_FOR_UPLOADS
    )
    register = uploads.RegisterUploadsOperator(
        task_id="register_uploads",
        on_success_callback=notifications.DigestNotifier(),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=collection_docs.REGISTER_UPLOADS,
    )
    uploads.TriggerCollectionOperator.partial(
        task_id="trigger_collections",
        map_index_template="{{ task.collection_id or 'no collection has work' }}",
        retry_delay=timedelta(seconds=5),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=collection_docs.TRIGGER_COLLECTIONS,
    ).expand(collection_id=register.output)
    refused = uploads.ListRefusedOperator(
        task_id="list_refused", refused=register.output[uploads.REFUSED], doc_md=collection_docs.LIST_REFUSED
    )
    ShowRejectedOperator.partial(
        task_id="refused_uploads", map_index_template=LABEL_TEMPLATE, doc_md=collection_docs.REFUSED_UPLOADS
    ).expand(frame=refused.output)
    wait >> register
