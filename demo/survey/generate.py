"""Make every file of a survey, once: a folder with the right manifest is not made again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from demo.survey.export import EXPORTS, TILES, save, write
from demo.survey.film_scan import Photo, render_scan
from demo.survey.landscape import AUSTIN, Landscape, Place
from demo.survey.manifest import Item, Manifest
from demo.survey.plan import Shot, shots

SIDE = 1000
"""Pixels along one side of a photograph when nothing else is asked for."""
GSD = 2.0
"""EPSG:3857 units per pixel of a photograph over Austin with `SIDE` pixels; larger ones, and those of other places, show as much ground."""
SEED = 1951


def generate(
    folder: Path, side: int = SIDE, seed: int = SEED, say: Callable[[str], None] = print, place: Place = AUSTIN
) -> Manifest:
    """Return the survey in a folder, making it when it is not there.

    Args:
        folder: Where the files go; an older survey in it is removed.
        side: Pixels along one side of a photograph, up to 7200.
        seed: Chooses the landscape.
        say: Called with a line of progress per file.
        place: Where it is flown.
    """
    fingerprint = f"{_code()} {side} {seed} {place}"
    present = Manifest.load(folder, fingerprint)
    if present:
        say(f"the survey in {folder} is up to date")
        return present
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    gsd = GSD * SIDE / side * AUSTIN.shrink / place.shrink
    todo = shots(_landscape(seed, gsd, place), side, gsd)
    items: list[Item] = []
    # neighbours share painted ground, so each process takes a run of them
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        make = partial(_make, folder=folder, seed=seed, gsd=gsd, place=place)
        for number, made in enumerate(pool.map(make, todo, chunksize=max(1, len(todo) // (2 * workers))), 1):
            items += made
            say(f"{number}/{len(todo)} {made[0].key}")
    manifest = Manifest(folder, seed, gsd, items, place)
    manifest.save(fingerprint)
    return manifest


@cache
def _landscape(seed: int, step: float, place: Place) -> Landscape:
    return Landscape(seed, step, place)


def _make(shot: Shot, *, folder: Path, seed: int, gsd: float, place: Place) -> list[Item]:
    """Take one photograph and write its frame and its scan."""
    crs = CRS.from_epsg(shot.epsg)
    bands = 1 if shot.bands == "bw" else 3
    landscape = _landscape(seed, gsd, place)
    label = f"{shot.folder.split('/')[-2].replace('_', ' ')}  {shot.name.rpartition('.')[0]}"
    photo = shot.photo
    if shot.collar:
        pixels, grid, outline = render_scan(landscape, photo, crs, bands, label), photo.grid(crs), photo.outline(crs)
    else:
        pixels, grid, outline = _paper(landscape, photo, crs, bands)
    collection_id = shot.folder.replace("/", "_").lower()
    prefix = f"{shot.bands}/{shot.folder}"
    file = f"{prefix}/georef/{shot.name}".replace("/", "__")
    if shot.reason:
        save(folder / file, pixels, transform=grid, **TILES)
    else:
        write(folder / file, pixels, grid, crs, EXPORTS[shot.export])
    key = f"{prefix}/georef/{shot.name}"
    items = [Item(key, file, collection_id, bands, [] if shot.reason else outline, photo.gsd, shot.reason)]
    if shot.scan:
        scan = f"{prefix}/scanned/{shot.scan}"
        save(folder / scan.replace("/", "__"), pixels, compress="jpeg" if bands == 1 else "deflate")
        items.append(Item(scan, scan.replace("/", "__"), collection_id, bands, [], photo.gsd))
    return items


def _paper(
    landscape: Landscape, photo: Photo, crs: CRS, bands: int
) -> tuple[NDArray[np.uint8], Affine, list[tuple[float, float]]]:
    """A sheet without collar: the photographed area alone."""
    grid = photo.grid(crs) @ Affine.translation(photo.collar, photo.collar)
    return landscape.sample(grid, crs, (photo.side, photo.side), bands), grid, photo.outline(crs)


@cache
def _code() -> str:
    """Return a digest of the programs that make surveys."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
