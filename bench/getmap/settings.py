"""Try settings of GDAL and MapServer on pictures of frames: `python -m bench.getmap.settings`, as root, six minutes.

Each row of the table is one set of settings; pictures of 512 px at four scales are asked for cold and warm. `--long 3000` asks
instead for so many pictures at random places of 1,000 frames with some of the sets, and tells how the worker grows: for this other
work may go on beside. Each writes its table into docs/maps.md.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from bench.getmap import report
from bench.getmap.__main__ import RESULTS, middle, say
from bench.getmap.frames import Survey
from bench.getmap.measure import Asker, Candidate, Measured, quantile
from bench.getmap.pictures import windows
from bench.getmap.served import Workers, take
from bench.getmap.stage import Stage, open_stage

SCALES = (2_000, 5_000, 10_000, 17_000)
PLACES = 3
FRAMES = 100
BUDGET_S = 60.0

NOW: dict[str, str] = {}
"""What the product sets."""

WAS = {
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
    "CPL_VSIL_CURL_CACHE_SIZE": "64000000",
}
ALWAYS, THREE = "CLOSE_CONNECTION=ALWAYS", "OVERSAMPLE_RATIO=3"


@dataclass(frozen=True, slots=True)
class Setting:
    """One set of settings: differences to what the product sets."""

    name: str
    config: Mapping[str, str] = field(default_factory=dict)
    """Of MapServer's configuration."""
    processing: tuple[str, ...] = ()
    """Of the raster layer; each takes the place of the product's of the same name."""
    long: bool = False
    """It is one of those that many pictures are asked for."""


