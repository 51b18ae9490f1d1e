"""How Airflow runs the tasks: for all of them by settings, for those of one collection by its file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from cogmill.config.values import Schedule, StrictModel


class TaskSettings(BaseModel):
    """Airflow's tasks."""

    owner: str = Field("cogmill", min_length=1, max_length=500)
    """Owner of all tasks, as Airflow's UI shows it and filters by it."""
    retries: int = Field(4, ge=0, le=100)
    """How often a task is tried again after S3, the ledger or Airflow did not answer; other errors are tried once more, wrong settings never."""
    queue: str = Field("", max_length=256)
    """Queue of all tasks, for Celery workers that listen to it. Empty: the executor's own."""
    build_queue: str = Field("", max_length=256)
    """Queue of the tasks that build COGs and overviews, for larger workers; backfills too. Empty: as `COGMILL_QUEUE`."""
    build_executor_config: dict[str, Any] = {}
    """`executor_config` of those tasks, as JSON: `{"pod_template_file": "/opt/cogmill/large.yaml"}` gives them larger pods with the KubernetesExecutor."""


class CollectionTasks(StrictModel):
    """How the tasks of one collection run; what is left out is as the settings say."""

    owner: str | None = Field(default=None, min_length=1, max_length=500)
    queue: str | None = Field(default=None, min_length=1, max_length=256)
    build_queue: str | None = Field(default=None, min_length=1, max_length=256)
    build_pool: str | None = Field(default=None, min_length=1, max_length=256)
    build_executor_config: dict[str, Any] | None = None
    priority: int | None = Field(default=None, ge=-1_000_000, le=1_000_000)
    retries: int | None = Field(default=None, ge=0, le=100)
    schedule: Schedule = None
    notify_topic: str | None = Field(default=None, pattern=r"^arn:")
