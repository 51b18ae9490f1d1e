"""Wait for uploads, enter them into the ledger, and trigger a run of each collection that has work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, XComArg
from cogmill_airflow.dag_factories import collection_docs
from cogmill_airflow.dag_factories.retries import SCHEDULED_RUN_TIMEOUT, task_defaults
from cogmill_airflow.names import TAG, task
from cogmill_airflow.observability import notifications
from cogmill_airflow.operators import uploads
from cogmill_airflow.operators.rejections import LABEL_TEMPLATE, ShowRejectedOperator
from cogmill_airflow.sensors.uploads import NewUploadsSensor

WAIT = timedelta(hours=6)
"""How long a run waits for uploads before it ends and another one begins."""

with DAG(
    "watch_uploads",
    description="Waits for uploads and triggers runs of their collections",
    schedule="@continuous",
    # without a start the first run's interval is empty, and Airflow never tells the second run from the first
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    catchup=False,
    # the next run begins at once: without an end, a wrong setting would fail thousands of them in a night
    max_consecutive_failed_dag_runs=30,
    deadline=notifications.run_deadline("watch_uploads", waiting=WAIT),
    dagrun_timeout=SCHEDULED_RUN_TIMEOUT,
    default_args=task_defaults(),
    tags=[TAG],
    doc_md=collection_docs.WATCH_UPLOADS,
) as dag:
    wait = NewUploadsSensor(
        **task("wait_for_uploads"),
        wait=WAIT,
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=collection_docs.WAIT_FOR_UPLOADS,
    )
    ingest = uploads.IngestUploadsOperator(
        **task("ingest_uploads"),
        on_success_callback=notifications.DigestNotifier(),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=collection_docs.INGEST_UPLOADS,
    )
    uploads.TriggerCollectionOperator.partial(
        **task("trigger_collections"),
        map_index_template="{{ task.collection_id or 'no collection has work' }}",
        ingested=XComArg(ingest, uploads.INGESTED),
        retry_delay=timedelta(seconds=5),
        on_success_callback=notifications.DigestNotifier(),
        on_failure_callback=notifications.DigestNotifier(),
        doc_md=collection_docs.TRIGGER_COLLECTIONS,
    ).expand(collection_id=ingest.output)
    rejected = uploads.ListRejectedUploadsOperator(
        **task("list_rejected"),
        rejected=XComArg(ingest, uploads.REJECTED),
        doc_md=collection_docs.LIST_REJECTED_UPLOADS,
    )
    ShowRejectedOperator.partial(
        **task("rejected_uploads"), map_index_template=LABEL_TEMPLATE, doc_md=collection_docs.REJECTED_UPLOADS
    ).expand(frame=rejected.output)
    wait >> ingest
