"""Operators of adopt: plan which COGs of another system become frames, and enter them into the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cogmill_airflow.observability.notifications import DIGEST
from cogmill_airflow.operators.backfill import MAX_PLAN_CHARS
from cogmill_airflow.operators.base import ArchiveOperator, Templated, save_report
from cogmill_airflow.operators.links import RunReportLink
from cogmill_airflow.operators.selection import is_dry_run

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cogmill.pipeline.discovery.adoption import AdoptionRequest


def request_of(params: Mapping[str, Any], *, limit: int | None = None) -> AdoptionRequest:
    """Return the request that a form describes.

    :param params: Values of the form.
    :param limit: Never more COGs than this.
    """
    from cogmill.domain.model import Adoption
    from cogmill.pipeline.discovery.adoption import AdoptionRequest

    limits = [number for number in (params["limit"], limit) if number is not None]
    return AdoptionRequest(Adoption(params["adopted"]), params["prefix"] or "", min(limits, default=None))


class PlanAdoptionOperator(ArchiveOperator):
    """Plan which COGs would be adopted. Changes nothing."""

    operator_extra_links = (RunReportLink(),)

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the plan in words, the number of COGs, and whether a person is asked first."""
        from cogmill.pipeline.discovery import adoption
        from cogmill.pipeline.run_digest import plan_report

        with self.archive() as archive:
            planned = adoption.plan(archive, request_of(context["params"]))
            save_report(archive, context, plan_report(planned.text, planned.frames, "Planned, nothing is adopted yet"))
            ask = planned.frames > archive.settings.backfill_approval_frames
        self.log.info("adoption_planned\n%s", planned.text)
        return {"text": planned.text[:MAX_PLAN_CHARS], "frames": planned.frames, "ask": ask}


class AdoptCogsOperator(ArchiveOperator):
    """Enter the COGs into the ledger; the runs of their collections, which begin at once, verify or build and publish them.

    :param planned: Result of the plan; not more COGs than it showed are taken. (templated)
    :param answer: Result of the question. (templated)
    """

    template_fields: Sequence[str] = ("planned", "answer")
    operator_extra_links = (RunReportLink(),)

    def __init__(self, *, planned: Templated, answer: Templated, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned
        self.answer = answer

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many COGs were adopted and how many rejected."""
        from cogmill.pipeline.discovery import adoption
        from cogmill.pipeline.run_digest import adoption_report, plan_report

        approved = bool((self.answer or {}).get("approved")) and not is_dry_run(context)
        with self.archive() as archive:
            if not approved:
                why = "a dry run" if is_dry_run(context) else "nobody approved it"
                report = plan_report(self.planned["text"], self.planned["frames"], f"Nothing was adopted, {why}")
                save_report(archive, context, report)
                return {"adopted": 0, "why": why}
            result = adoption.adopt(archive, request_of(context["params"], limit=self.planned["frames"]))
            save_report(archive, context, adoption_report(result))
        self.log.info("cogs_adopted %s", result.text)
        context["ti"].xcom_push(key=DIGEST, value=result.text)
        return {"adopted": result.adopted, "rejected": result.rejected}
