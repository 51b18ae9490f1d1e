"""The base of every operator that works on the archive: it knows the two connections and opens them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.names import AWS_CONN_ID, POSTGRES_CONN_ID

if TYPE_CHECKING:
    from cogmill.pipeline import Archive


class ArchiveOperator(BaseOperator):
    """Base of the tasks that work on bucket and ledger.

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
