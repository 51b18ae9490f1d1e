"""Place a raster by control points: pixels of which somebody said where they lie on the ground.

The fit leads from the ground to the raster's pixels, as gdalwarp's does, so that both put the same pixel to the same place. Its straight
part is the raster's transform; what bends beyond that is a `Bend` between the pixels of a straightened raster and its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from cogmill.domain.errors import InvalidFrameError, Reason

Points = NDArray[np.float64]
"""Shape (n, 2)."""

FEWEST, MOST = 4, 500
"""Numbers of points: three fit everything and show no error; each one more costs a spline time for every other."""

SECOND_ORDER, THIRD_ORDER, SPLINE = 8, 15, 30
"""Points from which on the fit bends with them: a quarter more than a polynomial of that order has unknowns, and enough to follow relief."""

MOST_BENT = 0.25
"""How far a pixel may lie off the straight fit, as a share of the raster's longer side: more is no photograph but a mistake."""

STEPS, CLOSE_PX = 30, 1e-7
"""Newton's steps back through a bend, and the distance at which they end."""

LEAST = 1e-9
"""Of what a point leaves to the others: some are needed by a polynomial to be one at all."""

HALF_PX = 0.5

CHECKED = 17
"""Places along each side of the raster at which a bend is checked."""


@dataclass(frozen=True, slots=True, eq=False)
class ControlPoints:
    """Pixels and where they lie."""

    pixels: Points
    """Column and row, corners of pixels at whole numbers."""
    places: Points
    """Map coordinates x and y."""


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """How a raster is bent against a straightened one, both in columns and rows."""

    fit: Callable[[Points], Points]
    """From map coordinates (x, y) to columns and rows of the raster."""
    transform: Affine
    """From columns and rows of the straightened raster to map coordinates."""

    def to_raster(self, straight: Points) -> Points:
        """Return columns and rows of the raster for those of the straightened one."""
        (x, y), t = straight.T, self.transform
        return self.fit(np.stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f], axis=1))

    def to_straight(self, pixels: Points) -> Points:
        """Return columns and rows of the straightened raster for those of the raster.

        Raises:
            InvalidFrameError: not_georeferenced, where the bend leads to no place.
        """
        found = pixels.astype(np.float64)
        for _ in range(STEPS):
            error = self.to_raster(found) - pixels
            if np.abs(error).max() < CLOSE_PX:
                return found
            right, down = self._slopes(found)
            area = _area(right, down)
            if not np.isfinite(area).all() or (area == 0).any():
                break
            across, along = _area(error, down) / area, _area(right, error) / area
            found -= np.stack([across, along], axis=1)
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, "its control points fold the picture")

    def _slopes(self, straight: Points) -> tuple[Points, Points]:
        """Return how columns and rows of the raster change with a pixel to the right, and with one down."""
        steps = (np.array([HALF_PX, 0.0]), np.array([0.0, HALF_PX]))
        right, down = (self.to_raster(straight + step) - self.to_raster(straight - step) for step in steps)
        return right, down

    def check(self, width: int, height: int) -> None:
        """Raise not_georeferenced unless the bend is gentle and one to one all over the raster."""
        mesh = np.meshgrid(np.linspace(0, width, CHECKED), np.linspace(0, height, CHECKED))
        pixels = np.stack(mesh, axis=-1).reshape(-1, 2)
        straight = self.to_straight(pixels)
        off = float(np.abs(straight - pixels).max())
        if off > MOST_BENT * max(width, height):
            raise InvalidFrameError(Reason.NOT_GEOREFERENCED, f"its control points bend the picture by {off:.0f} px")
        if (_area(*self._slopes(straight)) <= 0).any():
            raise InvalidFrameError(Reason.NOT_GEOREFERENCED, "its control points fold the picture")


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A raster placed by control points."""

    transform: Affine
    """From columns and rows, of the straightened raster where it is bent, to map coordinates (x, y)."""
    bend: Bend | None
    notes: tuple[str, ...]
    """How it was placed and how well, in words of the COG's tag."""


