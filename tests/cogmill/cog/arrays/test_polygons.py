from __future__ import annotations

import numpy as np
from cogmill.cog.arrays.polygons import area, covers, densify, rasterize, rectangle, shrink


def test_fills_the_pixels_whose_centers_lie_inside():
    assert (
        rasterize(rectangle(3, 2), np.zeros((4, 5), np.uint8)).astype(bool).tolist()
        == [[True] * 3 + [False] * 2] * 2 + [[False] * 5] * 2
    )
    assert rasterize(rectangle(3, 2) + 0.6, np.zeros((4, 5), np.uint8)).astype(bool).sum() == 6
    assert area(shrink(densify(rectangle(10, 8), 1), 1)) == 48


def test_covers_an_image_only_when_every_center_is_clearly_inside():
    whole = rectangle(5, 4)

    assert covers(whole, 5, 4)
    assert covers(whole + 1e-9, 5, 4)
    assert not covers(shrink(whole, 0.4), 5, 4)
    assert not covers(whole + np.array([0.0, 1.0]), 5, 4)
    assert not covers(np.array([(0.0, 0), (5, 0), (5, 2), (3, 4), (0, 4)]), 5, 4)
