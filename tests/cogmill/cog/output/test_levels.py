from __future__ import annotations

import numpy as np
import pytest
from cogmill.cog.arrays.masks import all_valid, is_all_valid
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.levels import Level, build_levels, halve


def slow_half(data: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average the valid ones of each four pixels, one by one."""
    rows, columns = -(-valid.shape[0] // 2), -(-valid.shape[1] // 2)
    small, mask = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
    for row in range(rows):
        for column in range(columns):
            known = valid[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] != 0
            if known.any():
                mask[row, column] = 255
                values = data[2 * row : 2 * row + 2, 2 * column : 2 * column + 2][known].astype(int)
                small[row, column] = (values.sum() + len(values) // 2) // len(values)
    return small, mask


@pytest.mark.parametrize("shape", [(40, 60), (41, 60), (40, 61), (41, 61), (1, 9), (301, 3)])
def test_averages_the_valid_pixels_only(shape):
    rng = np.random.default_rng(1)
    data = rng.integers(0, 256, shape, np.uint8)
    valid = ((rng.random(shape) > 0.3) * 255).astype(np.uint8)

    small = halve(Level(data[None], valid), ScratchArrays(None), 2)

    expected, mask = slow_half(data, valid)
    assert np.array_equal(small.data[0], expected)
    assert np.array_equal(small.mask, mask)


def test_ends_in_a_single_block():
    levels = build_levels(np.zeros((3, 1025, 700), np.uint8), np.full((1025, 700), 255, np.uint8), ScratchArrays(None))

    assert [(level.width, level.height) for level in levels] == [(700, 1025), (350, 513), (175, 257)]


@pytest.mark.parametrize("shape", [(1040, 1300), (1041, 1300), (1040, 1301), (1041, 1301)])
def test_a_mask_without_nodata_gives_the_same_overviews_whether_it_is_in_memory_or_not(shape):
    data = np.random.default_rng(2).integers(0, 256, (1, *shape), np.uint8)

    cheap = build_levels(data, all_valid(*shape), ScratchArrays(None))
    plain = build_levels(data, np.full(shape, 255, np.uint8), ScratchArrays(None))

    assert len(cheap) == len(plain)
    for ours, theirs in zip(cheap, plain, strict=True):
        assert np.array_equal(ours.data, theirs.data)
        assert np.array_equal(ours.mask, theirs.mask)
        assert is_all_valid(ours.mask)
