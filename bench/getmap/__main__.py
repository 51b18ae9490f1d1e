"""Measure GetMap over collections of 10 to 10,000 frames: `python -m bench.getmap`, as root, about half an hour.

Frames of 7,200 px lie behind a byte-range server that is as late as S3 (20 ms), are put into a ledger and published by the
program itself, and are asked for at eight scales, cold and warm, by one client and by eight. Beside ours: MapServer with the
plain tile index, titiler with MosaicJSON, and GDAL's GTI. Writes `bench/results/getmap/getmap.json`, the tables of docs/maps.md and
its plot. `--frames` and `--parts` measure some of it: what else an earlier run has measured stays in the results and the tables.
`--quick` takes a minute and writes neither page nor plot.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from bench.getmap import report, rivals
from bench.getmap.frames import Survey
from bench.getmap.measure import Asker, Candidate, Measured
from bench.getmap.pictures import SCALES, WHOLE, Window, windows
from bench.getmap.served import Workers
from bench.getmap.stage import Stage, open_stage

RESULTS = Path(__file__).parents[1] / "results" / "getmap"
SIZES = (10, 100, 1_000, 10_000)
CLIENTS, CROWD = 8, 24
"""Clients at a time, and pictures they ask for."""

PARTS = ("ours", "crowd", "index", "mosaic", "gti")
"""What can be measured: our service by one client and by several, MapServer's tile index, titiler with MosaicJSON, GDAL's GTI."""

SAMPLES, BUDGET_S = 20, 8.0
"""Pictures of one kind that are asked for one by one, cold and warm, and seconds that this may take: for ours."""

RIVAL_SAMPLES, RIVAL_BUDGET_S = 6, 4.0

HOPELESS_S = 10.0
"""A candidate that took so long is not asked for the same scale of larger surveys."""

WORKERS = 4
"""MapServer's processes while several clients ask."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured of each survey."""

    samples: int
    """Pictures of one kind of our own service, one by one."""
    parts: frozenset[str]
    """Of `PARTS`."""


def main() -> int:
    """Measure, print the tables, and write them unless it was to be quick."""
    chosen = arguments()
    if chosen.prepare:
        prepare(chosen.frames)
        return 0
    results = RESULTS / ("quick.json" if chosen.quick else "getmap.json")
    plan = Plan(3 if chosen.quick else SAMPLES, frozenset(chosen.parts))
    rows = [] if chosen.quick else report.read(results)
    for new in measured(chosen.frames, plan, rows):
        kinds = {(row.candidate, row.frames, row.clients) for row in new}
        rows[:] = [*new, *(row for row in rows if (row.candidate, row.frames, row.clients) not in kinds)]
        results.write_text(report.as_json(rows), encoding="utf-8")
    print(report.tables(rows))
    if not chosen.no_page:
        report.write("getmap", report.tables(rows))
        rivals.plot(rivals.environment(), results, report.PLOT)
    return 0


def arguments() -> argparse.Namespace:
    """Return what is to be done."""
    parser = argparse.ArgumentParser(prog="python -m bench.getmap", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="10 and 100 frames, three pictures of each kind, ours alone"
    )
    parser.add_argument("--frames", type=int, nargs="+", default=list(SIZES), help="sizes of the surveys")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what is measured of each")
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="build the cells of the surveys, so that the next run only measures, and end",
    )
    parser.add_argument("--no-page", action="store_true", help="leave docs/maps.md and its plot as they are")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.frames, chosen.parts, chosen.no_page = [10, 100], ["ours", "crowd"], True
    return chosen


def prepare(sizes: Sequence[int]) -> None:
    """Publish surveys of all sizes once; their cells stay in the folder."""
    with open_stage(RESULTS) as stage:
        for size in sizes:
            begun = time.monotonic()
            stage.publish(Survey(stage.original, size))
            say(f"{size} frames published in {time.monotonic() - begun:.0f} s")


def measured(sizes: Sequence[int], plan: Plan, known: Sequence[Measured]) -> Iterator[list[Measured]]:
    """Measure surveys of all sizes; yield what is new, and see what comes of it in `known` afterwards."""
    with open_stage(RESULTS) as stage:
        stage.publish(Survey(stage.original, 1))
        for size in sizes:
            survey = Survey(stage.original, size)
            begun = time.monotonic()
            stage.publish(survey)
            say(f"{size} frames published in {time.monotonic() - begun:.0f} s")
            yield list(mapserver(stage, survey, plan, known))
            yield list(others(stage, survey, plan, known))


