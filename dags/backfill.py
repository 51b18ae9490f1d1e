"""Build chosen frames again, by hand."""

from __future__ import annotations

from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.backfill import backfill_dag

dag = backfill_dag(
    "backfill",
    "Builds chosen frames again, after a plan, in a pool of its own",
    operations_docs.BACKFILL,
    priority=1,
    max_active_runs=4,  # a question that waits for an answer, or a dry run, holds up no other
)
