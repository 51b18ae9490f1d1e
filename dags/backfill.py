"""Frames built again by hand, in a lane of their own."""

from __future__ import annotations

from cogmill_airflow.dag_factories import operations_docs
from cogmill_airflow.dag_factories.backfill import backfill_dag

dag = backfill_dag(
    "backfill",
    "Builds chosen frames again, with a plan first and a lane of its own",
    operations_docs.BACKFILL,
    dry_run=True,
    priority=1,
    max_active_runs=1,
)
