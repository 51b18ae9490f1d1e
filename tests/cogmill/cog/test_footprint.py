from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from cogmill.cog.arrays.polygons import rasterize
from cogmill.cog.footprint import footprint
from cogmill.domain.errors import InvalidFrameError

GRID = Affine.from_gdal(1000.0, 2.0, 0.0, 5000.0, 0.0, -2.0)


@pytest.mark.parametrize("degrees", [0, 7.5, 45, 90])
def test_outlines_a_rotated_frame_within_a_pixel(degrees):
    turn = np.radians(degrees)
    corners = np.array([(-150, -100), (150, -100), (150, 100), (-150, 100)])
    polygon = corners @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))]) + 200
    valid = rasterize(polygon, np.zeros((400, 400), np.uint8)) != 0

    outline = shapely.from_wkb(footprint(valid, GRID))

    truth = shapely.polygons(polygon * (2, -2) + (1000, 5000))
    assert shapely.hausdorff_distance(outline, truth) < 2 * 2
    assert outline.exterior.is_ccw
    assert shapely.get_num_coordinates(outline) < 40


def test_encloses_parts_that_are_not_connected():
    valid = np.zeros((50, 50), bool)
    valid[5:10, 5:10] = valid[30:40, 30:45] = True

    outline = shapely.from_wkb(footprint(valid, Affine(1, 0, 0, 0, -1, 0)))

    assert outline.covers(shapely.box(6, -9, 9, -6))
    assert outline.covers(shapely.box(31, -39, 44, -31))


def test_refuses_to_outline_nothing():
    with pytest.raises(InvalidFrameError, match="all_blank"):
        footprint(np.zeros((5, 5), bool), GRID)
