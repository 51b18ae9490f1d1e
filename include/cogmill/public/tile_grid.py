"""Which tiles there are: zooms of the XYZ grid, as the web server of a map host works them out.

The functions `zoom_of` and `tiles_of_year` of the ledger say the same, and a test compares them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import product

from cogmill.domain.geo import Bounds3857
from cogmill.overviews.grid import resolution, squares

FINEST_ZOOM = 24
"""No tile is finer: that of a collection whose pixel size is not known."""

MOST_COLLECTIONS = 24
"""Collections that a tile of a year may meet: each costs a cell of its overviews."""

CROWDED_ZOOMS = range(10)
"""Zooms at which so many can meet: the finest has tiles of 78 km."""


def finest_zoom(gsd_m: float | None) -> int:
    """Return the zoom at which a pixel of 256 px tiles is no larger than this, in EPSG:3857 meters.

    >>> finest_zoom(0.6), finest_zoom(None)
    (18, 24)
    """
    if not gsd_m:
        return FINEST_ZOOM
    return min(max(math.ceil(math.log2(resolution(0) / gsd_m) - 0.01), 0), FINEST_ZOOM)


def first_zoom(extents: Sequence[Bounds3857]) -> int:
    """Return the zoom from which on no tile meets too many of some collections."""
    if len(extents) <= MOST_COLLECTIONS:
        return 0
    crowded = [zoom for zoom in CROWDED_ZOOMS if _most_at_once(extents, zoom) > MOST_COLLECTIONS]
    return max(crowded, default=-1) + 1


def _most_at_once(extents: Sequence[Bounds3857], zoom: int) -> int:
    return max(Counter(tile for extent in extents for tile in product(*squares(zoom, extent))).values())