def mapserver(stage: Stage, survey: Survey, plan: Plan, known: Sequence[Measured]) -> Iterator[Measured]:
    """Measure our service of a survey, and the one of its tile index alone."""
    if not plan.parts & {"ours", "crowd", "index"}:
        return
    plain = stage.publish_plain(survey)
    with Workers(stage.stack, 1, stage.endpoint) as workers:

        def asker(name: str, mapfile: str) -> Asker:
            def forget() -> None:
                workers.renew()
                # the worker is there and has its connections: what is measured is the map, not the start of a process
                first = Survey(stage.original, 1).collection
                address = stage.url(first.id, first.service_name, middle(stage))
                with ThreadPoolExecutor() as crowd, httpx.Client(trust_env=False, timeout=60) as client:
                    list(crowd.map(client.get, [address] * (3 * workers.count - 2)))

            layer = survey.collection.service_name
            candidate = Candidate(name, lambda window: stage.url(mapfile, layer, window), forget, workers.memory)
            return Asker(candidate, survey.frames, stage.address)

        product = asker(report.OURS, survey.collection.id)
        for scale in [*SCALES, WHOLE] if "ours" in plan.parts else ():
            yield from told(product.one_by_one(scale, list(windows(survey, scale, plan.samples)), BUDGET_S))
        if "index" in plan.parts:
            yield from rival(asker("MapServer, tile index", plain), survey, known)
        workers.count = WORKERS
        for scale in [*SCALES, WHOLE] if "crowd" in plan.parts else ():
            yield from told(product.side_by_side(scale, list(windows(survey, scale, CROWD, seed=8)), CLIENTS))


def others(stage: Stage, survey: Survey, plan: Plan, known: Sequence[Measured]) -> Iterator[Measured]:
    """Measure titiler with MosaicJSON, and with GDAL's GTI."""
    bucket = stage.stack.settings.bucket
    for part, name, kind in (("mosaic", "titiler, MosaicJSON", "mosaic"), ("gti", "GDAL GTI", "file")):
        if part not in plan.parts:
            continue
        python = rivals.environment()
        write = rivals.write_gti if part == "gti" else partial(rivals.write_mosaic, python)
        source = write(survey, bucket, RESULTS)
        with rivals.titiler(python, stage.address.partition("://")[2], RESULTS / f"{kind}.log") as server:

            def url(window: Window, server: rivals.Titiler = server, kind: str = kind, source: Path = source) -> str:
                return server.url(kind, source, window)

            candidate = Candidate(name, url, server.forget, server.memory)
            yield from rival(Asker(candidate, survey.frames, stage.address), survey, known)


def rival(asker: Asker, survey: Survey, known: Sequence[Measured]) -> Iterator[Measured]:
    """Measure another candidate, but not where it took too long with fewer frames."""
    name = asker.candidate.name
    for scale in [*SCALES, WHOLE]:
        fewer = [row for row in known if (row.candidate, row.scale) == (name, scale) and row.frames < survey.frames]
        if any(row.p50 > HOPELESS_S for row in fewer):
            continue
        yield from told(asker.one_by_one(scale, list(windows(survey, scale, RIVAL_SAMPLES)), RIVAL_BUDGET_S))


def middle(stage: Stage) -> Window:
    """Return a picture of the survey of one frame."""
    return next(windows(Survey(stage.original, 1), SCALES[0], 1))


def told(rows: Sequence[Measured]) -> Sequence[Measured]:
    """Print what was measured, as it comes."""
    for row in rows:
        state = "cold" if row.cold else "warm"
        say(
            f"{row.candidate:22} {row.frames:6} {report.scale_name(row.scale):12} {row.clients} {state} {len(row.seconds):2} x"
            f" {row.p50:6.2f} {row.p95:6.2f} s {row.cogs:6.1f} COGs {row.requests:7.1f} requests {row.sent / 1e6:6.2f} MB"
            f" {row.memory / 1e6:5.0f} MB{f' FAILED {row.failed}' if row.failed else ''}"
        )
    return rows


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
