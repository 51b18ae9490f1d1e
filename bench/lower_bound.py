"""The least that any program must do: read the source and compress every block of every level, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.levels import BLOCK_PX, Level, build_levels
from osgeo import gdal


def levels_of(cog: Path) -> list[Level]:
    """Return the levels of a finished COG, to be compressed again."""
    dataset = gdal.Open(str(cog))
    data = dataset.ReadAsArray()
    mask = dataset.GetRasterBand(1).GetMaskBand().ReadAsArray()
    return build_levels(data if data.ndim == 3 else data[None], mask, ScratchArrays(None))  # noqa: PLR2004


def lower_bound(source: Path, levels: list[Level], threads: int) -> None:
    """Decode the source, then encode all blocks, with the codecs' own libraries (libdeflate, libjpeg-turbo)."""
    dataset = gdal.OpenEx(str(source), gdal.OF_RASTER, open_options=[f"NUM_THREADS={threads}"])
    dataset.ReadAsArray()
    encode = _deflate if len(levels[0].data) == 1 else _jpeg
    with ThreadPoolExecutor(threads) as pool:
        for size in pool.map(encode, _blocks(levels)):
            assert size > 0


def _blocks(levels: list[Level]) -> Iterator[np.ndarray]:
    for level in levels:
        for row in range(0, level.height, BLOCK_PX):
            for column in range(0, level.width, BLOCK_PX):
                yield level.data[:, row : row + BLOCK_PX, column : column + BLOCK_PX]


def _deflate(block: np.ndarray) -> int:
    padded = np.pad(block[0], [(0, BLOCK_PX - side) for side in block.shape[1:]], mode="edge")
    return len(imagecodecs.deflate_encode(imagecodecs.delta_encode(padded, axis=1), level=6))


def _jpeg(block: np.ndarray) -> int:
    pixels = np.ascontiguousarray(block.transpose(1, 2, 0))
    return len(imagecodecs.jpeg8_encode(pixels, level=85, colorspace="rgb", outcolorspace="ycbcr", subsampling="420"))
