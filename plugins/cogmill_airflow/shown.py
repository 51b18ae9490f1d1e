"""Refused frames as boxes of the Grid view: a name each, and no more boxes than a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
