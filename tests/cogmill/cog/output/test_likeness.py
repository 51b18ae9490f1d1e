"""The comparison of a COG with its source: fine detail at any angle passes, another picture does not."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from cogmill.cog.arrays.scratch import ScratchArrays
from cogmill.cog.output.source_samples import sample_source
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.domain.model import Bands

from tests.cogmill.cog.engine_scenes import photograph, upload

BW = dataclasses.replace(PROFILES["bw"], collar=False)


def sheet(side: int) -> np.ndarray:
    """Return line art as on an index sheet: frames, numbers, hatching."""
    paper = np.full((side, side), 245, np.uint8)
    for at in range(60, side - 200, 170):
        paper[at : at + 3, 40 : side - 40] = paper[40 : side - 40, at : at + 3] = 20
    rng = np.random.default_rng(3)
    for row, column in rng.integers(60, side - 120, (side // 3, 2)):
        paper[row : row + 14, column : column + 2] = 15
        paper[row : row + 2, column : column + 9] = 15
    paper[200 : side // 2 : 4, 200 : side // 2] = 30
    return paper


def rows_of_crops(side: int) -> np.ndarray:
    return np.repeat(np.where(np.arange(side) // 2 % 2, 190, 60).astype(np.uint8)[None], side, axis=0)


def checker(side: int) -> np.ndarray:
    row, column = np.mgrid[:side, :side] // 3
    return np.where((row + column) % 2, 220, 40).astype(np.uint8)


def build(engine: Engine, source: Path):
    return engine.build(source, source.with_suffix(".out"), bands=Bands.BW, profile=BW, provenance={}, area=None)


@pytest.mark.parametrize(
    ("picture", "degrees"),
    [
        (sheet(3000), 30),
        (sheet(3000), 45),
        (sheet(4500), 60),
        (rows_of_crops(800), 0.5),
        (rows_of_crops(800), 17),
        (checker(800), 45),
        (photograph(5, 5), 0),
        (photograph(5, 5), 20),
    ],
    ids=["sheet-30", "sheet-45", "sheet-60", "rows-0.5", "rows-17", "checker-45", "tiny-0", "tiny-20"],
)
def test_accepts_fine_detail_at_any_angle(engine, tmp_path, picture, degrees):
    assert build(engine, upload(tmp_path / "a.tif", picture, degrees=degrees)).size > 0


def test_accepts_pixels_that_are_fifty_times_as_long_as_wide(engine, tmp_path):
    source = upload(tmp_path / "a.tif", photograph(60, 1500), geotransform=(620_000, 1, 0, 3_350_000, 0, -50))

    assert build(engine, source).size > 0


def test_samples_follow_a_projection_that_bends_within_a_point():
    source = np.ascontiguousarray(rows_of_crops(4000)[None, :, ::-1])

    def to_pixel(points: np.ndarray) -> np.ndarray:
        return np.stack([points[:, 0], points[:, 1]], axis=1) ** 2 / 1000

    samples = sample_source(source, np.full((2000, 2000), 255, np.uint8), to_pixel, ScratchArrays(None))

    at = samples.points[:, None] + np.stack(np.meshgrid(np.arange(4) - 1.5, np.arange(4) - 1.5), axis=-1).reshape(-1, 2)
    columns = to_pixel(at.reshape(-1, 2))[:, 0] - 0.5
    low = np.floor(columns).astype(int).clip(0, 3998)
    row = source[0, 0].astype(float)
    wanted = (row[low] * (1 - columns + low) + row[low + 1] * (columns - low)).reshape(len(at), -1).mean(axis=1)
    inside = to_pixel(samples.points)[:, 0] > 4
    assert np.abs(samples.values[0] - wanted)[inside].max() < 1


@pytest.mark.parametrize("degrees", [0, 30, 77])
def test_samples_are_the_mean_below_each_pixel_of_the_coarsest_level(degrees):
    source = np.ascontiguousarray(sheet(1500)[None])
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([(cos, sin), (-sin, cos)])

    def to_pixel(points: np.ndarray) -> np.ndarray:
        return (points - 500) @ turn + 750

    mask = np.full((1000, 1000), 255, np.uint8)
    centers = np.stack(np.meshgrid(np.arange(1000) + 0.5, np.arange(1000) + 0.5), axis=-1).reshape(-1, 2)
    columns, rows = np.floor(to_pixel(centers)).astype(int).T
    turned = source[0][rows.clip(0, 1499), columns.clip(0, 1499)].reshape(1000, 1000).astype(float)

    samples = sample_source(source, mask, to_pixel, ScratchArrays(None))

    coarse = turned.reshape(500, 2, 500, 2).mean(axis=(1, 3))
    at = (samples.points // 2).astype(int)
    assert len(at) > 400
    assert np.abs(samples.values[0] - coarse[at[:, 1], at[:, 0]]).mean() < 6 < samples.values.std() / 5
