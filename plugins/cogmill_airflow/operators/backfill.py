"""The tasks of backfill: show the plan, ask when it is large, build in a lane of its own, report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from cogmill_airflow.observability.notifications import DIGEST
from cogmill_airflow.operators.maintenance import ArchiveOperator
from cogmill_airflow.operators.reports import broken_tasks

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline.backfill import Request

NICENESS = 10
"""Builds of a backfill give way to those of new uploads on the same host."""

LONGEST_PLAN = 20_000
"""Letters of a plan in an XCom; the log holds all of it."""


def request_from(params: Mapping[str, Any], *, limit: int | None = None) -> Request:
    """Return what the form asks for.

    :param params: Values of the form.
    :param limit: Never more frames than this.
    """
    from cogmill.pipeline.backfill import Request

    limits = [number for number in (params["limit"], limit) if number is not None]
    return Request(
        collections=params["collections"] or [],
        prefix=params["prefix"] or "",
        states=params["states"],
        profile=params["profile"],
        force=params["force"],
        order=params["order"],
        limit=min(limits, default=None),
    )


def backfill_id(context: Context) -> str:
    """Return under which name the ledger knows the backfill of a run.

    :param context: Context of a task instance of the run.
    """
    return f"{context['ti'].dag_id}/{context['run_id']}"


class PlanBackfillOperator(ArchiveOperator):
    """Say which frames would be built again, why, and what that costs. Changes nothing."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the plan in words, the number of frames, and whether a person is asked first.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import backfill

        with self.archive() as archive:
            planned = backfill.plan(archive, request_from(context["params"]))
            most = archive.settings.backfill_approval_frames
        self.log.info("backfill_planned\n%s", planned.text)
        frames = len(planned.frames)
        return {"text": planned.text[:LONGEST_PLAN], "frames": frames, "ask": frames > most}


class ApproveBackfillOperator(ApprovalOperator):
    """Show the plan of a large backfill and wait; a small one or a dry run passes.

    Without an answer nothing is built.

    :param planned: Result of the plan. (templated)
    :param wait: How long to wait for an answer.
    """

    template_fields: Sequence[str] = ("subject", "body", "planned")

    def __init__(self, *, planned: Any, wait: timedelta, **kwargs: Any) -> None:
        super().__init__(subject="Start this backfill?", defaults=self.REJECT, response_timeout=wait, **kwargs)
        self.planned = planned

    def execute(self, context: Context) -> Any:
        """Ask, or pass.

        :param context: Context of the task instance.
        """
        if context["params"]["dry_run"] or not self.planned["ask"]:
            self.log.info("no_approval_needed frames=%d", self.planned["frames"])
            return None
        self.body = self.planned["text"]
        return super().execute(context)


class BeginBackfillOperator(ArchiveOperator):
    """Remember the plan and cut it into batches; a run that is cleared goes on where it was.

    :param planned: Result of the plan; not more frames than it showed are taken. (templated)
    """

    template_fields: Sequence[str] = ("planned",)

    def __init__(self, *, planned: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one batch per mapped task; skipped in a dry run.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import backfill

        if context["params"]["dry_run"]:
            raise AirflowSkipException("dry run: nothing is built")
        request = request_from(context["params"], limit=self.planned["frames"])
        with self.archive() as archive:
            planned = backfill.plan(archive, request)
            batches = backfill.begin(archive, backfill_id(context), request, planned)
        self.log.info("backfill_begun id=%s batches=%d", backfill_id(context), len(batches))
        return [dict(batch) for batch in batches]


class BuildBackfillOperator(ArchiveOperator):
    """Build one batch of a backfill, and publish the collections that are done by that.

    :param batch: `label` and `frame_ids`, one entry of the plan. (templated)
    """

    template_fields: Sequence[str] = ("batch",)

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> str:
        """Return the progress of the whole backfill, in words.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import backfill

        os.nice(NICENESS)  # the process ends with this task
        ti = context["ti"]
        lane = self.archive()
        with lane as archive:
            quiet = archive.settings.model_copy(update={"build_processes": archive.settings.backfill_processes})
            owner = f"{ti.dag_id}/{ti.run_id}/{ti.map_index}"
            progress = backfill.build(
                type(archive)(archive.store, archive.ledger, quiet),
                backfill_id(context),
                self.batch["frame_ids"],
                owner,
            )
        self.log.info("backfill_progress %s", progress.text)
        return progress.text


class ReportBackfillOperator(ArchiveOperator):
    """Publish what is left to publish and say what became of the frames; red if any of it was our fault."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the numbers.

        :param context: Context of the task instance.
        """
        from cogmill.pipeline import backfill

        broken = broken_tasks(context)
        with self.archive() as archive:
            if not archive.ledger.backfills.is_known(backfill_id(context)):
                if broken:
                    raise AirflowFailException("nothing was begun: " + "; ".join(broken))
                raise AirflowSkipException("nothing was begun: a dry run, or nobody approved")
            published = backfill.publish_finished(archive, backfill_id(context))
            progress = archive.ledger.backfills.progress(backfill_id(context))
        self.log.info("backfill_done published=%s %s", published, progress.text)
        context["ti"].xcom_push(key=DIGEST, value=progress.text)
        if progress.failed or progress.done < progress.frames or broken:
            left = progress.frames - progress.done
            faults = "; ".join([f"{progress.failed} frames failed, {left} are left; clear this run to go on", *broken])
            raise AirflowFailException(faults)
        return asdict(progress)
