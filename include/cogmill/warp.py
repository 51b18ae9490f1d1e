"""Brings a decoded frame to EPSG:3857: pixels by bilinear or cubic interpolation, validity beside them.

The kernel never sees the mask. It runs over all source pixels on GDAL's fast path, and a pixel of the result is valid
only when everything the kernel touched was: so no value of collar or nodata can bleed in, at the price of at most two
pixels along the outline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from include.cogmill.arena import Arena
from include.cogmill.datum import Operation, web_mercator
from include.cogmill.errors import FrameRejected, Reason
from include.cogmill.outline import Ring, densify, fill, shrink
from include.cogmill.pixels import Bytes, Pixels
from include.cogmill.profiles import Grid, Resampling
from include.cogmill.raster import Affine6
from include.cogmill.regions import strips

WEB_EXTENT_M = 20037508.342789244
"""Half the side of the web-mercator square, metres."""

WEB_TILE_PX = 256

ERROR_PX = 0.125
"""Largest error in source pixels of the warp's piecewise linear approximation of the projection."""

RIM_PX = 2 * ERROR_PX
"""Pixels at the rim of a frame that the approximation may place outside of it; they are not valid."""

KERNEL_PX = {Resampling.BILINEAR: 1.0, Resampling.CUBIC: 2.0}
"""Reach of a kernel in pixels: how far from an outline a value can still come from beyond it."""

KERNEL_SCALE = ("XSCALE=1", "YSCALE=1")
"""The grid has the frame's own resolution. Left to itself, GDAL compares the bounding boxes of each chunk and takes a
rotated frame for a reduced one: the kernel gets wider, the picture softer and the warp four times slower, by chunks."""

CHUNK_BYTES = 256 * 1024**2
"""Memory of the warper for one chunk; larger chunks gain nothing and cost address space."""

OUTLINE_STEPS = 64
"""Points per side of an outline on its way through the projection: its bend between two of them is below 0.01 px."""


@dataclass(slots=True)
class Warped:
    """A frame on a grid of EPSG:3857."""

    data: Bytes
    """Shape (bands, rows, columns)."""
    valid: Bytes
    """Shape (rows, columns), 255 is picture and 0 is not."""
    geotransform: Affine6


@dataclass(frozen=True, slots=True)
class Lattice:
    """A north-up pixel grid of EPSG:3857 whose origin lies on a multiple of its resolution."""

    resolution: float
    """Metres."""
    column: int
    """Multiple of the resolution at the west edge."""
    row: int
    """Multiple of the resolution at the north edge, counted downwards from y = 0."""
    width: int
    height: int

    @property
    def geotransform(self) -> Affine6:
        """GDAL geotransform of the grid."""
        size = self.resolution
        return (self.column * size, size, 0.0, -self.row * size, 0.0, -size)


