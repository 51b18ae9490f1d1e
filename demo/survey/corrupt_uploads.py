"""What goes wrong with uploads: one small function per defect, each of which writes one file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from demo.survey.export import DEFLATED, STRIPS, TILES, save
from demo.survey.film_scan import Photo, render_scan
from demo.survey.landscape import Landscape

BOMB_SIDE = 60_000
"""Pixels along one side."""
ALGERIA = (620_000.0, 3_350_000.0)
"""EPSG:3857: a place that comes out when Texan UTM coordinates are taken for web Mercator."""


@dataclass(slots=True)
class Film:
    """What a specimen is made from: one photograph of the ground, developed on demand."""

    landscape: Landscape
    photo: Photo
    crs: CRS

    @property
    def grid(self) -> Affine:
        """Pixel (column, row) to coordinates in `crs`."""
        return self.photo.grid(self.crs)

    def develop(self, bands: int) -> NDArray[np.uint8]:
        """Return the film with its collar, shape (bands, rows, columns)."""
        return render_scan(self.landscape, self.photo, self.crs, bands, "bad uploads")

    def inside(self) -> NDArray[np.uint8]:
        """Return 255 where the photograph is and 0 in the collar, shape (1, rows, columns)."""
        mask = np.zeros((1, self.photo.whole, self.photo.whole), dtype=np.uint8)
        low, high = self.photo.collar, self.photo.collar + self.photo.side
        mask[:, low:high, low:high] = 255
        return mask

    def save(self, path: Path, pixels: NDArray[Any], **options: Any) -> None:
        """Write pixels as a GeoTIFF at the film's place; options may leave the place out."""
        save(path, pixels, **{"transform": self.grid, "crs": self.crs, **TILES, **options})


def zero_bytes(path: Path, film: Film) -> None:
    """What a copy that never began leaves behind."""
    del film
    path.write_bytes(b"")


def text(path: Path, film: Film) -> None:
    """A note that somebody saved under the name of a frame."""
    del film
    path.write_text("The film of this frame is missing, see the index sheet.\n" * 40, encoding="ascii")


def truncated(path: Path, film: Film) -> None:
    """A copy that broke off."""
    film.save(path, film.develop(1), **DEFLATED)
    os.truncate(path, path.stat().st_size * 6 // 10)


def vrt(path: Path, film: Film) -> None:
    """A VRT that points at a real raster on this very machine, which a careless reader would open."""
    other = path.with_suffix(".other")
    film.save(other, film.develop(1))
    place, side = film.grid, film.photo.whole
    numbers = ", ".join(str(value) for value in place.to_gdal())
    path.write_text(
        f'<VRTDataset rasterXSize="{side}" rasterYSize="{side}"><SRS>{escape(film.crs.to_wkt())}</SRS>'
        f'<GeoTransform>{numbers}</GeoTransform><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="0">{escape(str(other))}</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>",
        encoding="utf-8",
    )


def no_crs(path: Path, film: Film) -> None:
    """An export without coordinate system."""
    film.save(path, film.develop(1), crs=None)


def no_geotransform(path: Path, film: Film) -> None:
    """A raster that names its coordinate system and no place in it."""
    film.save(path, film.develop(1), transform=None)


def grey(path: Path, film: Film) -> None:
    """One band."""
    film.save(path, film.develop(1))


def colour(path: Path, film: Film) -> None:
    """Three bands."""
    film.save(path, film.develop(3))


def deep(path: Path, film: Film) -> None:
    """A scan of 12 bits in samples of 16."""
    film.save(path, film.develop(1).astype(np.uint16) * 16)


def grey_palette(path: Path, film: Film) -> None:
    """Greys by way of a palette that runs from white to black."""
    film.save(path, 255 - film.develop(1))
    _set_palette(path, np.repeat(np.arange(255, -1, -1)[:, None], 3, axis=1))


def colour_palette(path: Path, film: Film) -> None:
    """256 colours, as old programs exported them."""
    picture = Image.fromarray(film.develop(3).transpose(1, 2, 0)).quantize(256, dither=Image.Dither.NONE)
    film.save(path, np.asarray(picture)[None])
    table = np.zeros((256, 3), dtype=int)
    colours = np.asarray(picture.getpalette("RGB")).reshape(-1, 3)
    table[: len(colours)] = colours
    _set_palette(path, table)


def grey_alpha(path: Path, film: Film) -> None:
    """Grey and alpha; the collar is transparent."""
    film.save(path, np.concatenate([film.develop(1), film.inside()]), alpha="yes")


def colour_alpha(path: Path, film: Film) -> None:
    """Colour and alpha; the collar is transparent."""
    film.save(path, np.concatenate([film.develop(3), film.inside()]), photometric="rgb", alpha="yes")


def infrared(path: Path, film: Film) -> None:
    """Four bands, the last of them near infrared, with values that would make holes if they were taken for alpha."""
    pixels = film.develop(3)
    film.save(path, np.concatenate([pixels, np.zeros_like(pixels[:1])]), photometric="rgb", alpha="no")
    with rasterio.open(path, "r+") as frame:
        frame.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]


def striped(path: Path, film: Film) -> None:
    """One row per strip, LZW."""
    save(path, film.develop(1), transform=film.grid, crs=film.crs, **STRIPS, blockysize=1, compress="lzw")


def small_tiles(path: Path, film: Film) -> None:
    """Tiles of 64 pixels in a big-endian BigTIFF."""
    film.save(path, film.develop(1), blockxsize=64, blockysize=64, BIGTIFF="YES", ENDIANNESS="BIG")


def planar(path: Path, film: Film) -> None:
    """Each colour in a plane of its own."""
    film.save(path, film.develop(3), interleave="band", **DEFLATED)


def black(path: Path, film: Film) -> None:
    """An unexposed frame."""
    film.save(path, np.zeros((1, film.photo.whole, film.photo.whole), dtype=np.uint8))


def bomb(path: Path, film: Film) -> None:
    """60,000 x 60,000 pixels, none of them stored."""
    size = {"width": BOMB_SIDE, "height": BOMB_SIDE, "count": 1, "dtype": "uint8", "SPARSE_OK": True}
    place = {"crs": film.crs, "transform": film.grid}
    with rasterio.open(path, "w", driver="GTiff", **size, **place, **DEFLATED):
        pass


def algeria(path: Path, film: Film) -> None:
    """A frame exported with the wrong coordinate system, which moves it across the ocean."""
    there = Affine.translation(*ALGERIA) @ Affine.scale(film.photo.gsd, -film.photo.gsd)
    film.save(path, film.develop(1), crs=CRS.from_epsg(3857), transform=there)


def _set_palette(path: Path, colours: NDArray[np.integer]) -> None:
    """Give a written file a palette, shape (256, 3)."""
    with rasterio.open(path, "r+") as frame:
        frame.write_colormap(1, {value: tuple(int(part) for part in entry) for value, entry in enumerate(colours)})
