"""Refused or failed frames looked at once more, at the click of a button; goes before what a large backfill still has to do."""

from __future__ import annotations

from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.backfill import backfill_dag

dag = backfill_dag(
    "retry",
    "Looks once more at frames that were refused or failed; the button Retry of the page Collections",
    operations_docs.RETRY,
    dry_run=False,
    priority=2,
    max_active_runs=4,
)
