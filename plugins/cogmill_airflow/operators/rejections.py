"""Refused frames as boxes of the Grid view: a name each, and no more boxes than a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from airflow.sdk import Context

MOST = 200
"""Boxes per run; the rest is in the report and in the ledger."""

LABEL_TEMPLATE = "{{ task.frame['label'] }}"
"""What Airflow writes beside a box."""

LONGEST_LABEL = 240
"""Letters; Airflow stores 250."""


class Refused(Protocol):
    """What is shown of a refused frame."""

    @property
    def key(self) -> str:
        """Where it was uploaded."""

    @property
    def reason(self) -> str:
        """Word of the closed set."""

    @property
    def detail(self) -> str:
        """What was found."""

    @property
    def advice(self) -> str:
        """What the person who uploaded it should do."""


def shown(refused: Sequence[Refused]) -> list[dict[str, str]]:
    """Return one box per refused frame, `<file name>: <reason>`; a single one without a reason when there is none."""
    if not refused:
        return [{"label": "none rejected", "reason": "", "advice": ""}]
    boxes = [_box(f"{frame.key.rpartition('/')[2]}: {frame.reason}", frame) for frame in refused[:MOST]]
    if len(refused) > MOST:
        boxes[-1] |= {"label": f"and {len(refused) - MOST + 1} more: see the report"}
    return boxes


def _box(label: str, frame: Refused) -> dict[str, str]:
    # the end names the file's extension and the reason, so a long label loses its middle
    if len(label) > LONGEST_LABEL:
        half = LONGEST_LABEL // 2
        label = f"{label[: half - 1]}…{label[-half:]}"
    return {"label": label, "reason": str(frame.reason), "advice": f"{frame.key}: {frame.detail}. {frame.advice}"}


class ShowRejectedOperator(BaseOperator):
    """One refused frame or upload, in its own box: skipped, because it is the frame's fault and nobody else waits for it.

    :param frame: `label`, `reason` and `advice`; without a reason the task succeeds, as there was nothing to refuse.
    """

    template_fields: Sequence[str] = ("frame",)
    ui_color = "#fbe3e8"

    def __init__(self, *, frame: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frame = frame

    def execute(self, context: Context) -> None:
        """Skip with the reason, or return.

        :param context: Context of the task instance.
        """
        del context
        if not self.frame["reason"]:
            self.log.info("none_rejected")
            return
        self.log.warning("frame_rejected frame=%s advice=%s", self.frame["label"], self.frame["advice"])
        raise AirflowSkipException(f"{self.frame['label']}. {self.frame['advice']}")
