"""The frames of the benchmark: one real COG of 7,200 px under many keys, each with its own position in its header."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import rasterio
from cogmill.cog.profiles import default_profile
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.geo import Bounds3857
from cogmill.domain.model import Bands, Collection, Product

from bench.getmap.range_server import Body
from bench.inputs import INPUTS, make

FORWARD, SIDE = 0.4, 0.7
"""Distance of two frames of a strip and of two strips, as a share of a frame: 60 % and 30 % overlap."""

SHAPE = 1.75
"""Frames of a strip for each strip: this many make a survey about square on the ground."""

NAME = re.compile(r"(?:[^/]+/)+cog/[^/]*_(\d+)-(\d+)\.[0-9a-f]{12}\.tif")
"""Key of a frame; roll and number are row and column."""

TIEPOINT = struct.Struct("<2d")


@dataclass(frozen=True, slots=True)
class Original:
    """The COG that stands for all frames."""

    path: Path
    digest: str
    """First digits of its hash, as keys hold them."""
    width: int
    height: int
    """Pixels."""
    side_px: int
    """Side of the frame before its warp, pixels."""
    gsd_m: float
    """Size of a pixel in EPSG:3857 meters."""
    west: float
    north: float
    """Its corner in EPSG:3857 meters."""
    footprint: str
    """Outline of its valid pixels, WKB as hexadecimal digits."""
    outline_margin_m: float
    """How far from the outline its valid pixels may differ from it, EPSG:3857 meters."""


def build_original(folder: Path, scale: float = 1.0) -> Original:
    """Build the COG with the product's engine from a gray UTM frame, once; later calls find it in the folder."""
    source = make(INPUTS[0], folder, scale)
    cog, facts = source.with_suffix(".cog.tif"), source.with_suffix(".facts.json")
    if not facts.exists():
        with Engine(Limits(), threads=2) as engine:
            profile = default_profile(Bands.BW, Product.FRAMES)
            built = engine.build(source, cog, bands=Bands.BW, profile=profile, provenance={}, area=None)
        assert built.outline_margin_m, "the frame is made without holes"
        with rasterio.open(cog) as image:
            west, north = image.transform.c, image.transform.f
        original = Original(
            path=cog,
            digest=built.sha256[:12],
            width=built.width,
            height=built.height,
            side_px=round(INPUTS[0].width * scale),
            gsd_m=built.gsd_m,
            west=west,
            north=north,
            footprint=built.footprint_wkb.hex(),
            outline_margin_m=built.outline_margin_m,
        )
        facts.write_text(json.dumps({**asdict(original), "path": str(cog)}), encoding="utf-8")
    known = json.loads(facts.read_text(encoding="utf-8"))
    return Original(**{**known, "path": cog})


@dataclass(frozen=True)
class Survey:
    """A collection of so many frames, in strips from north to south."""

    original: Original
    frames: int

    @property
    def collection(self) -> Collection:
        """Its name in the archive."""
        return Collection(f"Bench{self.frames}", "USDA", "1951", Product.FRAMES)

    @cached_property
    def columns(self) -> int:
        """Frames of a strip."""
        return math.ceil(math.sqrt(self.frames * SHAPE))

    @property
    def rows(self) -> int:
        """Strips."""
        return math.ceil(self.frames / self.columns)

    @property
    def step(self) -> tuple[float, float]:
        """From one frame to the next to the east, and from one strip to the next to the south, EPSG:3857 meters."""
        size_m = self.original.gsd_m * self.original.side_px
        return size_m * FORWARD, size_m * SIDE

    def key(self, row: int, column: int) -> str:
        """Where a frame lies in the bucket."""
        return f"{self.collection.prefix(Bands.BW)}cog/06-15-51_{row:03d}-{column:03d}.{self.original.digest}.tif"

    def places(self) -> Iterator[tuple[int, int, Bounds3857]]:
        """Yield row, column and rectangle of every frame."""
        one, (east, south) = self.original, self.step
        for number in range(self.frames):
            row, column = divmod(number, self.columns)
            west, north = one.west + column * east, one.north - row * south
            yield row, column, Bounds3857(west, north - one.height * one.gsd_m, west + one.width * one.gsd_m, north)

    @property
    def extent(self) -> Bounds3857:
        """Rectangle around all frames."""
        one, (east, south) = self.original, self.step
        across, down = one.width * one.gsd_m, one.height * one.gsd_m
        columns = min(self.columns, self.frames)
        return Bounds3857(
            one.west, one.north - (self.rows - 1) * south - down, one.west + (columns - 1) * east + across, one.north
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """A COG with another position in its header."""

    data: bytes
    patch: bytes
    at: int
    """Where the patch stands."""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def read(self, first: int, end: int) -> bytes:
        """Return the bytes from `first` up to and without `end`."""
        part = self.data[first:end]
        if end <= self.at or self.at + len(self.patch) <= first:
            return part
        head = bytearray(self.data[: max(end, self.at + len(self.patch))])
        head[self.at : self.at + len(self.patch)] = self.patch
        return bytes(head[first:end])


class Frames:
    """Every frame of every survey, from one body in memory."""

    def __init__(self, original: Original) -> None:
        """Read the original.

        Raises:
            ValueError: Its position does not stand in its header exactly once.
        """
        self.original = original
        self.data = original.path.read_bytes()
        written = TIEPOINT.pack(original.west, original.north)
        self.at = self.data.find(written)
        if self.at < 0 or self.data.find(written, self.at + 1) >= 0:
            raise ValueError(f"{original.path}: no single position in the header")
        self.step = Survey(original, 1).step

    def __call__(self, path: str) -> Body | None:
        """Return the frame under a key, which may follow the name of a bucket; None when it is none."""
        found = NAME.fullmatch(path)
        if found is None:
            return None
        (east, south), row, column = self.step, int(found[1]), int(found[2])
        place = self.original.west + column * east, self.original.north - row * south
        return Moved(self.data, TIEPOINT.pack(*place), self.at)
