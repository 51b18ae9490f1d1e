"""Spoil good uploads at random but repeatably: `python -m bench.mutations --count 2000`.

Each must end as a verified COG or rejected with a reason. The reader may crash: that ends its own process and nothing else. All
codecs that libtiff has here are among the sources.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands
from numpy.typing import NDArray
from osgeo import gdal, osr

Samples = NDArray[np.uint8]

LIMIT_S = 10
"""Seconds that one spoiled upload may take, of CPU and of the clock."""

BILEVEL = {"CCITTRLE", "CCITTFAX3", "CCITTFAX4"}
"""Codecs of one bit."""

KINDS = ("cut", "flip", "header", "header", "directory", "directory", "insert", "remove", "noise", "zero", "paste")
"""Ways to spoil a file; some are tried twice as often."""


@dataclass(slots=True)
class Outcome:
    """What became of spoiled uploads."""

    ends: Counter[str] = field(default_factory=Counter)
    """How often each end was met: `verified`, a reason, or an error that must not be."""
    slowest_s: float = 0.0
    most_bytes: int = 0
    """Highest resident memory of a worker."""

    @property
    def wrong(self) -> dict[str, int]:
        """Ends that must not be."""
        return {end: count for end, count in self.ends.items() if end not in {"verified", *Reason}}

    @property
    def text(self) -> str:
        """One line."""
        counts = ", ".join(f"{end} {count}" for end, count in self.ends.most_common())
        total, most = self.ends.total(), self.most_bytes >> 20
        return f"{total} mutations: {counts}; slowest {self.slowest_s:.1f} s, at most {most} MiB, wrong ends {sum(self.wrong.values())}"


def codecs() -> list[str]:
    """Return the codecs that GTiff can write here."""
    options = gdal.GetDriverByName("GTiff").GetMetadataItem("DMD_CREATIONOPTIONLIST")
    found = re.search(r"name='COMPRESS'.*?</Option>", options, re.DOTALL)
    return re.findall(r"<Value>(\w+)</Value>", found[0]) if found else []


def sources(folder: Path) -> list[tuple[Bands, bytes]]:
    """Return good uploads: one of each codec, and other layouts, masks, systems and band counts."""
    gray, color = picture(1), picture(3)
    alpha = np.full(gray.shape, 255, np.uint8)
    alpha[:, :60] = 0
    layouts: list[tuple[Samples, list[str], int]] = [
        (gray // 128, ["NBITS=1", f"COMPRESS={codec}"], 3857)
        if codec in BILEVEL
        else (gray, [f"COMPRESS={codec}", "TILED=YES"], 26914)
        for codec in codecs()
        if codec != "WEBP"
    ]
    layouts += [
        (color, ["COMPRESS=WEBP", "WEBP_LOSSLESS=YES"], 3857),
        (color, ["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", "TILED=YES"], 26914),
        (color, ["BIGTIFF=YES", "INTERLEAVE=BAND"], 3857),
        (color, ["ENDIANNESS=BIG", "COMPRESS=DEFLATE"], 4326),
        (gray, ["COMPRESS=LZW", "PREDICTOR=2", "BLOCKYSIZE=7"], 3857),
        (np.concatenate([gray, alpha]), ["ALPHA=YES", "COMPRESS=ZSTD"], 26914),
        (gray, ["PHOTOMETRIC=MINISWHITE"], 4326),
    ]
    found = []
    for data, options, epsg in layouts:
        bands = Bands.NC if len(data) == 3 else Bands.BW  # noqa: PLR2004 - red, green, blue
        found.append((bands, write(folder / "good.tif", data, options, epsg)))
    return found


def picture(bands: int) -> Samples:
    """Return soft noise with shapes, shape (bands, 500, 450)."""
    rng = np.random.default_rng(1951)
    coarse = rng.integers(40, 200, (bands, 32, 29)).repeat(16, 1).repeat(16, 2)[:, :500, :450]
    return np.clip(coarse + rng.normal(0, 4, coarse.shape), 0, 255).astype(np.uint8)


def write(path: Path, data: Samples, options: list[str], epsg: int) -> bytes:
    """Return the bytes of a GeoTIFF, rotated where its system is no map's."""
    bands, rows, columns = data.shape
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), columns, rows, bands, gdal.GDT_Byte, options)
    srs = osr.SpatialReference()
    srs.ImportFromEPSG(epsg)
    dataset.SetSpatialRef(srs)
    grids = {
        4326: (-97.75, 1e-5, 0, 30.27, 0, -1e-5),
        26914: (620_000, 0.998, 0.05, 3_350_000, 0.05, -0.998),
        3857: (-10_881_745, 1, 0, 3_539_044, 0, -1),
    }
    dataset.SetGeoTransform(grids[epsg])
    dataset.WriteArray(data if bands > 1 else data[0])
    dataset.FlushCache()
    del dataset
    return path.read_bytes()


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return a spoiled copy: cut, flipped bits anywhere or in the directory, inserted, removed, noise, zeros, pasted."""
    spoiled = bytearray(content)
    kind = rng.choice(KINDS)
    at, size = rng.randrange(len(spoiled)), rng.randrange(1, 3000)
    if kind == "cut":
        del spoiled[at:]
    elif kind in {"flip", "header", "directory"}:
        reach = {"flip": len(spoiled), "header": 64, "directory": 700}[kind]
        for _ in range(rng.randrange(1, 30)):
            spoiled[rng.randrange(min(reach, len(spoiled)))] ^= 1 << rng.randrange(8)
    elif kind == "insert":
        spoiled[at:at] = rng.randbytes(size)
    elif kind == "remove":
        del spoiled[at : at + size]
    else:
        length = len(spoiled[at : at + size])
        put = {"noise": rng.randbytes(length), "zero": bytes(length)}
        spoiled[at : at + size] = put.get(kind, content[:length])
    return bytes(spoiled)


def spoil(count: int, folder: Path, first: int = 0) -> Outcome:
    """Build `count` spoiled uploads, seeds from `first` on, and return what became of them."""
    good, outcome = sources(folder), Outcome()
    with Engine(Limits(wall_s=LIMIT_S, cpu_s=LIMIT_S), scratch=folder) as engine:
        for seed in range(first, first + count):
            rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
            bands, content = good[seed % len(good)]
            source = folder / "spoiled.tif"
            source.write_bytes(mutate(content, rng))
            began = time.monotonic()
            outcome.ends[_end(engine, source, bands, outcome)] += 1
            outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - began)
            outcome.most_bytes = max(outcome.most_bytes, _peak_of(engine))
    return outcome


def _end(engine: Engine, source: Path, bands: Bands, outcome: Outcome) -> str:
    """Build one upload, and return how that ended."""
    target, profile = source.with_suffix(".out"), PROFILES[bands.value]
    try:
        cog = engine.build(source, target, bands=bands, profile=profile, provenance={}, area=None)
    except InvalidFrameError as err:
        return str(err.reason) if err.detail else f"{err.reason} without detail"
    except Exception as err:  # noqa: BLE001 - any other end is what is looked for
        return f"{type(err).__name__}: {err}"[:200]
    outcome.most_bytes = max(outcome.most_bytes, cog.peak_rss)
    return "verified"


def _peak_of(engine: Engine) -> int:
    """Return the highest resident memory of the running worker, bytes; 0 when there is none."""
    status = Path(f"/proc/{engine._worker.pid}/status") if engine._worker else None  # noqa: SLF001 - it has no public name
    return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 if status and status.exists() else 0


def main() -> None:
    """Spoil as many as asked, print what became of them, and fail when one ended as it must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cogmill-mutations-") as folder:
        outcome = spoil(asked.count, Path(folder), asked.first)
    print(outcome.text)
    for end, count in outcome.wrong.items():
        print(f"wrong: {count} x {end}")
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
