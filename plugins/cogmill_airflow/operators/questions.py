"""Questions to a person: who looks after the archive is told, and no answer colors a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from cogmill_airflow.observability.notifications import QuestionNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context


class QuestionOperator(ApprovalOperator):
    """Ask whether to go on. The result says it; the tasks after this one look there.

    Airflow's own operator skips what follows a no. Skipped is pink, which means that a frame is at fault. No answer in time is a no.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(defaults=self.REJECT, notifiers=[QuestionNotifier()], **kwargs)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, bool]:
        """Return the answer as `approved`."""
        answer = super(ApprovalOperator, self).execute_complete(context, event)
        approved = answer["chosen_options"] == [self.APPROVE]
        self.log.info("answered approved=%s by=%s", approved, answer["responded_by_user"] or "nobody in time")
        return {"approved": approved}
