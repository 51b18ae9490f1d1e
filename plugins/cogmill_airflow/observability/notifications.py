"""One message per run to the people in charge of the archive, through the Airflow notifiers that the settings name."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import timedelta
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from airflow.sdk import (  # type: ignore[attr-defined]  # airflow.sdk exports them, its stub does not
    AsyncCallback,
    BaseNotifier,
    DeadlineAlert,
    DeadlineReference,
)

from cogmill_airflow.names import AWS_CONN_ID, DAG_PREFIX

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

log = logging.getLogger(__name__)

SNS = "airflow.providers.amazon.aws.notifications.sns.SnsNotifier"
"""Notifier used for COGMILL_NOTIFY_TOPIC."""

DIGEST = "digest"
"""XCom key of the text that a task's message should contain."""

MAX_SUBJECT_CHARS = 100
"""SNS takes no more."""

MAX_TEXT_CHARS = 100_000
"""SNS takes 256 KiB."""


class DigestNotifier(BaseNotifier):
    """Send the digest of a run: for a collection that of the ledger, for other DAGs what the task pushed, or why it failed.

    Sends nothing when nothing happened, when frames only failed again that had failed before, or when no notifier is configured. A message that cannot be sent never fails a run.

    :param topic: ARN of an SNS topic that gets it beside those of the settings.
    """

    def __init__(self, topic: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.topic = topic

    def notify(self, context: Context) -> None:
        """Send the message of the task that has ended."""
        from cogmill_airflow.operators.reports import StillFailingError

        ti = context["ti"]
        text = _digest(ti, context)
        failure = context.get("exception")
        if isinstance(failure, StillFailingError):
            failure = None  # whoever cares was told when it began
        text = "\n".join(filter(None, [str(failure) if failure else "", text]))
        if text:
            link = getattr(ti, "log_url", "")
            send(f"Cogmill: {ti.dag_id} {'failed' if failure else 'done'}", f"{text}\n\nRun: {link}", self.topic)


class QuestionNotifier(BaseNotifier):
    """Tell the people in charge that a task waits for their answer, with what it asks and where to answer."""

    def notify(self, context: Context) -> None:
        """Send the question of the task that waits."""
        question: Any = context["task"]
        ti = context["ti"]
        try:
            link = question.generate_link_to_ui_from_context(context=context)
        except ValueError:  # without `base_url` Airflow knows no address of its own
            link = f"the page of the task in run {ti.run_id}"
        text = f"{question.subject}\n\n{question.body}\n\nAnswer: {link}"
        send(f"Cogmill: {ti.dag_id} waits for an answer", text)


def send(subject: str, text: str, topic: str = "") -> int:
    """Send one message through all configured notifiers; return the number of those that accepted it.

    :param subject: One line.
    :param text: The message.
    :param topic: ARN of one more SNS topic.
    """
    count = 0
    for entry in _configured() + ([_sns(topic)] if topic else []):
        try:
            notifier = resolve_name(entry["class"])(**entry.get("kwargs", {}))
            notifier({"digest_subject": subject[:MAX_SUBJECT_CHARS], "digest_text": text[:MAX_TEXT_CHARS]})
        except Exception:  # a notifier may raise anything, and the others must still be used
            log.exception("message_not_sent notifier=%s subject=%s", entry["class"], subject)
        else:
            count += 1
    return count


async def run_is_late(dag: str, minutes: int, context: Mapping[str, Any] | None = None) -> int:
    """Send that a run has not ended in time; called in the triggerer by a deadline.

    :param dag: Id of the DAG.
    :param minutes: How long the run may take.
    :param context: What Airflow knows about the run.
    """
    run = (context or {}).get("dag_run") or {}
    text = f"{dag} has not ended within {minutes} minutes. Run: {run.get('run_id', 'unknown') if isinstance(run, dict) else run}"
    return await asyncio.to_thread(send, f"Cogmill: {dag} is late", text)


def run_deadline(dag: str, waiting: timedelta = timedelta()) -> DeadlineAlert | None:
    """Return the alert for a run that takes longer than COGMILL_RUN_DEADLINE_MINUTES; None where that is 0.

    :param dag: Id of the DAG.
    :param waiting: How long its runs wait before they do something.
    """
    from cogmill.config.settings import load_settings

    minutes = load_settings().run_deadline_minutes
    return deadline(dag, minutes + int(waiting.total_seconds() / 60)) if minutes else None


def deadline(dag: str, minutes: int) -> DeadlineAlert | None:
    """Return the alert for a run that does not end in time after it was queued.

    None under `airflow dags test`, which fails with any deadline: it looks for deadlines that only the scheduler has stored.

    :param dag: Id of the DAG.
    :param minutes: How long a run may take.
    """
    if sys.argv[1:3] == ["dags", "test"]:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=minutes),
        callback=AsyncCallback(run_is_late, kwargs={"dag": dag, "minutes": minutes}),
    )


def _configured() -> list[Mapping[str, Any]]:
    from cogmill.config.settings import load_settings

    settings = load_settings()
    entries: list[Mapping[str, Any]] = list(settings.notifiers)
    if settings.notify_topic:
        entries.append(_sns(settings.notify_topic))
    return entries


def _sns(topic: str) -> Mapping[str, Any]:
    message = {"message": "{{ digest_text }}", "subject": "{{ digest_subject }}"}
    return {"class": SNS, "kwargs": {"target_arn": topic, "aws_conn_id": AWS_CONN_ID, **message}}


def _digest(ti: RuntimeTaskInstanceProtocol, context: Context) -> str:
    """Return the digest of a task; a ledger that does not answer must not keep the failure itself from being sent."""
    from cogmill.domain.errors import CogmillError

    if not ti.dag_id.startswith(DAG_PREFIX):
        # a mapped task that names no index gets what all of them have pushed
        return ti.xcom_pull(task_ids=ti.task_id, key=DIGEST, map_indexes=ti.map_index) or ""
    try:
        return _collection_digest(ti.dag_id.removeprefix(DAG_PREFIX), context)
    except CogmillError as err:
        log.warning("no_digest dag=%s fault=%s", ti.dag_id, err)
        return ""


def _collection_digest(collection_id: str, context: Context) -> str:
    from cogmill.mapserver.urls import service_url
    from cogmill.pipeline import run_digest

    from cogmill_airflow.connections import archive_from_connections
    from cogmill_airflow.operators.base import run_start

    with archive_from_connections() as archive:
        digest = run_digest.digest(archive, collection_id, run_start(context))
        service = service_url(archive.settings.mapserver_url, collection_id)
    if not (digest.published or digest.rejected or digest.failed_first or digest.missing_scans):
        return ""
    return f"{digest.text}\nService: {service}SERVICE=WMS&REQUEST=GetCapabilities"
