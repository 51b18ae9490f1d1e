"""One message per run to the people who look after the archive, through whatever Airflow notifiers the settings name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.module_loading import import_string

from cogmill_airflow.names import AWS_CONN_ID, DAG_PREFIX

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

SNS = "airflow.providers.amazon.aws.notifications.sns.SnsNotifier"
"""Notifier used for COGMILL_NOTIFY_TOPIC."""

DIGEST = "digest"
"""XCom key under which a task leaves what its message should say."""

LONGEST_SUBJECT = 100
"""Letters; SNS takes no more."""

LONGEST_TEXT = 100_000
"""Letters; SNS takes 256 KiB."""


class DigestNotifier(BaseNotifier):
    """Send what a run did: for a collection the ledger's digest, for other DAGs what the task left, or why it failed.

    Sends nothing when nothing happened, or when no notifier is configured. A message that cannot be sent never fails a run.
    """

    def notify(self, context: Context) -> None:
        """Send.

        :param context: Context of the task instance whose end this is.
        """
        ti = context["ti"]
        text = _digest(ti, context)
        failure = context.get("exception")
        text = "\n".join(filter(None, [str(failure) if failure else "", text]))
        if text:
            link = getattr(ti, "log_url", "")
            send(f"Cogmill: {ti.dag_id} {'failed' if failure else 'done'}", f"{text}\n\nRun: {link}")


def send(subject: str, text: str) -> int:
    """Send one message by all configured notifiers; return the number of those that took it.

    :param subject: One line.
    :param text: The message.
    """
    count = 0
    for entry in _configured():
        try:
            notifier = import_string(entry["class"])(**entry.get("kwargs", {}))
            notifier({"digest_subject": subject[:LONGEST_SUBJECT], "digest_text": text[:LONGEST_TEXT]})
        except Exception:  # whatever a notifier of somebody else's raises, the others must still be asked
            log.exception("message_not_sent notifier=%s subject=%s", entry["class"], subject)
        else:
            count += 1
    return count


async def run_is_late(dag: str, minutes: int, context: Mapping[str, Any] | None = None) -> int:
    """Say that a run has not ended in time; called in the triggerer by a deadline.

    :param dag: Which DAG.
    :param minutes: How long it was given.
    :param context: What Airflow knows about the run.
    """
    run = (context or {}).get("dag_run") or {}
    text = f"{dag} has not ended within {minutes} minutes. Run: {run.get('run_id', 'unknown') if isinstance(run, dict) else run}"
    return await asyncio.to_thread(send, f"Cogmill: {dag} is late", text)


def deadline(dag: str, minutes: int) -> DeadlineAlert:
    """Return the alert for a run that does not end in time after it was queued.

    :param dag: Id of the DAG.
    :param minutes: How long a run may take.
    """
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=minutes),
        callback=AsyncCallback(run_is_late, kwargs={"dag": dag, "minutes": minutes}),
    )


def _configured() -> list[Mapping[str, Any]]:
    from cogmill.config.settings import load_settings

    settings = load_settings()
    entries = list(settings.notifiers)
    if settings.notify_topic:
        message = {"message": "{{ digest_text }}", "subject": "{{ digest_subject }}"}
        kwargs = {"target_arn": settings.notify_topic, "aws_conn_id": AWS_CONN_ID, **message}
        entries.append({"class": SNS, "kwargs": kwargs})
    return entries


def _digest(ti: Any, context: Context) -> str:
    """Return what a task has to say; a ledger that is away must not keep the failure itself from being sent."""
    from cogmill.domain.errors import CogmillError

    if not ti.dag_id.startswith(DAG_PREFIX):
        return ti.xcom_pull(task_ids=ti.task_id, key=DIGEST) or ""
    try:
        return _collection_digest(ti.dag_id.removeprefix(DAG_PREFIX), context)
    except CogmillError as err:
        log.warning("no_digest dag=%s fault=%s", ti.dag_id, err)
        return ""


def _collection_digest(collection_id: str, context: Context) -> str:
    from cogmill.mapserver.urls import service_url
    from cogmill.pipeline import run_digest

    from cogmill_airflow.connections import archive_from_connections

    with archive_from_connections() as archive:
        digest = run_digest.digest(archive, collection_id, context["dag_run"].start_date)
        service = service_url(archive.settings.mapserver_url, collection_id)
    if not (digest.published or digest.rejected or digest.failed or digest.missing_scans):
        return ""
    return f"{digest.text}\nService: {service}SERVICE=WMS&REQUEST=GetCapabilities"
