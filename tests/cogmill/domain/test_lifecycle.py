from __future__ import annotations

import pytest
from cogmill.domain.lifecycle import FIRST, HELD_STATE, HOLD_WORDS, TRANSITIONS, Hold, State, can_become, state_diagram


def test_every_state_is_reached_and_left():
    assert {new for _, new in TRANSITIONS} | set(FIRST) == set(State)
    assert {old for old, _ in TRANSITIONS} == set(State)
    assert all(old != new for old, new in TRANSITIONS)


@pytest.mark.parametrize("state", State)
def test_staying_in_a_state_is_always_allowed(state):
    assert can_become(state, state)


@pytest.mark.parametrize("state", set(State) - {State.BUILT, State.PUBLISHED})
def test_a_frame_is_published_only_after_it_was_built(state):
    assert not can_become(state, State.PUBLISHED)


def test_every_hold_has_its_state_and_its_words():
    assert set(HELD_STATE) == set(HOLD_WORDS) == set(Hold)


def test_the_diagram_draws_every_transition_once():
    lines = state_diagram().splitlines()

    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == len(set(lines)) == 1 + len(FIRST) + len(TRANSITIONS)
    assert all(";" not in line and line.count(":") == 1 for line in lines[1:])  # what Mermaid would misread
