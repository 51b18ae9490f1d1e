"""Frames built again by hand, in a lane of their own."""

from __future__ import annotations

from cogmill_airflow import ops_docs
from cogmill_airflow.backfill_dag import backfill_dag

dag = backfill_dag(
    "backfill",
    "Builds chosen frames again, with a plan first and a lane of its own",
    ops_docs.BACKFILL,
    dry_run=True,
    priority=1,
    max_active_runs=1,
)
