"""Operators that report on a collection's run: what was rejected, and what became of the frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.operators.base import CollectionOperator, Templated, failed_tasks, run_start, save_report
from cogmill_airflow.operators.links import SERVICE_LINKS, RunReportLink
from cogmill_airflow.operators.rejections import rejection_entries

if TYPE_CHECKING:
    from airflow.sdk import Context


BATCH_FAILED = re.compile(r"task build_cogs(_\d+)? failed")
"""How a batch with failed frames is named among the failed tasks; Airflow puts a mapped task's index after its id."""


class StillFailingError(AirflowFailException):
    """Frames failed that had failed before, and nothing else is wrong: red, but no news to anybody."""


class ListRejectedFramesOperator(CollectionOperator):
    """List the frames that this run rejected, from the ledger, so that retries and killed workers lose none."""

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return one entry per rejected frame; one that says so when there is none."""
        from cogmill.pipeline import run_digest

        with self.archive() as archive:
            digest = run_digest.digest(archive, self.collection_id, run_start(context))
        return rejection_entries(digest.rejected)


class ReportOperator(CollectionOperator):
    """Report what became of the run's frames; red if any of it was Cogmill's fault.

    :param published: Result of the publishing task. (templated)
    """

    template_fields: Sequence[str] = ("collection_id", "published")
    operator_extra_links = (*SERVICE_LINKS, RunReportLink())

    def __init__(self, *, published: Templated = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.published = published

    def execute(self, context: Context) -> dict[str, int]:
        """Return the digest's numbers."""
        from cogmill.pipeline import run_digest

        with self.archive() as archive:
            digest = run_digest.digest(archive, self.collection_id, run_start(context))
            save_report(archive, context, run_digest.collection_report(archive, digest))
        self.log.info("digest\n%s", digest.text)
        tasks = failed_tasks(context)
        faults = [*digest.failed, *tasks]
        if faults:
            unexplained = [task for task in tasks if not (digest.failed_again and BATCH_FAILED.fullmatch(task))]
            known = not (digest.failed_first or unexplained)
            raise (StillFailingError if known else AirflowFailException)(
                f"{len(faults)} failures: " + "; ".join(faults)
            )
        return {
            "published": digest.published,
            "rejected": len(digest.rejected),
            "missing_scans": len(digest.missing_scans),
        }
