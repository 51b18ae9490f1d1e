"""Draw seconds and requests over the scales, one line per way of serving; runs in the environment of `rivals.py`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

COLORS = {
    "Cogmill": "#0b6e4f",
    "MapServer, tile index": "#c1440e",
    "titiler, MosaicJSON": "#4059ad",
    "GDAL GTI": "#8a6d3b",
}


def main(results: Path, target: Path) -> None:
    """Draw cold pictures of one client for the largest survey of which others than ours were asked for the whole extent."""
    told = json.loads(results.read_text(encoding="utf-8"))
    rows = [row for row in told["rows"] if row["clients"] == 1 and row["cold"]]
    whole = [row["frames"] for row in rows if row["scale"] == told["order"][-1] and row["candidate"] != "Cogmill"]
    frames = max(whole or (row["frames"] for row in rows))
    names = [told["scales"][str(scale)] for scale in told["order"]]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for axis, column, label in (
        (axes[0], "p50", "seconds until the picture is there"),
        (axes[1], "requests", "requests to S3"),
    ):
        for name, color in COLORS.items():
            mine = {row["scale"]: row for row in rows if row["candidate"] == name and row["frames"] == frames}
            drawn = [
                (place, mine[scale][column])
                for place, scale in enumerate(told["order"])
                if scale in mine and not mine[scale]["failed"]
            ]
            if drawn:
                axis.plot(*zip(*drawn, strict=True), marker="o", color=color, label=name)
        axis.set_yscale("log")
        axis.set_ylabel(label)
        axis.set_xticks(range(len(names)), names, rotation=35, ha="right")
        axis.grid(visible=True, which="major", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.suptitle(f"A GetMap of 512 px over {frames:,} frames of 7,200 px, nothing read before, S3 20 ms away")
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
