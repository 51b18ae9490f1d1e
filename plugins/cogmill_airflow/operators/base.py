"""Base classes of Cogmill's operators: they know the two connections and open them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.names import AWS_CONN_ID, POSTGRES_CONN_ID
from cogmill_airflow.observability import lineage
from cogmill_airflow.observability.assets import emit_service_changes

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from cogmill.pipeline import Archive
    from cogmill.pipeline.run_digest import RunReport

    from cogmill_airflow.observability.lineage import Datasets


Templated = Any
"""Type of a templated argument: an XComArg when the DAG is parsed, the value itself when the task runs. Airflow has no type for it."""


class ArchiveOperator(BaseOperator):
    """Base of the operators that work on the bucket and the ledger.

    :param aws_conn_id: Connection used for S3.
    :param postgres_conn_id: Connection used for the ledger.
    """

    def __init__(
        self, *, aws_conn_id: str = AWS_CONN_ID, postgres_conn_id: str = POSTGRES_CONN_ID, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.postgres_conn_id = postgres_conn_id

    def archive(self) -> AbstractContextManager[Archive]:
        """Open bucket, ledger and settings."""
        return archive_from_connections(aws_conn_id=self.aws_conn_id, postgres_conn_id=self.postgres_conn_id)


class CollectionOperator(ArchiveOperator):
    """Base of the operators that work on one collection.

    :param collection_id: The collection. (templated)
    """

    template_fields: Sequence[str] = ("collection_id",)

    def __init__(self, *, collection_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.collection_id = collection_id

    def datasets(self, archive: Archive) -> tuple[Datasets, Datasets]:
        """Return the OpenLineage datasets that the task read and those that it wrote; by default none."""
        return [], []

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage:
        """Return the task's datasets; called by the OpenLineage provider, where it is installed."""
        with self.archive() as archive:
            return lineage.lineage(*self.datasets(archive))


def save_report(archive: Archive, context: Context, report: RunReport) -> None:
    """Keep what a run reports, for the page of the run."""
    report.save(archive, context["ti"].dag_id, context["ti"].run_id)


def task_owner(context: Context) -> str:
    """Return the name under which a mapped task leases frames: the same for every try of the same task."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}/{ti.map_index}"


def run_start(context: Context) -> dt.datetime:
    """Return when the run began that a task belongs to.

    Raises:
        ValueError: The run has not begun, which a task that runs cannot meet.
    """
    started = context["dag_run"].start_date
    if started is None:
        raise ValueError(f"run {context['dag_run'].run_id} has not begun")
    return started


def follow_service_changes(context: Context, archive: Archive) -> None:
    """Emit the events of the services that the task has changed, and bring their static files for the public up to date.

    :param archive: What the task has worked on; it knows the changes.
    """
    from cogmill.pipeline.public_files import follow_changes

    emit_service_changes(context, archive)
    follow_changes(archive)


def failed_tasks(context: Context) -> list[str]:
    """Return the tasks of this run that failed or could not start, in words; that is a fault of Cogmill's, not of a frame."""
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return [f"task {task} {state}" for task, state in sorted(states.items()) if state in ("failed", "upstream_failed")]
