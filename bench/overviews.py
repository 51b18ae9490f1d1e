"""Measure what the overviews of a collection cost: `python -m bench.overviews`, as root, about ten minutes.

Frames of 7,200 px, as in `bench.getmap`, without the latency of S3. Answers three questions: what are overviews of 100 and of
10,000 frames, what does one frame more cost in each, and what do many batches cost beside a single one. Writes
`bench/results/getmap/overviews.json` and the table of docs/maps.md. `--quick` takes 100 and 400 frames.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import time
from dataclasses import asdict, dataclass, replace

import psycopg
from cogmill.pipeline.publish import publish_mapfile, update_tile_index
from cogmill.pipeline.update_overviews import OverviewChange, plan_overviews, update_overviews

from bench.getmap import report
from bench.getmap.__main__ import RESULTS
from bench.getmap.frames import Survey
from bench.getmap.stage import Stage, open_stage

SIZES = (100, 10_000)
BATCHED, BATCHES = 1_000, 20
"""Frames that come in so many batches."""

FRAME_CPU_S = 2.9
"""CPU seconds that the program needs for a frame of 7,200 px that it warps, see docs/cog-engine.md."""

ONE_MORE = "one frame more"


@dataclass(frozen=True, slots=True)
class Cost:
    """One update of overviews."""

    what: str
    frames: int
    levels: list[int]
    built: int
    most_per_level: int
    """Cells built at the level that has most of them."""
    seconds: float
    cpu_s: float
    """Of all processes."""
    share: float
    """Bytes of all cells beside those of all frames."""


@dataclass(frozen=True)
class Growing(Survey):
    """A survey under a name of its own, however many of its frames are there."""

    name: str = ""

    @property
    def collection(self):  # noqa: ANN201
        """Its name in the archive."""
        return replace(super().collection, folder=self.name)


def main() -> int:
    """Measure, print the table, and write it unless it was to be quick."""
    parser = argparse.ArgumentParser(prog="python -m bench.overviews", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 and 400 frames")
    parser.add_argument("--plan", type=int, metavar="FRAMES", help="only plan the cells of so many frames, and end")
    chosen = parser.parse_args()
    if chosen.plan:
        with open_stage(RESULTS) as stage:
            plan(stage, chosen.plan)
        return 0
    sizes, batched, batches = ((100, 400), 200, 10) if chosen.quick else (SIZES, BATCHED, BATCHES)
    with open_stage(RESULTS) as stage:
        rows = [row for size in sizes for row in grown(stage, size)]
        rows += in_batches(stage, batched, batches)
    text = table(rows)
    print(text)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "overviews.json").write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    if not chosen.quick:
        report.write("overviews", text)
    return 0


def plan(stage: Stage, frames: int) -> None:
    """Publish so many frames, plan their cells, and print what that took."""
    survey = Growing(stage.original, frames, "Planned")
    stage.register(survey)
    begun = time.monotonic()
    publish(stage, survey)
    published = time.monotonic() - begun
    batches = plan_overviews(stage.archive, survey.collection.id)
    seconds, count = time.monotonic() - begun - published, sum(len(batch["cells"]) for batch in batches)
    print(
        f"{frames:,} frames: tile index and mapfile {published:.1f} s; {count:,} cells in {len(batches)} tasks {seconds:.1f} s"
    )
    print(f"highest memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def grown(stage: Stage, frames: int) -> list[Cost]:
    """Build the overviews of a collection, then add one frame in its middle."""
    survey = Growing(stage.original, frames, f"Grown{frames}")
    middle = survey.key(survey.rows // 2, survey.columns // 2)
    stage.register(survey)
    hold(stage, survey, f"cog_key = '{middle}'")
    publish(stage, survey)
    whole = update(stage, survey, "all", frames - 1)
    release(stage, survey, f"cog_key = '{middle}'")
    publish(stage, survey)
    return [whole, update(stage, survey, ONE_MORE, frames)]


def in_batches(stage: Stage, frames: int, batches: int) -> list[Cost]:
    """Build the overviews of the same frames at once, and in batches while the others wait."""
    once = Growing(stage.original, frames, "Once")
    stage.register(once)
    publish(stage, once)
    costs = [update(stage, once, "at once", frames)]
    survey, size = Growing(stage.original, frames, "Batched"), frames // batches
    stage.register(survey)
    hold(stage, survey, "true")
    parts = []
    for number in range(batches):
        keys = [
            survey.key(row, column) for row, column, _ in list(survey.places())[number * size : (number + 1) * size]
        ]
        release(stage, survey, f"cog_key IN ({', '.join(repr(key) for key in keys)})")
        publish(stage, survey)
        parts.append(update(stage, survey, f"batch {number + 1}", (number + 1) * size))
    total = replace(
        parts[-1],
        what=f"in {batches} batches",
        built=sum(part.built for part in parts),
        most_per_level=max(part.most_per_level for part in parts),
        seconds=sum(part.seconds for part in parts),
        cpu_s=sum(part.cpu_s for part in parts),
    )
    return [*costs, total]


def hold(stage: Stage, survey: Survey, which: str) -> None:
    """Let frames wait as if their COGs were still to be built."""
    _set_state(stage, survey, "arrived", which)


def release(stage: Stage, survey: Survey, which: str) -> None:
    """Let the COGs of frames be built."""
    _set_state(stage, survey, "built", which)


def _set_state(stage: Stage, survey: Survey, state: str, which: str) -> None:
    with psycopg.connect(stage.stack.dsn("owner"), autocommit=True) as ledger:
        text = f"UPDATE cogmill.frame SET state = '{state}' WHERE collection_id = '{survey.collection.id}' AND {which}"  # noqa: S608
        ledger.execute(text.encode())


def publish(stage: Stage, survey: Survey) -> None:
    """Do what a run does before its overviews."""
    update_tile_index(stage.archive, survey.collection.id)
    publish_mapfile(stage.archive, survey.collection.id)
    stage.analyze()


def update(stage: Stage, survey: Survey, what: str, frames: int) -> Cost:
    """Update the overviews of a collection and measure it."""
    before, begun, cpu = cells(stage, survey), time.monotonic(), cpu_s()
    change: OverviewChange = update_overviews(stage.archive, survey.collection.id)
    seconds, used = time.monotonic() - begun, cpu_s() - cpu
    after = cells(stage, survey)
    levels = [int(re.split("/", key)[2]) for key in after.keys() - before.keys()]
    most = max((levels.count(level) for level in set(levels)), default=0)
    share = sum(after.values()) / (frames * survey.original.path.stat().st_size)
    cost = Cost(what, frames, change.levels, change.built, most, seconds, used, share)
    print(cost, flush=True)
    return cost


def cells(stage: Stage, survey: Survey) -> dict[str, int]:
    """Return the bytes of the cells of a collection by their keys."""
    with psycopg.connect(stage.stack.dsn("owner"), autocommit=True) as ledger:
        text = "SELECT key, size FROM cogmill.overview WHERE collection_id = %s"
        return dict(ledger.execute(text, [survey.collection.id]).fetchall())


def cpu_s() -> float:
    """Return the CPU seconds of this process and of the processes it has ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def table(rows: list[Cost]) -> str:
    """Return the rows as a table of Markdown, and what follows from them."""
    lines = [
        "| overviews of | | levels | cells built | at most per level | seconds | CPU s | beside the CPU time of the frames | bytes beside the frames' |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        new = 1 if row.what == ONE_MORE else row.frames
        levels = ", ".join(map(str, row.levels))
        lines.append(
            f"| {row.frames:,} frames | {row.what} | {levels} | {row.built:,} | {row.most_per_level:,} | {row.seconds:.1f} | {row.cpu_s:.1f}"
            f" | {row.cpu_s / (new * FRAME_CPU_S):.1%} | {row.share:.2%} |"
        )
    more = [row.seconds for row in rows if row.what == ONE_MORE]
    once, parts = rows[-2:]
    ratio, batches = more[-1] / more[0], parts.cpu_s / once.cpu_s
    lines += ["", f"One frame more takes {ratio:.2f} times as long in the large collection as in the small one."]
    lines += [f"Batches cost {batches:.2f} times the CPU time of all frames at once."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
