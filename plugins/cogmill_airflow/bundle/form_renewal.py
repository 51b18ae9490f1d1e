"""When Airflow should parse the DAGs again whose forms offer collections, because there are others now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FORMS = ("backfill", "retry", "render_mapfiles", "rollback")
"""DAGs whose forms offer collections."""

GATHER_S = 4.0
"""Changes of so many seconds are offered together: each time is a parse of four files."""


@dataclass(slots=True)
class FormRenewal:
    """The times at which these DAGs are to be parsed again.

    Airflow drops a parse that follows the one before within `min_serialized_dag_update_interval`, so another one follows then.
    """

    clock: Callable[[], float]
    """Seconds of any beginning."""
    interval_s: float
    """Airflow's `min_serialized_dag_update_interval`."""
    due: float | None = None
    again: bool = False

    def changed(self) -> None:
        """Note that the list of collections has changed."""
        self.due = min(filter(None, (self.due, self.clock() + GATHER_S)))
        self.again = True

    def is_due(self) -> bool:
        """Tell whether the DAGs should be parsed now; each time is told once."""
        if self.due is None or self.clock() < self.due:
            return False
        self.due = self.clock() + self.interval_s + GATHER_S if self.again else None
        self.again = False
        return True