class Projector:
    """Pixel coordinates of a frame (column right, row down) to metres of EPSG:3857 and back."""

    def __init__(self, pixels: Pixels, shape: tuple[int, int], operation: Operation | None) -> None:
        self.options = [f"DST_SRS={web_mercator().ExportToWkt()}", "ALLOW_BALLPARK=NO"]
        if operation is not None:
            self.options.append(f"COORDINATE_OPERATION={operation.pipeline}")
        grid = gdal.GetDriverByName("MEM").Create("", shape[1], shape[0], 0)
        grid.SetGeoTransform(pixels.geotransform)
        grid.SetSpatialRef(pixels.srs)
        self._grid = grid
        try:
            self._transformer = gdal.Transformer(grid, None, self.options)
        except RuntimeError as err:
            raise FrameRejected(Reason.NO_TRANSFORMATION, f"its coordinates cannot be projected ({err})") from err

    def forward(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return map coordinates, shape (n, 2), for pixel coordinates of that shape."""
        return self._run(points, back=0)

    def backward(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return pixel coordinates, shape (n, 2), for map coordinates of that shape."""
        return self._run(points, back=1)

    def _run(self, points: NDArray[np.float64], back: int) -> NDArray[np.float64]:
        try:
            moved, fine = self._transformer.TransformPoints(back, [(float(x), float(y), 0.0) for x, y in points])
        except RuntimeError as err:
            raise FrameRejected(Reason.OUTSIDE_AREA, f"its coordinates cannot be projected ({err})") from err
        found = np.array(moved)[:, :2]
        if not all(fine) or not np.isfinite(found).all():
            raise FrameRejected(Reason.OUTSIDE_AREA, "its coordinates are impossible in its coordinate system")
        return found


def choose_lattice(projector: Projector, ring: Ring, grid: Grid) -> Lattice:
    """Return the grid that covers an outline.

    Args:
        projector: Of the frame.
        ring: Outline of the picture in pixel coordinates.
        grid: Native resolution or web-mercator zoom.
    """
    outline = projector.forward(densify(ring, OUTLINE_STEPS))
    if np.abs(outline).max() > WEB_EXTENT_M * (1 + 1e-9):
        raise FrameRejected(Reason.OUTSIDE_AREA, "it reaches beyond the web-mercator square")
    resolution = _native_resolution(projector, ring)
    if grid is Grid.WEB:
        resolution = _zoom_resolution(resolution)
    west, north = np.floor(outline[:, 0].min() / resolution), np.floor(-outline[:, 1].max() / resolution)
    east, south = np.ceil(outline[:, 0].max() / resolution), np.ceil(-outline[:, 1].min() / resolution)
    return Lattice(resolution, int(west), int(north), int(east - west), int(south - north))


def _native_resolution(projector: Projector, ring: Ring) -> float:
    """Return the side in metres of a square with the area of the frame's middle pixel."""
    x, y = ring.mean(axis=0)
    corners = projector.forward(np.array([(x, y), (x + 1, y), (x, y + 1)]))
    (ax, ay), (bx, by) = corners[1] - corners[0], corners[2] - corners[0]
    return math.sqrt(abs(ax * by - ay * bx))


def _zoom_resolution(resolution: float) -> float:
    """Return the pixel size of the coarsest zoom level that is not coarser than the frame."""
    whole = 2 * WEB_EXTENT_M / WEB_TILE_PX
    return float(whole / 2 ** math.ceil(math.log2(whole / resolution) - 1e-9))


def warp(  # noqa: PLR0913 - a frame, where it goes, and how
    pixels: Pixels,
    ring: Ring,
    projector: Projector,
    lattice: Lattice,
    kernel: Resampling,
    *,
    threads: int,
    arena: Arena,
) -> Warped:
    """Resample a frame onto a grid.

    Args:
        pixels: The frame; its mask, if any, already lacks everything outside `ring`.
        ring: Outline of the picture in pixel coordinates, convex; where it does not follow the image's edge, it keeps
            the kernel's reach away from what is not picture.
        projector: Of the frame.
        lattice: Grid of the result.
        kernel: How values between pixels are found.
        threads: Threads of the warper.
        arena: For the result.
    """
    layers = list(pixels.data) if pixels.valid is None else [*pixels.data, pixels.valid]
    source = dataset_of(layers, pixels.geotransform, pixels.srs)
    result = arena.zeros((len(layers), lattice.height, lattice.width))
    target = dataset_of(list(result), lattice.geotransform, web_mercator())
    options = [*projector.options, f"SRC_SRS={pixels.srs.ExportToWkt()}"]
    gdal.Warp(
        target,
        source,
        resampleAlg=kernel.value,
        errorThreshold=ERROR_PX,
        warpMemoryLimit=CHUNK_BYTES,
        warpOptions=[*KERNEL_SCALE, "INIT_DEST=0", f"NUM_THREADS={threads}", "SAMPLE_GRID=YES"],
        transformerOptions=options,
        srcAlpha=False,
        dstAlpha=False,
    )
    target.FlushCache()
    bands = len(pixels.data)
    outline = projector.forward(densify(shrink(ring, RIM_PX), OUTLINE_STEPS))
    valid = fill(to_cells(outline, lattice), arena.zeros((lattice.height, lattice.width)))
    if pixels.valid is not None:
        for rows in strips(lattice.height):
            valid[rows][result[bands, rows] != 255] = 0  # noqa: PLR2004
    return Warped(result[:bands], valid, lattice.geotransform)


def to_cells(points: NDArray[np.float64], lattice: Lattice) -> Ring:
    """Return map coordinates as columns and rows of a grid."""
    origin = np.array([lattice.column, lattice.row], float)
    cells: Ring = points * np.array([1, -1]) / lattice.resolution - origin
    return cells


def dataset_of(layers: list[Bytes], geotransform: Affine6, srs: Any) -> Any:
    """Wrap arrays of equal shape (rows, columns) as an in-memory dataset, without copying them.

    The arrays must outlive the dataset and be C-contiguous.
    """
    height, width = layers[0].shape
    dataset = gdal.GetDriverByName("MEM").Create("", width, height, 0)
    for layer in layers:
        address = layer.ctypes.data
        dataset.AddBand(gdal.GDT_Byte, [f"DATAPOINTER={address}", "PIXELOFFSET=1", f"LINEOFFSET={width}"])
    dataset.SetGeoTransform(geotransform)
    dataset.SetSpatialRef(srs)
    return dataset
