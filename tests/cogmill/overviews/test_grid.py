from __future__ import annotations

from itertools import pairwise

import pytest
from cogmill.domain.geo import Bounds3857
from cogmill.overviews.grid import Cell, cells, finest_level, levels, resolution

TEXAS = Bounds3857(-11_000_000, 3_500_000, -10_900_000, 3_600_000)


def test_cells_cover_a_rectangle_without_gap_or_overlap():
    found = list(cells(14, TEXAS))

    assert len({(cell.x, cell.y) for cell in found}) == len(found)
    assert sum(cell.side_m**2 for cell in found) >= TEXAS.width * TEXAS.height
    assert min(cell.bounds.west for cell in found) <= TEXAS.west
    assert max(cell.bounds.north for cell in found) >= TEXAS.north
    assert all(cell.bounds.intersects(TEXAS) for cell in found)


def test_parent_holds_its_cells():
    for cell in cells(14, TEXAS):
        parent = cell.parent.bounds
        assert parent.west - 1e-6 <= cell.bounds.west
        assert cell.bounds.north <= parent.north + 1e-6


def test_cell_is_refused_when_it_lies_outside_of_the_grid():
    with pytest.raises(ValueError, match="no cell of the grid"):
        Cell(14, 2**10, 0)


@pytest.mark.parametrize("width_px", [2000, 5000, 7200, 20_000])
def test_typical_frame_is_about_a_thousand_pixels_wide_at_the_finest_level(width_px):
    level = finest_level(width_px * 0.5, 0.5)

    assert 880 <= width_px * 0.5 / resolution(level) <= 1800


def test_finest_level_is_not_finer_than_the_frames():
    assert resolution(finest_level(500 * 0.5, 0.5)) >= 0.5


def test_levels_end_when_one_cell_holds_all():
    found = levels(17, TEXAS)

    assert [finer - coarser for finer, coarser in pairwise(found)] == [3] * (len(found) - 1)
    assert len(list(cells(found[-1], TEXAS))) == 1
    assert len(list(cells(found[-2], TEXAS))) > 1
