from __future__ import annotations

import numpy as np
from cogmill.cog.arrays.polygons import area, densify, rasterize, rectangle, shrink


def test_fills_the_pixels_whose_centers_lie_inside():
    assert (
        rasterize(rectangle(3, 2), np.zeros((4, 5), np.uint8)).astype(bool).tolist()
        == [[True] * 3 + [False] * 2] * 2 + [[False] * 5] * 2
    )
    assert rasterize(rectangle(3, 2) + 0.6, np.zeros((4, 5), np.uint8)).astype(bool).sum() == 6
    assert area(shrink(densify(rectangle(10, 8), 1), 1)) == 48
