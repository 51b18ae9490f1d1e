"""Runs in a scratch environment, without pytest: builds a COG from an upload, in the worker process of an installed Cogmill."""

from __future__ import annotations

import sys
from pathlib import Path

from cogmill.cog.profiles import PROFILES
from cogmill.cog.sandbox.engine import Engine
from cogmill.cog.sandbox.limits import Limits
from cogmill.domain.model import Bands

if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    with Engine(Limits()) as engine:
        built = engine.build(source, target, bands=Bands.BW, profile=PROFILES["bw"], provenance={}, area=None)
    sys.stdout.write(f"{built.sha256}\n")
