"""Connected sets of pixels, against a slow implementation of the same in numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from cogmill.cog.arrays.masks import (
    all_valid,
    connected,
    dilate,
    is_all_valid,
    keep_edge_connected,
    mask_from_nodata,
)
from numpy.typing import NDArray

Set = NDArray[np.bool_]

SHAPES = [(1, 1), (1, 7), (9, 1), (2, 2), (17, 31), (64, 64), (113, 90)]


def slow_connected(allowed: Set, seeds: Set) -> Set:
    """Spread the seeds over the allowed pixels, one step to each of four sides at a time."""
    region = seeds & allowed
    while True:
        padded = np.pad(region, 1)
        spread = region | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        spread &= allowed
        if np.array_equal(spread, region):
            return region
        region = spread


def slow_dilate(region: Set) -> Set:
    """Join the nine shifted copies of a set."""
    padded = np.pad(region, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])


def spiral(side: int) -> Set:
    """A corridor of one pixel that winds to the middle: the longest way that a region can have to go."""
    layer = np.zeros((side, side), bool)
    row = column = 0
    step = (0, 1)
    layer[0, 0] = True
    for length in (side - 1, *(each for inner in range(side - 1, 0, -2) for each in (inner, inner))):
        for _ in range(length):
            row, column = row + step[0], column + step[1]
            layer[row, column] = True
        step = (step[1], -step[0])
    return layer


def structured() -> Iterator[tuple[str, Set]]:
    """Name and set of shapes that break hasty implementations."""
    yield "nothing", np.zeros((40, 50), bool)
    yield "everything", np.ones((40, 50), bool)
    yield "checkerboard", np.indices((40, 51)).sum(axis=0) % 2 == 0
    yield "spiral", spiral(41)
    yield "diagonals", np.abs(np.subtract(*np.indices((60, 60)))) % 7 == 0
    rows, columns = np.indices((120, 120))
    yield "rings", (np.hypot(rows - 60, columns - 60) // 5) % 2 == 0
    yield "rotation fill", (rows + 3 * columns < 90) | (3 * rows + columns > 400)


CASES = [pytest.param(layer, id=name) for name, layer in structured()]


@pytest.mark.parametrize("layer", CASES)
def test_connected_of_structures(layer: Set) -> None:
    seeds = np.zeros_like(layer)
    seeds[[0, -1]] = seeds[:, [0, -1]] = True
    assert np.array_equal(connected(layer, seeds & layer), slow_connected(layer, seeds))
    assert np.array_equal(connected(layer, seeds), slow_connected(layer, seeds))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0.3, 0.59, 0.7, 0.95])  # sites percolate at 0.593: the most tangled regions
def test_connected_of_random_sets(shape: tuple[int, int], density: float) -> None:
    random = np.random.default_rng(round(1000 * density) + shape[0])
    for _ in range(20):
        allowed, seeds = random.random(shape) < density, random.random(shape) < 0.02
        assert np.array_equal(connected(allowed, seeds), slow_connected(allowed, seeds))


@pytest.mark.parametrize("turned", [lambda layer: layer[::-1], lambda layer: layer.T, lambda layer: layer[:, ::2]])
def test_views_that_are_not_contiguous(turned: Callable[[Set], Set]) -> None:
    random = np.random.default_rng(7)
    layer, seeds = turned(random.random((50, 70)) < 0.6), turned(random.random((50, 70)) < 0.05)
    assert np.array_equal(connected(layer, seeds), slow_connected(layer, seeds))
    assert np.array_equal(dilate(layer), slow_dilate(layer))


def test_no_seed_connects_nothing() -> None:
    assert not connected(np.ones((5, 5), bool), np.zeros((5, 5), bool)).any()


@pytest.mark.parametrize("layer", CASES)
def test_dilate_of_structures(layer: Set) -> None:
    assert np.array_equal(dilate(layer), slow_dilate(layer))


@pytest.mark.parametrize("shape", SHAPES)
def test_dilate_of_random_sets(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[0])
    for density in (0.01, 0.2, 0.6):
        layer = random.random(shape) < density
        assert np.array_equal(dilate(layer), slow_dilate(layer))


def test_neither_changes_its_arguments() -> None:
    layer = np.random.default_rng(3).random((30, 30)) < 0.5
    before = layer.copy()
    dilate(connected(layer, layer))
    assert np.array_equal(layer, before)


def test_a_mask_takes_the_memory_of_its_set() -> None:
    nodata = np.array([[True, False], [False, True]])
    mask = mask_from_nodata(nodata)
    assert np.shares_memory(mask, nodata)
    assert mask.tolist() == [[0, 255], [255, 0]]


def test_follows_nodata_from_the_edge_only() -> None:
    nodata = np.zeros((100, 120), bool)
    nodata[:30, :50] = True
    nodata[-3:] = True
    nodata[60:80, 60:90] = True

    found = nodata.copy()
    keep_edge_connected(found)

    assert found[:30, :50].all()
    assert found[-3:].all()
    assert not found[60:80, 60:90].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mask_without_nodata_looks_like_any_other_and_cannot_be_changed(shape):
    mask = all_valid(*shape)

    assert np.array_equal(mask, np.full(shape, 255, np.uint8))
    assert is_all_valid(mask)
    assert not mask.flags.writeable


@pytest.mark.parametrize("shape", [(9, 1), (9, 2)])
def test_a_mask_with_nodata_is_never_taken_for_one_without(shape):
    mask = np.full(shape, 255, np.uint8)
    mask[4] = 0

    assert not is_all_valid(mask)
