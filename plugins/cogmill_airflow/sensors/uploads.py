"""The sensor that waits for uploads, without occupying a worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.triggers.base import StartTriggerArgs

from cogmill_airflow.names import AWS_CONN_ID, POSTGRES_CONN_ID

if TYPE_CHECKING:
    from airflow.sdk import Context

TRIGGER = "cogmill_airflow.triggers.uploads.NewUploadsTrigger"
"""Class path of the trigger; the triggerer imports it, the DAG does not."""

SLACK = timedelta(minutes=30)
"""How much longer than the wait the task may take before Airflow ends it, red: then no triggerer runs."""


class NewUploadsSensor(S3KeySensor):
    """Waits until the bucket holds something that the ledger does not know.

    An S3 key sensor whose condition is not "such a key exists", which stays true for ever, but "a key or a version of it is new".
    It starts and ends in the triggerer and never takes a worker slot. When the time is up it succeeds as well, so that a
    continuous DAG begins a new run instead of failing.

    :param wait: How long to wait for uploads before the run ends and a new one begins.
    :param aws_conn_id: Connection used for S3. (templated)
    :param postgres_conn_id: Connection used for the ledger.
    """

    template_fields: Sequence[str] = ("aws_conn_id",)
    start_from_trigger = True

    def __init__(
        self,
        *,
        wait: timedelta = timedelta(hours=6),
        aws_conn_id: str = AWS_CONN_ID,
        postgres_conn_id: str = POSTGRES_CONN_ID,
        **kwargs: Any,
    ) -> None:
        # Airflow makes it the trigger's time limit, and a time without uploads must not turn the task red
        kwargs["execution_timeout"] = wait + SLACK
        super().__init__(bucket_key="*", wildcard_match=True, deferrable=True, aws_conn_id=aws_conn_id, **kwargs)
        self.wait = wait
        self.postgres_conn_id = postgres_conn_id
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=TRIGGER, trigger_kwargs=self._trigger_kwargs(), next_method="execute_complete"
        )

    def poke(self, context: Context) -> bool:
        """Tell whether the bucket holds something new."""
        from cogmill.pipeline import ingest

        from cogmill_airflow.connections import archive_from_connections

        with archive_from_connections(
            aws_conn_id=self.aws_conn_id or AWS_CONN_ID, postgres_conn_id=self.postgres_conn_id
        ) as archive:
            return ingest.has_new_uploads(archive)

    def execute(self, context: Context) -> None:
        """Return when something is new, else continue in the triggerer; only runs where a task starts on a worker."""
        from cogmill_airflow.triggers.uploads import NewUploadsTrigger

        if not self.poke(context):
            self.defer(trigger=NewUploadsTrigger(**self._trigger_kwargs()), method_name="execute_complete")

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Return; the trigger ends the task by itself, so this only runs where a person clears a deferred task."""
        self.log.info("uploads_awaited event=%s", event)

    def _trigger_kwargs(self) -> dict[str, Any]:
        return {
            "wait_s": self.wait.total_seconds(),
            "aws_conn_id": self.aws_conn_id,
            "postgres_conn_id": self.postgres_conn_id,
        }
