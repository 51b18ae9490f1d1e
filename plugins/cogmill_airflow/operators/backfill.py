"""Operators of the backfill DAGs: show the plan, ask when it is large, build with low priority, report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from cogmill_airflow.observability.notifications import DIGEST
from cogmill_airflow.operators.base import (
    ArchiveOperator,
    Templated,
    failed_tasks,
    follow_service_changes,
    save_report,
    task_owner,
)
from cogmill_airflow.operators.links import RunReportLink
from cogmill_airflow.operators.questions import QuestionOperator
from cogmill_airflow.operators.rejections import rejection_entries
from cogmill_airflow.operators.selection import chosen_collections, is_dry_run, takes_everything

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline import Archive
    from cogmill.pipeline.backfill import BackfillRequest

NICENESS = 10
"""Builds of a backfill give way to those of new uploads on the same host."""

MAX_PLAN_CHARS = 20_000
"""Characters of a plan in the XCom; the log holds all of it."""


def request_from(archive: Archive, params: Mapping[str, Any], *, limit: int | None = None) -> BackfillRequest:
    """Return the request that a form describes.

    :param archive: Whose collections it names.
    :param params: Values of the form.
    :param limit: Never more frames than this.
    """
    from cogmill.pipeline.backfill import BackfillRequest

    limits = [number for number in (params["limit"], limit) if number is not None]
    return BackfillRequest(
        collections=chosen_collections(archive, params),
        prefix=params["prefix"] or "",
        contains=params.get("contains") or "",
        reasons=params.get("reasons") or [],
        states=params["states"],
        without_grid=params.get("without_grid", False),
        profile=params["profile"],
        force=params["force"],
        order=params["order"],
        limit=min(limits, default=None),
    )


def backfill_id(context: Context) -> str:
    """Return the name under which the ledger keeps the backfill of a run."""
    return f"{context['ti'].dag_id}/{context['run_id']}"


class PlanBackfillOperator(ArchiveOperator):
    """Plan which frames would be built again, why, and at what cost. Changes nothing."""

    operator_extra_links = (RunReportLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the plan in words, the number of frames, and whether a person is asked first."""
        from cogmill.pipeline import backfill
        from cogmill.pipeline.run_digest import plan_report

        with self.archive() as archive:
            planned = backfill.plan(archive, request_from(archive, context["params"]))
            report = plan_report(planned.text, len(planned.frames), "Planned, nothing is built yet")
            save_report(archive, context, report)
            archive.ledger.history.save_planned_frames(context["ti"].dag_id, context["ti"].run_id, planned.kept())
            limit = archive.settings.backfill_approval_frames
        self.log.info("backfill_planned\n%s", planned.text)
        frames = len(planned.frames)
        ask = frames > limit or (frames > 0 and takes_everything(context["params"]))
        return {"text": planned.text[:MAX_PLAN_CHARS], "frames": frames, "ask": ask}


class ApproveBackfillOperator(QuestionOperator):
    """Show the plan of a large backfill, or of one over everything, and wait for approval; others and a dry run pass.

    Without an answer nothing is built.

    :param planned: Result of the plan. (templated)
    :param wait: How long to wait for an answer.
    :param question: What is asked.
    """

    template_fields: Sequence[str] = ("subject", "body", "planned")

    def __init__(
        self, *, planned: Templated, wait: timedelta, question: str = "Start this backfill?", **kwargs: Any
    ) -> None:
        super().__init__(subject=question, response_timeout=wait, **kwargs)
        self.planned = planned

    def execute(self, context: Context) -> Any:
        """Ask, or pass."""
        if is_dry_run(context) or not self.planned["ask"]:
            self.log.info("no_approval_needed frames=%d", self.planned["frames"])
            return {"approved": True}
        self.body = self.planned["text"]
        return super().execute(context)


