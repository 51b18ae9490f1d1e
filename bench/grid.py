"""Measures what `grid: web` costs and gains: `python -m bench.grid`.

The same frame once in its own resolution and once on the web-mercator zoom grid: size and time of the COG, and what
MapServer needs to draw it tile by tile, as web maps ask for it, at the frame's own zoom level and at the next coarser one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import resource
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

from cogmill.cog.profiles import PROFILES, Grid
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.warp.target_grid import WEB_EXTENT_M
from cogmill.domain.model import Bands
from cogmill.mapserver.cgi import DraftServer, MapServerRunner, serve_draft
from osgeo import gdal

from bench.engine import RESULTS
from bench.inputs import INPUTS, make

TILE_PX = 256
TILES = 16

MAPFILE = """MAP
  SIZE 256 256
  EXTENT -1 -1 1 1
  PROJECTION
    "init=epsg:3857"
  END
  OUTPUTFORMAT
    NAME "png"
    DRIVER "AGG/PNG"
    MIMETYPE "image/png"
    IMAGEMODE RGBA
    TRANSPARENT ON
  END
  WEB
    METADATA
      "ows_title" "grid"
      "ows_enable_request" "*"
      "ows_srs" "EPSG:3857"
      "ows_onlineresource" "http://localhost/"
    END
  END
  LAYER
    NAME "frame"
    STATUS ON
    TYPE RASTER
    DATA "%s"
    PROJECTION
      "init=epsg:3857"
    END
    PROCESSING "RESAMPLE=AVERAGE"
    PROCESSING "OVERSAMPLE_RATIO=3"
  END
END
"""
"""One COG without a tile index, drawn as the services draw theirs."""


Tile = tuple[int, int, float]
"""Column, row and side in meters."""

NOWHERE: Tile = (0, 0, 1000.0)
"""A tile without any of the frame: drawing it costs the start of the program and nothing else."""


def tiles_of(cog: Path, zoom: int, count: int) -> list[Tile]:
    """Return tiles from the middle of a frame.

    Args:
        cog: The frame.
        zoom: Level of the web-mercator pyramid.
        count: How many.
    """
    info = gdal.Open(str(cog))
    west, size, _, north, _, _ = info.GetGeoTransform()
    x, y = west + size * info.RasterXSize / 2, north - size * info.RasterYSize / 2
    side = 2 * WEB_EXTENT_M / 2**zoom
    column, row = int((x + WEB_EXTENT_M) / side), int((WEB_EXTENT_M - y) / side)
    across = math.isqrt(count)
    return [(column + n % across, row + n // across, side) for n in range(count)]


def drawing_s(served: Mapping[Grid, DraftServer], tiles: Sequence[Tile], rounds: int) -> dict[Grid, float]:
    """Return the CPU seconds MapServer needs per tile, program start excluded.

    Mostly the program starts, so of the same tile the cheapest round counts, and the frames take turns.
    """
    costs: dict[tuple[Grid, Tile], list[float]] = defaultdict(list)
    for _, tile, grid in product(range(rounds), (NOWHERE, *tiles), served):
        costs[grid, tile].append(_tile_s(served[grid], tile))
    return {
        grid: statistics.fmean(min(costs[grid, tile]) for tile in tiles) - min(costs[grid, NOWHERE]) for grid in served
    }


def _tile_s(served: DraftServer, tile: Tile) -> float:
    column, row, side = tile
    west, north = column * side - WEB_EXTENT_M, WEB_EXTENT_M - row * side
    box = ",".join(f"{value:.9f}" for value in (west, north - side, west + side, north))
    how: dict[str, str | int] = {"version": "1.1.1", "srs": "EPSG:3857", "styles": "", "format": "image/png"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    served.expect("image/png", request="GetMap", layers="frame", bbox=box, width=TILE_PX, height=TILE_PX, **how)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def build(source: Path, grid: Grid, rounds: int) -> tuple[Path, dict[str, Any]]:
    """Build the frame on a grid."""
    profile = dataclasses.replace(PROFILES["bw"], grid=grid)
    cog = RESULTS / f"grid_{grid.value}.tif"
    with Engine(Limits(), threads=os.cpu_count() or 1) as engine:
        built = [
            engine.build(source, cog, bands=Bands.BW, profile=profile, provenance={}, area=None) for _ in range(rounds)
        ]
    facts = {"size": built[0].size, "width": built[0].width, "height": built[0].height}
    return cog, {**facts, "cpu_s": min(each.cpu_s for each in built)}


def draw(cogs: Mapping[Grid, Path], zooms: Sequence[int], rounds: int) -> dict[Grid, dict[str, float]]:
    """Draw the middle of both frames tile by tile."""
    runner = MapServerRunner({"PROJ_NETWORK": "OFF"})
    with ExitStack() as stack:
        served = {grid: stack.enter_context(serve_draft(MAPFILE % cog.resolve(), runner)) for grid, cog in cogs.items()}
        costs = {zoom: drawing_s(served, tiles_of(cogs[Grid.WEB], zoom, TILES), rounds) for zoom in zooms}
    return {grid: {f"tile_z{zoom}_s": costs[zoom][grid] for zoom in zooms} for grid in cogs}


def main() -> None:
    """Measure, print and write `results/grid.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--zoom", type=int, default=18, help="level that the web grid of the inputs falls on")
    chosen = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    source = make(INPUTS[0], RESULTS, chosen.scale)
    built = {grid: build(source, grid, chosen.rounds) for grid in Grid}
    drawn = draw({grid: cog for grid, (cog, _) in built.items()}, (chosen.zoom, chosen.zoom - 1), chosen.rounds)
    found = {grid.value: built[grid][1] | drawn[grid] for grid in Grid}
    (RESULTS / "grid.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    for name, each in found.items():
        print(name, ", ".join(f"{key} {value:.4g}" for key, value in each.items()))
    web, native = found["web"], found["native"]
    print("web / native: " + ", ".join(f"{key} {web[key] / native[key]:.2f}" for key in web))


if __name__ == "__main__":
    main()