TRIED = (
    Setting("until now: close every COG, read three times as fine", WAS, (ALWAYS, THREE), long=True),
    Setting("read twice as fine", WAS, (ALWAYS, "OVERSAMPLE_RATIO=2")),
    Setting("read as fine as drawn", WAS, (ALWAYS, "OVERSAMPLE_RATIO=1")),
    Setting("read half as fine again", WAS, (ALWAYS,)),
    Setting("and no VSI_CACHE", {**WAS, "VSI_CACHE": "FALSE"}, (ALWAYS,)),
    Setting("and keep COGs open (DEFER): **chosen**", NOW, (), long=True),
    Setting("chosen, with VSI_CACHE", {"VSI_CACHE": "TRUE", "VSI_CACHE_SIZE": "5000000"}, (), long=True),
    Setting("chosen, 16 KB at open", {"GDAL_INGESTED_BYTES_AT_OPEN": "16384"}),
    Setting("chosen, 128 KB at open", {"GDAL_INGESTED_BYTES_AT_OPEN": "131072"}),
    Setting("chosen, 256 KB at open", {"GDAL_INGESTED_BYTES_AT_OPEN": "262144"}),
    Setting("chosen, 1 MB at open", {"GDAL_INGESTED_BYTES_AT_OPEN": "1048576"}),
    Setting("chosen, chunks of 128 KB", {"CPL_VSIL_CURL_CHUNK_SIZE": "131072"}),
    Setting("chosen, HTTP/2 multiplexing", {"GDAL_HTTP_VERSION": "2TLS", "GDAL_HTTP_MULTIPLEX": "YES"}),
    Setting("chosen, ranges one after another", {"GDAL_HTTP_MULTIRANGE": "SERIAL"}),
    Setting("chosen, ranges never merged", {"GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "NO"}),
    Setting("chosen, threads (GDAL_NUM_THREADS=4)", {"GDAL_NUM_THREADS": "4"}),
    Setting("chosen, 32 MB of blocks", {"GDAL_CACHEMAX": "32"}, long=True),
)


def main() -> int:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.getmap.settings", description=__doc__)
    parser.add_argument("--long", type=int, default=0, help="ask for so many pictures with some sets")
    parser.add_argument("--no-page", action="store_true", help="leave docs/maps.md as it is")
    chosen = parser.parse_args()
    if chosen.long:
        with open_stage(RESULTS, latency_s=0) as stage:
            stage.publish(survey := Survey(stage.original, 1_000))
            section, text = "getmap-memory", long_table(stage, survey, chosen.long)
    else:
        with open_stage(RESULTS) as stage:
            for frames in (1, FRAMES):
                stage.publish(Survey(stage.original, frames))
            section, text = "getmap-settings", table([(setting, measured(stage, setting)) for setting in TRIED])
    print(text)
    if not chosen.no_page:
        report.write(section, text)
    return 0


def measured(stage: Stage, setting: Setting) -> list[Measured]:
    """Ask for the pictures of one set, cold and warm."""
    survey, found = Survey(stage.original, FRAMES), []
    with serving(stage, survey, setting) as (candidate, _):
        asker = Asker(candidate, FRAMES, stage.address)
        for scale in SCALES:
            found += asker.one_by_one(scale, list(windows(survey, scale, PLACES)), BUDGET_S)
    say(row(setting, found))
    return found


@contextmanager
def serving(stage: Stage, survey: Survey, setting: Setting) -> Iterator[tuple[Candidate, Workers]]:
    """Serve the tile index of a survey by one worker with these settings."""
    mapfile = stage.publish_plain(survey, setting.processing)
    with Workers(stage.stack, 1, {**stage.endpoint, **setting.config}) as workers:

        def forget() -> None:
            workers.renew()
            first = Survey(stage.original, 1).collection
            httpx.get(stage.url(first.id, first.service_name, middle(stage)), trust_env=False)

        layer = survey.collection.service_name
        yield Candidate(setting.name, lambda window: stage.url(mapfile, layer, window), forget, workers.memory), workers


def table(rows: Sequence[tuple[Setting, Sequence[Measured]]]) -> str:
    """Return the table of all sets."""
    head = [
        "| settings | requests cold, warm | most | MB cold, warm | seconds cold: median, 95 % | seconds warm: median, 95 % |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(row(setting, found) for setting, found in rows)])


def row(setting: Setting, found: Sequence[Measured]) -> str:
    """Return one row of the table."""
    cold, warm = ([each for each in found if each.cold is state] for state in (True, False))
    requests, sent = (
        [statistics.mean(getattr(e, what) for e in each) for each in (cold, warm)] for what in ("requests", "sent")
    )
    spread = [[s for each in part for s in each.seconds] for part in (cold, warm)]
    seconds = [f"{statistics.median(each):.2f}, {quantile(each):.2f}" for each in spread]
    most = max(each.most_requests for each in cold)
    numbers = [
        f"{requests[0]:.1f}, {requests[1]:.1f}",
        f"{most}",
        f"{sent[0] / 1e6:.2f}, {sent[1] / 1e6:.2f}",
        *seconds,
    ]
    return f"| {setting.name} | {' | '.join(numbers)} |"


def long_table(stage: Stage, survey: Survey, count: int) -> str:
    """Return how a worker grows while many pictures are asked for, without latency and without the limit of its memory."""
    marks = [count // 30, count // 10, count // 3, count]
    lines = [
        f"Resident MB of one worker after so many pictures of 256 px at random places of {survey.frames:,} frames, and COGs read:",
        "",
        "| settings | " + " | ".join(f"{mark:,}" for mark in marks) + " | COGs |",
        "|---|" + "---|" * (len(marks) + 1),
    ]
    for setting in TRIED:
        if setting.long:
            lines.append(_grown(stage, survey, setting, marks))
            say(lines[-1])
    return "\n".join(lines)


def _grown(stage: Stage, survey: Survey, setting: Setting, marks: Sequence[int]) -> str:
    chosen, sizes, cogs = random.Random(7), [], 0  # noqa: S311 - places, not secrets
    with serving(stage, survey, setting) as (candidate, workers), httpx.Client(trust_env=False, timeout=30) as client:
        for number in range(1, marks[-1] + 1):
            (window,) = windows(survey, chosen.choice(SCALES), 1, seed=number)
            client.get(candidate.url(window.smaller(256))).raise_for_status()
            if number in marks:
                sizes.append(workers.memory())
                cogs += take(stage.address).objects
    return f"| {setting.name} | " + " | ".join(f"{size / 1e6:.0f}" for size in sizes) + f" | {cogs} |"


if __name__ == "__main__":
    sys.exit(main())
