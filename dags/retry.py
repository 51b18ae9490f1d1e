"""Build rejected or failed frames again, at the click of a button; goes before what a large backfill still has to do."""

from __future__ import annotations

from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.backfill import backfill_dag

dag = backfill_dag(
    "retry",
    "Builds rejected or failed frames again; started by the button Retry of the page Collections",
    operations_docs.RETRY,
    priority=2,
    max_active_runs=4,
    refuse_others=False,  # the page knows a new collection before the form does
)
