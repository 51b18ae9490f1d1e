"""The demo's survey as data: which photographs are taken where, and under which names staff drop them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from demo.survey.film_scan import Photo
from demo.survey.landscape import Landscape

FORWARD_OVERLAP, SIDE_OVERLAP = 0.6, 0.3
"""Share of a photograph that its neighbour along the line, and across lines, shows as well."""
FRAMES_PER_LINE, LINES = 4, 3
TURNS = (3.0, -4.5, 7.0, 1.5, -2.0, 5.5, -6.0, 2.5, -1.0, 4.0, -3.5, 6.5)
"""Degrees by which wind and pilot turned each photograph."""

TRAVIS = "Travis/USDA_1951"


@dataclass(frozen=True, slots=True)
class Shot:
    """A photograph to be taken, exported and dropped."""

    folder: str
    """Key up to the product, without bands: `Travis/USDA_1951/frames`."""
    bands: str
    """`bw` or `nc`."""
    name: str
    """File name below `georef/`."""
    photo: Photo
    epsg: int
    export: int
    """Which of `export.EXPORTS`."""
    scan: str = ""
    """File name below `scanned/`; empty when the scan was never uploaded."""
    collar: bool = True
    reason: str = ""
    """Expected rejection; such a frame loses its CRS."""


def shots(landscape: Landscape, side: int, gsd: float) -> list[Shot]:
    """Return everything the demo drops into the bucket.

    Args:
        landscape: Says where things are.
        side: Pixels along one side of a photograph.
        gsd: Pixel size in EPSG:3857 units.
    """
    return [
        *_flight(landscape, side, gsd),
        *_colour(landscape, side, gsd),
        *_without_roll(landscape, side, gsd),
        *_index_sheets(landscape, side, gsd),
        *_mosaic(landscape, side, gsd),
        *_stratmap(landscape, side, gsd),
    ]


def _flight(landscape: Landscape, side: int, gsd: float) -> Iterator[Shot]:
    """The black-and-white flight: three lines of four frames, and one more whose export went wrong."""
    ground = side * gsd * landscape.place.shrink
    along, across = ground * (1 - FORWARD_OVERLAP), ground * (1 - SIDE_OVERLAP)
    west, north = -1.5 * along, across
    # names with everything staff ever typed; the frame numbers run on
    odd = {2: "03-22-51_4-175.TIF", 5: "03-22-51_4-178.tiff", 7: "03-22-51_5-51 50% Süd+.tif"}
    for number in range(FRAMES_PER_LINE * LINES):
        line, place = divmod(number, FRAMES_PER_LINE)
        x, y = landscape.to_map(west + along * place, north - across * line)
        name = odd.get(number, f"03-22-51_{4 + line // 2}-{173 + number}.tif")
        photo = Photo(x, y, TURNS[number % len(TURNS)], side, gsd)
        stem = name.rpartition(".")[0]
        scan = "" if number == 9 else f"{stem}.{'TIF' if number % 4 == 1 else 'tif'}"
        yield Shot(f"{TRAVIS}/frames", "bw", name, photo, _system(landscape, number), number % 4, scan)
    x, y = landscape.to_map(0, 0)
    lost = Photo(x, y, 0, side // 2, gsd)
    yield Shot(f"{TRAVIS}/frames", "bw", "03-22-51_5-199.tif", lost, 3857, 0, reason="no_crs")


def _colour(landscape: Landscape, side: int, gsd: float) -> Iterator[Shot]:
    """Colour frames of the same flight under the very names of grey ones; they lie partly over them."""
    ground = side * gsd * landscape.place.shrink
    for number in range(2):
        x, y = landscape.to_map(1.1 * ground, 0.35 * ground - 0.8 * ground * number)
        photo = Photo(x, y, TURNS[number + 4], side, gsd)
        name = f"03-22-51_4-{173 + number}.tif"
        yield Shot(f"{TRAVIS}/frames", "nc", name, photo, _system(landscape, number), number, scan=name)


def _without_roll(landscape: Landscape, side: int, gsd: float) -> Iterator[Shot]:
    for number in range(2):
        x, y = landscape.to_map(-600 + 700 * number, -900)
        photo = Photo(x, y, TURNS[number + 6], side * 2 // 3, gsd)
        name = f"11-02-50_{17 + number}.tif"
        yield Shot("Hays/AMS_1950/frames", "bw", name, photo, _system(landscape, number + 1), number + 1, scan=name)


def _index_sheets(landscape: Landscape, side: int, gsd: float) -> Iterator[Shot]:
    """Two tiles of one sheet and a sheet with its resolution in the name; paper has no collar."""
    half = side // 2
    x, y = landscape.to_map(0, 300)
    step = half * gsd * 3
    sheets = {
        "USDA_1951_01_1.tif": (Photo(x - step / 2, y, 0, half, gsd * 3), "USDA_1951_01.tif"),
        "USDA_1951_01_2.tif": (Photo(x + step / 2, y, 0, half, gsd * 3), ""),
        "USDA_1951_02_300dpi.tif": (Photo(x, y - step, 0, half, gsd * 3), "USDA_1951_02_300dpi.tif"),
    }
    for name, (photo, scan) in sheets.items():
        yield Shot(f"{TRAVIS}/index", "bw", name, photo, 3857, 0, scan, collar=False)


def _mosaic(landscape: Landscape, side: int, gsd: float) -> Iterator[Shot]:
    x, y = landscape.to_map(0, 0)
    photo = Photo(x, y, 0, side * 2 // 3, gsd * 3)
    yield Shot("Travis/TxDOT_1985/mosaic", "nc", "mosaic_1.tif", photo, _system(landscape, 0), 3, collar=False)


def _stratmap(landscape: Landscape, side: int, gsd: float) -> Iterator[Shot]:
    for number in range(2):
        x, y = landscape.to_map(1900 + 600 * number, 1500)
        photo = Photo(x, y, TURNS[number + 8], side // 2, gsd)
        name = f"7_{12 + number}_01-29-96.tif"
        yield Shot(
            "StratMap/Travis/TNRIS_1996/frames", "nc", name, photo, _system(landscape, number), number, scan=name
        )


def _system(landscape: Landscape, number: int) -> int:
    """Return the EPSG code of a photograph: the systems of the place take turns."""
    return landscape.place.systems[number % len(landscape.place.systems)]
