"""The tasks of watch_uploads after the bell: take uploads in, ask for runs of their collections, show what was refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowRuntimeError

from cogmill_airflow.names import dag_id
from cogmill_airflow.observability import metrics
from cogmill_airflow.observability.notifications import DIGEST, LONGEST_TEXT
from cogmill_airflow.operators.base import ArchiveOperator
from cogmill_airflow.operators.rejections import shown

if TYPE_CHECKING:
    from airflow.sdk import Context

NO_COLLECTION = ""
"""Entry of the list of collections when none has work, so that the task is seen to succeed."""

REFUSED = "refused"
"""XCom key of the uploads whose names fit no grammar."""

POLL_S = 1.0
"""Pause between two questions whether a DAG is there."""

NOT_FOUND = 404
"""HTTP status with which Airflow answers for a DAG it does not know."""


class RegisterUploadsOperator(ArchiveOperator):
    """Take every upload the ledger does not know into it."""

    def execute(self, context: Context) -> list[str]:
        """Return the collections that have work to do.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import ingest

        with self.archive() as archive:
            taken = ingest.ingest_uploads(archive)
            metrics.queue(archive.ledger.queries.queue)
        for upload in taken.rejected:
            self.log.warning("upload_refused key=%s reason=%s advice=%s", upload.key, upload.reason, upload.advice)
        self.log.info(
            "uploads_registered frames=%d scans=%d refused=%d collections=%s",
            taken.frames,
            taken.scans,
            len(taken.rejected),
            taken.collection_ids,
        )
        context["ti"].xcom_push(key=REFUSED, value=shown(taken.rejected))
        if taken.rejected:
            said = "\n".join(f"Refused {upload.text}" for upload in taken.rejected)
            context["ti"].xcom_push(key=DIGEST, value=said[:LONGEST_TEXT])
        return taken.collection_ids or [NO_COLLECTION]


class ListRefusedOperator(BaseOperator):
    """Hand on the refused uploads as a list to map over; Airflow maps over plain results only.

    :param refused: Boxes made by the registering task. (templated)
    """

    template_fields: Sequence[str] = ("refused",)

    def __init__(self, *, refused: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.refused = refused

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return the boxes.

        :param context: Context of the task instance.
        """
        del context
        return self.refused


class TriggerCollectionOperator(TriggerDagRunOperator):
    """Ask for a run of a collection's DAG, which may be seconds old or not there yet.

    A run that is queued has not planned yet and will take the new frames along, so no second one is queued behind it. The run's id
    follows from the run that asks, so that a retry after a lost answer finds its own run and adds none.

    :param collection_id: The collection; empty when none has work.
    :param visible_within_s: Seconds a new collection's DAG may take to appear.
    """

    def __init__(self, *, collection_id: str, visible_within_s: float = 60, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=dag_id(collection_id),
            trigger_run_id="uploads__{{ run_id | replace('scheduled__', '') }}",
            logical_date=None,
            skip_when_already_exists=True,
            **kwargs,
        )
        self.collection_id = collection_id
        self.visible_within_s = visible_within_s

    def execute(self, context: Context) -> None:
        """Trigger, unless a run of the same purpose is there.

        :param context: Context of the task instance.
        """
        if self.collection_id == NO_COLLECTION:
            self.log.info("nothing_to_trigger")
            return
        ti = context["ti"]
        dag = self._wait_until_visible(ti)
        if dag.is_paused:
            self.log.warning("collection_paused dag=%s", self.trigger_dag_id)
        if ti.get_dr_count(dag_id=self.trigger_dag_id, run_ids=[self.trigger_run_id]):
            self.log.info("already_triggered dag=%s run=%s", self.trigger_dag_id, self.trigger_run_id)
            return
        if ti.get_dr_count(dag_id=self.trigger_dag_id, states=["queued"]):
            self.log.info("run_waiting_already dag=%s", self.trigger_dag_id)
            return
        super().execute(context)

    def _wait_until_visible(self, ti: Any) -> Any:
        from cogmill.domain.errors import ServiceUnavailableError

        deadline = time.monotonic() + self.visible_within_s
        while True:
            try:
                return ti.get_dag(self.trigger_dag_id)
            except AirflowRuntimeError as err:
                if (err.error.detail or {}).get("status_code") != NOT_FOUND:
                    raise
                if time.monotonic() > deadline:
                    message = f"{self.trigger_dag_id} has not appeared within {self.visible_within_s:.0f} s"
                    raise ServiceUnavailableError(message) from err
                self.log.info("collection_not_visible_yet dag=%s", self.trigger_dag_id)
            time.sleep(POLL_S)
