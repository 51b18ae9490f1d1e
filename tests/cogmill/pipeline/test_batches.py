"""Batches: few, equally full, and within their limits."""

from __future__ import annotations

import pytest
from cogmill.cog.sandbox.limits import MIB
from cogmill.ledger.frames import DueFrame
from cogmill.pipeline.batches import cut
from hypothesis import given
from hypothesis import strategies as st


def frames(*sizes: int) -> list[DueFrame]:
    return [DueFrame(number, f"f{number}", size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * 1, [1]),
        ([1] * 100, [100]),
        ([1] * 101, [51, 50]),
        ([1] * 200, [100, 100]),
        ([40 * MIB] * 40, [20, 20]),
        ([3000 * MIB], [1]),
        ([3000 * MIB] * 3, [1, 1, 1]),
    ],
)
def test_parts_are_few_and_equal(sizes, expected):
    assert [len(part) for part in cut(frames(*sizes), 100, 1024 * MIB)] == expected


@given(st.lists(st.integers(0, 5000 * MIB), min_size=1, max_size=400))
def test_keeps_every_frame_in_order_and_the_limits(sizes):
    due = frames(*sizes)

    parts = cut(due, 100, 1024 * MIB)

    assert [frame for part in parts for frame in part] == due
    assert max(len(part) for part in parts) <= 100
    assert all(sum(frame.size for frame in part[:-1]) <= 1024 * MIB for part in parts)
