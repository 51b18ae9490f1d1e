from __future__ import annotations

from itertools import pairwise

from cogmill_airflow.bundle.form_renewal import GATHER_S, FormRenewal

INTERVAL_S = 30


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def parses(changes: set[int], seconds: int) -> list[int]:
    """Return in which seconds Airflow is asked to parse, when the list changes in some."""
    clock = Clock()
    renewal = FormRenewal(clock, INTERVAL_S)
    asked = []
    for second in range(seconds):
        clock.now = 1000.0 + second
        if second in changes:
            renewal.changed()
        if renewal.is_due():
            asked.append(second)
    return asked


def test_is_never_due_without_a_change() -> None:
    assert parses(set(), 100) == []


def test_is_due_soon_after_a_change_and_again_when_airflow_takes_a_second_parse() -> None:
    gathered = int(GATHER_S)

    assert parses({5}, 200) == [5 + gathered, 5 + gathered + INTERVAL_S + gathered]


def test_many_changes_are_offered_together_and_none_is_forgotten() -> None:
    asked = parses(set(range(10, 40)), 200)

    assert asked[0] == 10 + int(GATHER_S)
    assert max(later - former for former, later in pairwise(asked)) <= INTERVAL_S + 2 * GATHER_S
    assert asked[-1] >= 39 + INTERVAL_S
    assert len(asked) <= 10
