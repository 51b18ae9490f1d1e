"""The tasks of a collection's DAG that look back: what was refused, and what became of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.operators.collection import CollectionOperator
from cogmill_airflow.operators.links import MapPreviewLink, WmsCapabilitiesLink
from cogmill_airflow.operators.rejections import shown

if TYPE_CHECKING:
    from airflow.sdk import Context

BROKEN = ("failed", "upstream_failed")
"""Task states that are our fault."""


class ListRejectedOperator(CollectionOperator):
    """List the frames of this run that were refused, from the ledger, so that retries and killed workers lose none."""

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return one entry per refused frame to be shown; one that says so when there is none.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import run_digest

        with self.archive() as archive:
            digest = run_digest.digest(archive, self.collection_id, context["dag_run"].start_date)
        return shown(digest.rejected)


class ReportOperator(CollectionOperator):
    """Say what became of the run's frames; red if any of it was our fault.

    :param published: Result of the publishing task. (templated)
    """

    template_fields: Sequence[str] = ("collection_id", "published")
    operator_extra_links: ClassVar[tuple[Any, ...]] = (WmsCapabilitiesLink(), MapPreviewLink())

    def __init__(self, *, published: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.published = published

    def execute(self, context: Context) -> dict[str, int]:
        """Return the digest's numbers.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import run_digest

        with self.archive() as archive:
            digest = run_digest.digest(archive, self.collection_id, context["dag_run"].start_date)
        self.log.info("digest\n%s", digest.text)
        faults = [*digest.failed, *broken_tasks(context)]
        if faults:
            raise AirflowFailException(f"{len(faults)} of our faults: " + "; ".join(map(str, faults)))
        return {
            "published": digest.published,
            "rejected": len(digest.rejected),
            "missing_scans": len(digest.missing_scans),
        }


def broken_tasks(context: Context) -> list[str]:
    """Return the tasks of this run that failed, in words.

    :param context: Context of the task instance that asks.
    """
    ti = context["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return [f"task {task} {state}" for task, state in sorted(states.items()) if state in BROKEN]
