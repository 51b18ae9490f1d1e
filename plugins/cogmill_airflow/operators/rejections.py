"""Rejected frames and uploads as mapped tasks of the Grid view: one each, with its name, and no more than a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

MAX_ENTRIES = 200
"""Rejections shown per run; the rest is in the report and in the ledger."""

LABEL_TEMPLATE = "{{ task.frame['label'] }}"
"""What Airflow writes beside a mapped task."""

MAX_LABEL_CHARS = 240
"""Airflow stores 250."""


class Rejection(Protocol):
    """What is shown of a rejected frame or upload."""

    @property
    def key(self) -> str:
        """Key of the upload."""

    @property
    def reason(self) -> str:
        """Word of the closed set of reasons."""

    @property
    def detail(self) -> str:
        """What was found."""

    @property
    def advice(self) -> str:
        """What the person who uploaded it should do."""


def rejection_entries(rejections: Sequence[Rejection]) -> list[dict[str, str]]:
    """Return what the mapped tasks show: `<file name>: <reason>` and advice for each rejection.

    Never empty, so that the task succeeds visibly: without rejections there is one entry without a reason.
    """
    if not rejections:
        return [{"label": "none rejected", "reason": "", "advice": ""}]
    entries = [_entry(rejection) for rejection in rejections[:MAX_ENTRIES]]
    if len(rejections) > MAX_ENTRIES:
        entries[-1] |= {"label": f"and {len(rejections) - MAX_ENTRIES + 1} more: see the report"}
    return entries


def _entry(rejection: Rejection) -> dict[str, str]:
    label = f"{rejection.key.rpartition('/')[2]}: {rejection.reason}"
    if len(label) > MAX_LABEL_CHARS:
        # the end holds the file's extension and the reason, so a long label loses its middle
        half = MAX_LABEL_CHARS // 2
        label = f"{label[: half - 1]}…{label[-half:]}"
    # on lines of their own, because Airflow does not wrap the lines of a log
    advice = f"{rejection.key}\n{rejection.detail}\n{rejection.advice}"
    return {"label": label, "reason": str(rejection.reason), "advice": advice}


class ShowRejectedOperator(BaseOperator):
    """Show one rejected frame or upload. Skipped, because the fault is in the upload and nothing waits for it.

    :param frame: `label`, `reason` and `advice`; without a reason the task succeeds, as nothing was rejected. (templated)
    """

    template_fields: Sequence[str] = ("frame",)
    ui_color = "#fbe3e8"

    def __init__(self, *, frame: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frame = frame

    def execute(self, context: Context) -> None:
        """Write the advice to the task's log and skip; return when nothing was rejected."""
        if self.frame["reason"]:
            self.log.warning("rejected\n%s", self.frame["advice"])
            raise AirflowSkipException(self.frame["label"])
        self.log.info("none_rejected")
