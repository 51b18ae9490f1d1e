"""Good uploads, spoiled at random but repeatably: each ends as a verified COG or rejected with a reason.

The normal run takes 40 of them; `COGMILL_MUTATIONS=500` takes as many as a release needs.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import GIB, Limits
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.model import Bands

from tests.cogmill.cog.engine_scenes import colour, photograph, upload

COUNT = int(os.environ.get("COGMILL_MUTATIONS", "40"))
LIMIT_S = 10


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> list[tuple[Bands, bytes]]:
    folder = tmp_path_factory.mktemp("good")
    grey, alpha = photograph(500, 450), np.full((500, 450), 255, np.uint8)
    alpha[:60] = 0
    files = [
        (Bands.BW, upload(folder / "tiled.tif", grey, degrees=3)),
        (Bands.BW, upload(folder / "strips.tif", grey, epsg=3857, options=("COMPRESS=LZW", "PREDICTOR=2"))),
        (Bands.BW, upload(folder / "plain.tif", grey, epsg=4326, options=(), nodata=0)),
        (Bands.BW, upload(folder / "alpha.tif", np.stack([grey, alpha]), options=("ALPHA=YES", "COMPRESS=ZSTD"))),
        (Bands.BW, upload(folder / "mask.tif", grey, epsg=3857, mask=alpha)),
        (Bands.BW, upload(folder / "fax.tif", grey // 128, epsg=3857, options=("NBITS=1", "COMPRESS=CCITTFAX4"))),
        (Bands.NC, upload(folder / "jpeg.tif", colour(500, 450), options=("COMPRESS=JPEG", "PHOTOMETRIC=YCBCR", "TILED=YES"))),
        (Bands.NC, upload(folder / "big.tif", colour(300, 350), epsg=3857, options=("BIGTIFF=YES", "INTERLEAVE=BAND"))),
        (Bands.NC, upload(folder / "webp.tif", colour(300, 350), epsg=3857, options=("COMPRESS=WEBP", "WEBP_LOSSLESS=YES"))),
    ]  # fmt: skip
    return [(bands, path.read_bytes()) for bands, path in files]


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return a spoiled copy: cut, flipped bits anywhere or in the directory, inserted, removed, noise, zeros, pasted."""
    spoiled = bytearray(content)
    kind = rng.choice(
        ["cut", "flip", "header", "header", "directory", "directory", "insert", "remove", "noise", "zero", "paste"]
    )
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
    elif kind == "noise":
        spoiled[at : at + size] = rng.randbytes(len(spoiled[at : at + size]))
    elif kind == "zero":
        spoiled[at : at + size] = bytes(len(spoiled[at : at + size]))
    else:
        spoiled[at : at + size] = content[: len(spoiled[at : at + size])]
    return bytes(spoiled)


@pytest.mark.timeout(3600)
def test_ends_verified_or_rejected_when_an_upload_is_spoiled(good, tmp_path, record_property):
    ends: dict[str, int] = {}
    slowest = 0.0
    most = 0
    with Engine(Limits(wall_s=LIMIT_S, cpu_s=LIMIT_S)) as engine:
        for seed in range(COUNT):
            rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
            bands, content = good[rng.randrange(len(good))]
            source = tmp_path / "a.tif"
            source.write_bytes(mutate(content, rng))
            began = time.monotonic()
            try:
                profile = PROFILES[bands.value]
                cog = engine.build(source, tmp_path / "b.tif", bands=bands, profile=profile, provenance={}, area=None)
                end = "verified"
                most = max(most, cog.peak_rss)
            except InvalidFrameError as err:
                end = str(err.reason) if err.detail else f"{seed} without detail"
            ends[end] = ends.get(end, 0) + 1
            slowest = max(slowest, time.monotonic() - began)
            most = max(most, peak_of(engine))

    record_property("ends", f"{COUNT} mutations: {ends}, slowest {slowest:.1f} s, at most {most / 2**20:.0f} MiB")
    assert set(ends) <= {"verified", *Reason}
    assert slowest < LIMIT_S
    assert most < GIB


def peak_of(engine: Engine) -> int:
    """Return the highest resident memory of the running worker, bytes; 0 when there is none."""
    status = Path(f"/proc/{engine._worker.pid}/status") if engine._worker else None
    return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 if status and status.exists() else 0
