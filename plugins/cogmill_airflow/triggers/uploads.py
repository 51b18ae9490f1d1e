"""The trigger that waits for uploads in the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from cogmill_airflow.names import AWS_CONN_ID, POSTGRES_CONN_ID

if TYPE_CHECKING:
    from cogmill.pipeline import Archive

MAX_PAUSE_S = 60.0
"""Longest pause in seconds before a bucket or ledger that does not answer is asked again."""

SLOW_CHECK_S = 45.0
"""A check that takes longer is named in the log, again and again: a large bucket, or a service that has gone silent."""

MARGIN = timedelta(minutes=1)
"""The trigger ends so long before a time limit of Airflow's, which would turn the task red."""


class NewUploadsTrigger(BaseTrigger):
    """Fires once when the bucket holds something that the ledger does not know.

    Sleeps between two checks; a check is `pipeline.ingest.has_new_uploads` in a thread: the pages of a bucket listing and one query,
    no HEAD. Ends the task itself, so that no worker is started for it. A bucket or ledger that does not answer is logged and asked
    again after a growing pause. After `wait_s`, or shortly before the task's time limit where that comes first, it ends the task as
    well, even while a check hangs: the run then sweeps the bucket, and a new one begins.

    :param wait_s: Seconds to wait for uploads.
    :param aws_conn_id: Connection used for S3.
    :param postgres_conn_id: Connection used for the ledger.
    """

    def __init__(
        self, *, wait_s: float, aws_conn_id: str = AWS_CONN_ID, postgres_conn_id: str = POSTGRES_CONN_ID
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.wait_s = wait_s
        self.aws_conn_id = aws_conn_id
        self.postgres_conn_id = postgres_conn_id
        self._resources = ExitStack()
        self._archive: Archive | None = None
        self._check_runs: asyncio.Future[tuple[bool, float]] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and arguments from which the triggerer builds this again; no credentials."""
        kwargs = {
            "wait_s": self.wait_s,
            "aws_conn_id": self.aws_conn_id,
            "postgres_conn_id": self.postgres_conn_id,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check and sleep until something is new or the time is up."""
        from cogmill.domain.errors import ServiceUnavailableError

        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds()
        misses = 0
        while loop.time() < deadline:
            try:
                found, pause = await self._checked(deadline)
                misses = 0
            except ServiceUnavailableError as err:
                misses += 1
                found, pause = False, min(2.0**misses, MAX_PAUSE_S)
                self.log.warning("uploads_not_visible error=%s next_check_s=%.0f", err, pause)
                await asyncio.to_thread(self._close)
            if found:
                self.log.info("uploads_found")
                break
            await asyncio.sleep(min(pause, max(deadline - loop.time(), 0)))
        yield TaskSuccessEvent()

    async def cleanup(self) -> None:
        """Close the database connection, whatever ended the wait."""
        if self._check_runs is None:
            await asyncio.to_thread(self._close)
        else:  # not under the feet of a thread that hangs
            self._check_runs.add_done_callback(lambda _: self._close())

    def _seconds(self) -> float:
        """Return how long to wait: a triggerer that was started again must not begin anew, for Airflow's limit does not either."""
        limit: datetime | None = getattr(self, "timeout_after", None)
        if limit is None:
            return self.wait_s
        left = limit.replace(tzinfo=limit.tzinfo or UTC) - datetime.now(UTC) - MARGIN
        return min(self.wait_s, left.total_seconds())

    async def _checked(self, deadline: float) -> tuple[bool, float]:
        """Check in a thread; when the deadline comes first, report nothing new and leave the thread to itself."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._check_runs = asyncio.ensure_future(asyncio.to_thread(self._check))
        while (left := deadline - loop.time()) > 0:
            done, _ = await asyncio.wait({self._check_runs}, timeout=min(left, SLOW_CHECK_S))
            if done:
                check, self._check_runs = self._check_runs, None
                return check.result()
            self.log.warning("uploads_check_slow seconds=%.0f", loop.time() - begun)
        return False, 0.0

    def _check(self) -> tuple[bool, float]:
        """Tell whether something is new, and after how many seconds to check again."""
        from cogmill.pipeline import ingest

        from cogmill_airflow.connections import archive_from_connections

        if self._archive is None:
            self._archive = self._resources.enter_context(
                archive_from_connections(aws_conn_id=self.aws_conn_id, postgres_conn_id=self.postgres_conn_id)
            )
        return ingest.has_new_uploads(self._archive), self._archive.settings.poke_seconds

    def _close(self) -> None:
        self._archive = None
        self._resources.close()