def fit_points(points: ControlPoints, width: int, height: int, most_px: float) -> Fit:
    """Place a raster by as much of a bend as the number of its control points bears.

    Args:
        points: Of the raster.
        width: Columns of the raster.
        height: Rows of the raster.
        most_px: Error of the points that is accepted, root mean square in pixels.

    Raises:
        InvalidFrameError: not_georeferenced: too few or too many, in a line, contradicting each other, or folding the picture.
    """
    count = len(points.pixels)
    if not FEWEST <= count <= MOST:
        detail = f"{count} control points, at least {FEWEST} and at most {MOST} place a picture"
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, detail)
    if not (np.isfinite(points.pixels).all() and np.isfinite(points.places).all()):
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, "its control points have impossible coordinates")
    straight, errors, left_out = _polynomial(points, 1)
    transform = _as_affine(straight, points)
    word, fit = "order_1", straight
    if count >= SPLINE:
        word, (fit, left_out) = "spline", _spline(points)
        errors = left_out
    elif count >= SECOND_ORDER:
        order = 3 if count >= THIRD_ORDER else 2
        word, (fit, errors, left_out) = f"order_{order}", _polynomial(points, order)
    residual = float(np.sqrt((errors**2).sum(axis=1).mean()))
    if not residual <= most_px:
        worst = int((left_out**2).sum(axis=1).argmax())
        column, row = points.pixels[worst]
        detail = (
            f"its {count} control points are off by {residual:.2f} px ({word}), {most_px:g} px are accepted; the worst is"
            f" number {worst + 1} at column {column:.0f}, row {row:.0f}"
        )
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, detail)
    bend = Bend(fit, transform) if fit is not straight else None
    if bend is not None:
        bend.check(width, height)
    return Fit(transform, bend, (f"control_points_{word}", f"points_within_{residual:.2f}_px"))


def _area(first: Points, second: Points) -> NDArray[np.float64]:
    """Return the signed areas, shape (n,), between vectors."""
    area: NDArray[np.float64] = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return area


def _scaler(places: Points) -> Callable[[Points], Points]:
    """Return what brings map coordinates near -1 to 1, alike in x and y: coordinates of millions of meters have no exact cubes."""
    middle = places.mean(axis=0)
    reach = float(np.abs(places - middle).max()) or 1.0
    return lambda points: (points - middle) / reach


def _powers(scaled: Points, order: int) -> NDArray[np.float64]:
    """Return the terms of a polynomial of two unknowns, shape (n, terms)."""
    x, y = scaled.T
    return np.stack([x ** (total - j) * y**j for total in range(order + 1) for j in range(total + 1)], axis=1)


def _polynomial(points: ControlPoints, order: int) -> tuple[Callable[[Points], Points], Points, Points]:
    """Return the least-squares polynomial from places to pixels, its errors at the points in pixels, and that of each when it is left out."""
    scale = _scaler(points.places)
    terms = _powers(scale(points.places), order)
    factors, _, rank, _ = np.linalg.lstsq(terms, points.pixels, rcond=1e-9)
    if rank < terms.shape[1]:
        detail = (
            "its control points lie in a line or at one place"
            if order == 1
            else "its control points are too close together"
        )
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, detail)

    def fit(places: Points) -> Points:
        return np.asarray(_powers(scale(places), order) @ factors)

    errors = fit(points.places) - points.pixels
    leverage = (np.linalg.qr(terms)[0] ** 2).sum(axis=1)
    return fit, errors, errors / np.maximum(1 - leverage, LEAST)[:, None]


def _spline(points: ControlPoints) -> tuple[Callable[[Points], Points], Points]:
    """Return the thin plate from places to pixels, which goes through all points, and the error of each when it is left out."""
    scale = _scaler(points.places)
    knots = scale(points.places)
    count, plane = len(knots), _powers(knots, 1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = np.stack([_plate(knots, knot) for knot in knots], axis=1)
    system[:count, count:], system[count:, :count] = plane, plane.T
    try:
        inverse = np.linalg.inv(system)
    except np.linalg.LinAlgError as err:
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, "two of its control points lie at one place") from err
    factors = inverse @ np.concatenate([points.pixels, np.zeros((3, 2))])

    def fit(places: Points) -> Points:
        scaled = scale(places)
        found = _powers(scaled, 1) @ factors[count:]
        for knot, factor in zip(knots, factors[:count], strict=True):
            found += _plate(scaled, knot)[:, None] * factor
        return np.asarray(found)

    if not np.abs(fit(points.places) - points.pixels).max() < CLOSE_PX * 1e4:
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, "two of its control points lie at one place")
    return fit, factors[:count] / np.diag(inverse)[:count, None]


def _plate(points: Points, knot: Points) -> NDArray[np.float64]:
    """Return r^2 log r, shape (n,), of the distances r from one knot of shape (2,)."""
    squared = ((points - knot) ** 2).sum(axis=1)
    return np.asarray(squared * np.log(np.where(squared > 0, squared, 1.0)) / 2)


def _as_affine(fit: Callable[[Points], Points], points: ControlPoints) -> Affine:
    """Return the way back of a fit of the first order, which is affine: from pixels to places."""
    origin = points.places.mean(axis=0)
    reach = float(np.abs(points.places - origin).max())
    zero, east, north = fit(origin + reach * np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]))
    (a, d), (b, e) = (east - zero) / reach, (north - zero) / reach
    # degenerate where the pixels lie in a line: no place can be told from its pixel
    if abs(a * e - b * d) * reach**2 < 1:
        raise InvalidFrameError(Reason.NOT_GEOREFERENCED, "its control points lie in a line or at one place")
    back: Affine = Affine.translation(*origin) @ ~Affine(a, b, zero[0], d, e, zero[1])
    return back