class BeginBackfillOperator(ArchiveOperator):
    """Store the plan and divide it into batches; a run that is cleared continues where it was.

    :param planned: Result of the plan; not more frames than it showed are taken. (templated)
    :param answer: Result of the question. (templated)
    """

    template_fields: Sequence[str] = ("planned", "answer")

    def __init__(self, *, planned: Templated, answer: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned
        self.answer = answer

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one batch for each mapped task; an empty one that says why when nothing is to be built."""
        from cogmill.pipeline import backfill

        if is_dry_run(context):
            return [{"label": "dry run: nothing is built", "frame_ids": []}]
        if not (self.answer or {}).get("approved"):
            return [{"label": "not approved: nothing is built", "frame_ids": []}]
        with self.archive() as archive:
            request = request_from(archive, context["params"], limit=self.planned["frames"])
            planned = backfill.plan(archive, request)
            batches = backfill.begin(archive, backfill_id(context), request, planned)
        self.log.info("backfill_begun id=%s batches=%d", backfill_id(context), len(batches))
        return [{**batch} for batch in batches]


class BuildBackfillOperator(ArchiveOperator):
    """Build one batch of a backfill, and publish the collections that it completes.

    :param batch: `label` and `frame_ids`, one entry of the plan. (templated)
    """

    template_fields: Sequence[str] = ("batch",)

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> str:
        """Return the progress of the whole backfill, in words."""
        from cogmill.pipeline import backfill

        if not self.batch["frame_ids"]:
            return str(self.batch["label"])
        os.nice(NICENESS)  # the process ends with this task
        with self.archive() as archive:
            own_pool = archive.with_settings(build_processes=archive.settings.backfill_processes)
            progress = backfill.build(own_pool, backfill_id(context), self.batch["frame_ids"], task_owner(context))
            follow_service_changes(context, archive)
        return progress.text


class ReportBackfillOperator(ArchiveOperator):
    """Publish what is left to publish and report what became of the frames; red if any of it was Cogmill's fault.

    :param planned: Result of the plan, which is all there is to report when nothing was begun. (templated)
    """

    template_fields: Sequence[str] = ("planned",)
    operator_extra_links = (RunReportLink(),)

    def __init__(self, *, planned: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the numbers."""
        from cogmill.pipeline import backfill
        from cogmill.pipeline.run_digest import backfill_report, plan_report

        failed = failed_tasks(context)
        with self.archive() as archive:
            if not archive.ledger.backfills.is_known(backfill_id(context)):
                if failed:
                    raise AirflowFailException("nothing was begun: " + "; ".join(failed))
                why = "a dry run" if is_dry_run(context) else "nobody approved it"
                report = plan_report(self.planned["text"], self.planned["frames"], f"Nothing was built, {why}")
                save_report(archive, context, report)
                self.log.info("nothing_was_begun: %s\n%s", why, self.planned["text"])
                return {"begun": False, "why": why, "plan": self.planned["text"]}
            published = backfill.publish_finished(archive, backfill_id(context))
            follow_service_changes(context, archive)
            progress = archive.ledger.backfills.progress(backfill_id(context))
            save_report(archive, context, backfill_report(progress, len(published)))
        self.log.info("backfill_done published=%s %s", published, progress.text)
        context["ti"].xcom_push(key=DIGEST, value=progress.text)
        if progress.failed or progress.done < progress.frames or failed:
            left = progress.frames - progress.done
            faults = "; ".join([f"{progress.failed} frames failed, {left} are left; clear this run to go on", *failed])
            raise AirflowFailException(faults)
        return asdict(progress)


class ListRejectedAgainOperator(ArchiveOperator):
    """List the frames that this backfill found rejected again."""

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Return one entry per rejected frame; one that says so when there is none."""
        from cogmill.domain.advice import rejected_frame

        with self.archive() as archive:
            found = archive.ledger.backfills.rejected(backfill_id(context))
        return rejection_entries([rejected_frame(one.source_key, one.reason, one.detail) for one in found])
