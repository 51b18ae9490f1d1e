from __future__ import annotations

import numpy as np
import pytest
import shapely
from cogmill.cog.arrays.masks import keep_edge_connected
from cogmill.cog.arrays.polygons import area, densify, fill, rectangle, shrink
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.footprint import footprint
from cogmill.cog.output.overviews import Level, build_levels, halve
from cogmill.domain.errors import InvalidFrameError

GRID = (1000.0, 2.0, 0.0, 5000.0, 0.0, -2.0)


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
    assert np.array_equal(small.valid, mask)


def test_ends_in_a_single_block():
    levels = build_levels(np.zeros((3, 1025, 700), np.uint8), np.full((1025, 700), 255, np.uint8), ScratchArrays(None))

    assert [(level.width, level.height) for level in levels] == [(700, 1025), (350, 513), (175, 257)]


@pytest.mark.parametrize("degrees", [0, 7.5, 45, 90])
def test_outlines_a_rotated_frame_within_a_pixel(degrees):
    turn = np.radians(degrees)
    corners = np.array([(-150, -100), (150, -100), (150, 100), (-150, 100)])
    ring = corners @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))]) + 200
    valid = fill(ring, np.zeros((400, 400), np.uint8)) != 0

    outline = shapely.from_wkb(footprint(valid, GRID))

    truth = shapely.polygons(ring * (2, -2) + (1000, 5000))
    assert shapely.hausdorff_distance(outline, truth) < 2 * 2
    assert outline.exterior.is_ccw
    assert shapely.get_num_coordinates(outline) < 40


def test_encloses_parts_that_do_not_hang_together():
    valid = np.zeros((50, 50), bool)
    valid[5:10, 5:10] = valid[30:40, 30:45] = True

    outline = shapely.from_wkb(footprint(valid, (0, 1, 0, 0, 0, -1)))

    assert outline.covers(shapely.box(6, -9, 9, -6))
    assert outline.covers(shapely.box(31, -39, 44, -31))


def test_refuses_to_outline_nothing():
    with pytest.raises(InvalidFrameError, match="all_blank"):
        footprint(np.zeros((5, 5), bool), GRID)


def test_fills_the_pixels_whose_centres_lie_inside():
    assert (
        fill(rectangle(3, 2), np.zeros((4, 5), np.uint8)).astype(bool).tolist()
        == [[True] * 3 + [False] * 2] * 2 + [[False] * 5] * 2
    )
    assert fill(rectangle(3, 2) + 0.6, np.zeros((4, 5), np.uint8)).astype(bool).sum() == 6
    assert area(shrink(densify(rectangle(10, 8), 1), 1)) == 48


def test_follows_nodata_from_the_edge_only():
    empty = np.zeros((100, 120), bool)
    empty[:30, :50] = True
    empty[-3:] = True
    empty[60:80, 60:90] = True

    found = empty.copy()
    keep_edge_connected(found)

    assert found[:30, :50].all()
    assert found[-3:].all()
    assert not found[60:80, 60:90].any()
