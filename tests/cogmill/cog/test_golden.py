"""The bytes of COGs, remembered by build: a change of them must be meant, and raise the engine's version.

`python -m tests.cogmill.cog.test_golden` remembers those of the build it runs on.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from cogmill.cog.fingerprint import ENGINE_VERSION, gdal_version, opencv_version
from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.cog.source.crs import proj_version
from cogmill.domain.model import Bands

from tests.cogmill.cog.engine_scenes import colour, upload

GOLDEN = Path(__file__).with_name("golden.json")


def build_name() -> str:
    return f"engine {ENGINE_VERSION}, GDAL {gdal_version()}, PROJ {proj_version()}, OpenCV {opencv_version()}"


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of one frame's COG by profile."""
    sources = {
        Bands.BW: upload(folder / "bw.tif", colour(700, 1100)[0], degrees=3),
        Bands.NC: upload(folder / "nc.tif", colour(700, 1100), degrees=3),
    }
    found = {}
    with Engine(Limits()) as engine:
        for name, profile in PROFILES.items():
            bands = Bands.BW if name.startswith("bw") else Bands.NC
            target = folder / f"{name}.tif"
            cog = engine.build(sources[bands], target, bands=bands, profile=profile, provenance={}, area=None)
            found[name] = cog.sha256
    return found


def test_bytes_are_those_remembered_for_this_build(tmp_path):
    remembered = json.loads(GOLDEN.read_text())
    if build_name() not in remembered:
        pytest.skip(f"no bytes are remembered for {build_name()}; see {GOLDEN.name}")

    assert hashes(tmp_path) == remembered[build_name()]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        known = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        known[build_name()] = hashes(Path(scratch))
    GOLDEN.write_text(json.dumps(known, indent=1) + "\n")
