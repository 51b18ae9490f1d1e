from __future__ import annotations

import math

import pytest
from cogmill.domain.geo import Bounds3857, Bounds4326

TEXAS = Bounds4326(-107.0, 25.0, -93.0, 37.0)


@pytest.mark.parametrize(
    "edges",
    [
        (1, 0, 0, 1),
        (0, 1, 1, 0),
        (math.nan, 0, 1, 1),
        (0, 0, math.inf, 1),
        (-181, 0, 0, 1),
        (0, -91, 1, 0),
        (0, 0, 181, 1),
        (0, 0, 1, 90.1),
    ],
)
def test_refuses_degrees_that_are_none_and_names_them(edges):
    with pytest.raises(ValueError, match=r"west, south, east, north|longitude before latitude") as refusal:
        Bounds4326(*edges)

    assert f"{edges[0]:g}" in str(refusal.value)


@pytest.mark.parametrize("edges", [(), (1, 2, 3), (1, 2, 3, 4, 5), ("a", 1, 2, 3), (0, 0, 1, math.nan)])
def test_refuses_what_are_not_four_edges(edges):
    with pytest.raises(ValueError, match=r"."):
        Bounds3857.from_edges(edges)


def test_a_point_has_bounds():
    assert Bounds3857(5, 5, 5, 5).width == 0


def test_edges_come_back_in_their_order():
    assert list(Bounds4326.from_edges([-107, 25, -93, 37])) == list(TEXAS) == [-107.0, 25.0, -93.0, 37.0]


def test_bounds_of_two_systems_are_never_equal():
    assert Bounds3857(0, 0, 1, 1) != Bounds4326(0, 0, 1, 1)


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        (Bounds4326(-107, 25, -93, 37), True),
        (Bounds4326(-100, 30, -99, 31), True),
        (Bounds4326(-93, 37, -90, 40), True),
        (Bounds4326(-92.9, 30, -90, 31), False),
        (Bounds4326(-100, 37.1, -99, 38), False),
    ],
)
def test_intersects_when_a_point_is_common(other, meets):
    assert TEXAS.intersects(other) is other.intersects(TEXAS) is meets


def test_degrees_of_what_reaches_over_the_edge_of_the_world_are_still_degrees():
    world = Bounds3857(-20_037_510, -20_037_510, 20_037_510, 20_037_510)

    assert list(world.to_4326()) == pytest.approx([-180, -85.051129, 180, 85.051129], abs=1e-5)


def test_what_two_bounds_have_in_common():
    assert Bounds3857(0, 0, 10, 10).intersection(Bounds3857.around(9, 2, 3)) == Bounds3857(6, 0, 10, 5)
    with pytest.raises(ValueError, match="west <= east"):
        Bounds3857(0, 0, 1, 1).intersection(Bounds3857(2, 0, 3, 1))
