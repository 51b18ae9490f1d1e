"""`python -m demo.survey --out DIR --side 1000`: make a survey without uploading it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from demo.survey.generate import SEED, SIDE, generate

LARGEST = 7200
"""Pixels of a 9 inch photograph scanned at 800 dpi."""


def main() -> None:
    """Make one survey."""
    parser = argparse.ArgumentParser(prog="python -m demo.survey", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files; what is in it is replaced")
    parser.add_argument("--side", type=int, default=SIDE, help=f"pixels along one side, 200 to {LARGEST}")
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    if not 200 <= chosen.side <= LARGEST:
        parser.error(f"--side must be between 200 and {LARGEST}, not {chosen.side}")
    begun = time.monotonic()
    survey = generate(chosen.out, chosen.side, chosen.seed)
    print(f"{len(survey.items)} files in {chosen.out}, {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
