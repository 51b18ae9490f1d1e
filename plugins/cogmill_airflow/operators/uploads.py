"""Operators of watch_uploads: ingest uploads, trigger runs of their collections, list what was rejected."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowRuntimeError

from cogmill_airflow.airflow_internals import is_not_found
from cogmill_airflow.names import dag_id
from cogmill_airflow.observability import metrics
from cogmill_airflow.observability.notifications import DIGEST, MAX_TEXT_CHARS
from cogmill_airflow.operators.base import ArchiveOperator, Templated
from cogmill_airflow.operators.links import CollectionRunLink
from cogmill_airflow.operators.rejections import rejection_entries

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

NO_COLLECTION = ""
"""Entry of the list of collections when none has work, so that the task succeeds visibly."""

INGESTED = "ingested"
"""XCom key of when the uploads were entered, and of their keys by collection."""

MOST_KEYS = 20
"""Keys told to the run of a collection."""

REJECTED = "rejected"
"""XCom key of the uploads that were rejected by name."""

POLL_S = 1.0
"""Seconds between two checks whether a DAG has appeared."""


class IngestUploadsOperator(ArchiveOperator):
    """Enter every upload that the ledger does not know."""

    def execute(self, context: Context) -> list[str]:
        """Return the ids of the collections that have work to do."""
        from cogmill.pipeline import ingest

        with self.archive() as archive:
            ingested = ingest.ingest_uploads(archive)
            metrics.queue(archive.ledger.queries.queue)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        by_collection: dict[str, list[str]] = {}
        for collection, key in ingested.entered:
            self.log.info("upload_ingested key=%s collection=%s", key, collection)
            by_collection.setdefault(collection, []).append(key)
        keys = {collection: found[:MOST_KEYS] for collection, found in by_collection.items()}
        context["ti"].xcom_push(key=INGESTED, value={"at": at, "keys": keys})
        for upload in ingested.rejected:
            self.log.warning("upload_rejected key=%s reason=%s advice=%s", upload.key, upload.reason, upload.advice)
        self.log.info(
            "uploads_ingested frames=%d scans=%d rejected=%d collections=%s",
            ingested.frames,
            ingested.scans,
            len(ingested.rejected),
            ingested.collection_ids,
        )
        context["ti"].xcom_push(key=REJECTED, value=rejection_entries(ingested.rejected))
        if ingested.rejected:
            text = "\n".join(f"Rejected {upload.text}" for upload in ingested.rejected)
            context["ti"].xcom_push(key=DIGEST, value=text[:MAX_TEXT_CHARS])
        return ingested.collection_ids or [NO_COLLECTION]


class ListRejectedUploadsOperator(BaseOperator):
    """Return the rejected uploads as a list to map over; Airflow maps over plain results only.

    :param rejected: Entries pushed by the ingesting task. (templated)
    """

    template_fields: Sequence[str] = ("rejected",)

    def __init__(self, *, rejected: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rejected = rejected

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return the entries."""
        rejected: list[dict[str, str]] = self.rejected
        return rejected


class TriggerCollectionOperator(TriggerDagRunOperator):
    """Trigger a run of a collection's DAG, which may be seconds old or not visible yet.

    A queued run has not planned yet and will include the new frames, so no second one is queued behind it. The run id is the time
    at which the uploads were entered, so a retry after a lost answer finds its own run and adds none. The run's configuration names
    the first of the uploads.

    :param collection_id: The collection; empty when none has work.
    :param ingested: `at` and `keys` of the ingesting task. (templated)
    :param visible_within_s: Seconds a new collection's DAG may take to appear.
    """

    template_fields: Sequence[str] = (*TriggerDagRunOperator.template_fields, "ingested")
    operator_extra_links: list[BaseOperatorLink] = [CollectionRunLink()]  # noqa: RUF012  # as the base class has it
    found_run: str | None = None
    """Run that this task has triggered, or found; the link reads it when the task ends."""

    def __init__(self, *, collection_id: str, ingested: Templated, visible_within_s: float = 60, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=dag_id(collection_id),
            logical_date=None,
            skip_when_already_exists=True,
            **kwargs,
        )
        self.collection_id = collection_id
        self.ingested = ingested
        self.visible_within_s = visible_within_s

    def execute(self, context: Context) -> None:
        """Trigger, unless a run that will include the frames is queued already."""
        if self.collection_id == NO_COLLECTION:
            self.log.info("nothing_to_trigger")
            return
        ti = context["ti"]
        self.trigger_run_id = f"uploads__{self.ingested['at']}"
        self.conf = {"uploads": self.ingested["keys"].get(self.collection_id, [])}
        if self._wait_until_visible(ti):
            self.log.warning("collection_paused dag=%s", self.trigger_dag_id)
            text = (
                f"{self.collection_id} has new uploads, but its DAG is paused: nothing is built until it is unpaused."
            )
            ti.xcom_push(key=DIGEST, value=text)
        if ti.get_dr_count(dag_id=self.trigger_dag_id, run_ids=[self.trigger_run_id]):
            self.found_run = self.trigger_run_id
            self.log.info("already_triggered dag=%s run=%s", self.trigger_dag_id, self.trigger_run_id)
            return
        if ti.get_dr_count(dag_id=self.trigger_dag_id, states=["queued"]):
            self.log.info("run_queued_already dag=%s", self.trigger_dag_id)
            return
        self.found_run = self.trigger_run_id
        super().execute(context)

    def _wait_until_visible(self, ti: RuntimeTaskInstanceProtocol) -> bool:
        """Wait until Airflow knows the collection's DAG; return whether it is paused."""
        from cogmill.domain.errors import ServiceUnavailableError

        deadline = time.monotonic() + self.visible_within_s
        while True:
            try:
                return bool(ti.get_dag(self.trigger_dag_id).is_paused)
            except AirflowRuntimeError as err:
                if not is_not_found(err):
                    raise
                if time.monotonic() > deadline:
                    message = f"{self.trigger_dag_id} has not appeared within {self.visible_within_s:.0f} s"
                    raise ServiceUnavailableError(message) from err
                self.log.info("collection_not_visible_yet dag=%s", self.trigger_dag_id)
            time.sleep(POLL_S)
