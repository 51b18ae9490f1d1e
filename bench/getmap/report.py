"""The tables of docs/maps.md, from the results."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.getmap.measure import LIMIT_S, Measured
from bench.getmap.pictures import SCALES, WHOLE

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "maps.md"
PLOT = ROOT / "docs" / "images" / "getmap.png"
OURS = "Cogmill"
NAMES = (OURS, "MapServer, tile index", "titiler, MosaicJSON", "GDAL GTI")
BARS = {True: 0.5, False: 0.25}
"""Seconds that 95 of 100 of our pictures may take, cold and warm."""


def scale_name(scale: int) -> str:
    """Return a scale as people write it."""
    return "whole extent" if scale == WHOLE else f"1:{scale:,}"


def as_json(rows: Sequence[Measured]) -> str:
    """Return all that was measured."""
    told = [
        {**{name: getattr(row, name) for name in Measured.__slots__}, "p50": row.p50, "p95": row.p95} for row in rows
    ]
    order = [*SCALES, WHOLE]
    return json.dumps({"order": order, "scales": {scale: scale_name(scale) for scale in order}, "rows": told}, indent=1)


def read(results: Path) -> list[Measured]:
    """Return what earlier runs have measured."""
    if not results.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["rows"]
    return [Measured(**{name: row[name] for name in Measured.__slots__}) for row in rows]


def tables(rows: Sequence[Measured]) -> str:
    """Return the tables as Markdown."""
    alone = [row for row in rows if row.clients == 1]
    crowd = [row for row in rows if row.clients > 1]
    lines = [*_ours(alone), "", *_crowd(crowd)]
    for frames in sorted({row.frames for row in alone}, reverse=True):
        lines += ["", *_comparison(alone, frames)]
    return "\n".join(lines)


def _comparison(rows: Sequence[Measured], frames: int) -> Iterator[str]:
    """Yield the table of all candidates over one survey, one client."""
    asked = [row for row in rows if row.frames == frames]
    names = [name for name in NAMES if any(row.candidate == name for row in asked)]
    yield f"{frames:,} frames, one client: seconds cold / warm (median), and requests and MB of a cold picture."
    yield ""
    yield "| scale | " + " | ".join(names) + " |"
    yield "|---|" + "---|" * len(names)
    for scale in [*SCALES, WHOLE]:
        cells = [_both(rows, name, frames, scale) for name in names]
        yield f"| {scale_name(scale)} | " + " | ".join(cells) + " |"
    memory = {name: max((row.memory for row in asked if row.candidate == name), default=0) for name in names}
    yield "| memory of a process, highest | " + " | ".join(f"{memory[name] / 1e6:.0f} MB" for name in names) + " |"


def _both(rows: Sequence[Measured], name: str, frames: int, scale: int) -> str:
    cold, warm = (_find(rows, name, frames, scale, cold=cold) for cold in (True, False))
    if cold is None or warm is None:
        return "not asked"
    if cold.failed == len(cold.seconds):
        return f"none within {min(cold.p50, LIMIT_S):.0f} s; {cold.requests:.0f} requests"
    return f"{cold.p50:.2f} / {warm.p50:.2f} s; {cold.requests:.0f}; {cold.sent / 1e6:.1f} MB"


def _ours(rows: Sequence[Measured]) -> Iterator[str]:
    """Yield the table of our own pictures over all sizes."""
    sizes = sorted({row.frames for row in rows})
    yield "Cogmill, one client: 95th percentile cold / warm in seconds; most COGs opened and most requests of a picture."
    yield ""
    yield (
        "| scale | "
        + " | ".join(f"{size:,} frames" for size in sizes)
        + f" | {sizes[-1]:,} / {sizes[0]:,}: median cold, warm; cold from as many COGs |"
    )
    yield "|---|" + "---|" * (len(sizes) + 1)
    for scale in [*SCALES, WHOLE]:
        pairs = [[_find(rows, OURS, size, scale, cold=cold) for cold in (True, False)] for size in sizes]
        cells = [
            f"{cold.p95:.2f} / {warm.p95:.2f}; {cold.most_cogs}; {cold.most_requests}" if cold and warm else ""
            for cold, warm in pairs
        ]
        ratios = [
            f"{last.p50 / first.p50:.2f}" for first, last in zip(pairs[0], pairs[-1], strict=True) if first and last
        ]
        alike = _alike(pairs[0][0], pairs[-1][0])
        yield f"| {scale_name(scale)} | " + " | ".join(cells) + f" | {', '.join(ratios)}; {alike} |"


def _alike(few: Measured | None, many: Measured | None) -> str:
    """Return how much longer pictures of the larger survey take than those of the smaller one that open as many COGs.

    At the edge of a survey fewer frames lie over each other, and of ten frames most lie there.
    """
    if few is None or many is None:
        return ""
    took = [dict[int, list[float]](), dict[int, list[float]]()]
    for found, row in zip(took, (few, many), strict=True):
        for opened, seconds in zip(row.opened, row.seconds, strict=True):
            found.setdefault(opened, []).append(seconds)
    both = took[0].keys() & took[1].keys()
    if not both:
        return "none"
    weights = {opened: min(len(found[opened]) for found in took) for opened in both}
    first, last = (sum(weights[opened] * statistics.median(found[opened]) for opened in both) for found in took)
    return f"{last / first:.2f}"


def _crowd(rows: Sequence[Measured]) -> Iterator[str]:
    """Yield the table of many clients at a time."""
    if not rows:
        return
    sizes = sorted({row.frames for row in rows})
    yield f"Cogmill, {rows[0].clients} clients at a time: median and 95th percentile in seconds, cold, then warm."
    yield ""
    yield "| scale | " + " | ".join(f"{size:,} frames" for size in sizes) + " |"
    yield "|---|" + "---|" * len(sizes)
    for scale in [*SCALES, WHOLE]:
        cells = []
        for size in sizes:
            found = [_find(rows, OURS, size, scale, cold=cold) for cold in (True, False)]
            cells.append(", ".join(f"{row.p50:.2f} / {row.p95:.2f}" for row in found if row))
        yield f"| {scale_name(scale)} | " + " | ".join(cells) + " |"


def _find(rows: Sequence[Measured], name: str, frames: int, scale: int, *, cold: bool) -> Measured | None:
    wanted = (name, frames, scale, cold)
    return next((r for r in rows if (r.candidate, r.frames, r.scale, r.cold) == wanted), None)


def write(section: str, text: str) -> None:
    """Put tables between the marks of a section of the page."""
    marks = re.compile(rf"(<!-- {section}: .*? -->\n).*?(<!-- /{section} -->)", re.DOTALL)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(marks.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page), encoding="utf-8")
