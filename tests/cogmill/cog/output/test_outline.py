from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from cogmill.cog.arrays.masks import all_valid
from cogmill.cog.arrays.polygons import rasterize
from cogmill.cog.footprint import footprint
from cogmill.cog.output.outline import outline_margin

GRID = Affine.from_gdal(1000.0, 2.0, 0.0, 5000.0, 0.0, -2.0)


def turned(degrees=7.5, size=400):
    """Return the mask of a photograph that lies turned on its grid."""
    turn = np.radians(degrees)
    corners = np.array([(-150, -100), (150, -100), (150, 100), (-150, 100)]) * size / 400
    polygon = corners @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))]) + size / 2
    return rasterize(polygon, np.zeros((size, size), np.uint8))


def margin(mask, pixel=4):
    """Return the margin of the outline of a coarser level."""
    coarse = mask.reshape(mask.shape[0] // pixel, pixel, mask.shape[1] // pixel, pixel).mean(axis=(1, 3)) >= 127.5
    outline = footprint(coarse, GRID @ Affine.scale(pixel))
    return outline_margin(outline, mask, GRID, pixel)


@pytest.mark.parametrize("degrees", [0, 3, 7.5, 45, 80])
def test_outline_tells_where_pixels_are_valid_when_there_is_no_hole(degrees):
    assert margin(turned(degrees)) == 2 * 4 * GRID.a
    assert margin(turned(degrees, 4000)) == 2 * 4 * GRID.a


def test_outline_of_a_whole_rectangle_is_exact_enough():
    assert margin(all_valid(400, 400)) == 2 * 4 * GRID.a


def test_outline_tells_nothing_when_one_pixel_inside_is_not_valid():
    mask = turned()
    mask[200, 210] = 0

    assert margin(mask) is None


def test_outline_tells_nothing_when_one_pixel_outside_is_valid():
    mask = turned()
    mask[5, 5] = 255

    assert margin(mask) is None


def test_outline_tells_nothing_when_it_encloses_several_parts():
    mask = np.zeros((400, 400), np.uint8)
    mask[20:180, 20:380] = mask[220:380, 20:380] = 255

    assert margin(mask) is None


def test_outline_tells_nothing_when_the_photograph_is_no_wider_than_the_margin():
    mask = np.zeros((400, 400), np.uint8)
    mask[100:110] = 255

    assert margin(mask) is None
