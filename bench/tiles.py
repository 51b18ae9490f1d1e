"""Tiles under load: what one costs to draw, how many cached ones two cores serve, and how many of a public's requests are cached.

    python -m bench.tiles [--frames 300] [--seconds 20] [--clients 2]

The frames are those of `bench.getmap`, behind the whole stack: nginx with its gate, MapServer's workers, PostGIS, and the byte-range
server in place of S3. Clients, servers and database share the machine. Prints a table for docs/maps.md.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cogmill.overviews.grid import squares
from cogmill.public.tile_grid import finest_zoom

from bench.getmap.frames import Survey
from bench.getmap.served import ACCOUNT, changed
from bench.getmap.stage import Stage, open_stage
from demo.stack.paths import write_private
from demo.stack.programs import MAP_WORKERS

FOLDER = Path(__file__).parent / "results/getmap"
COARSEST_ZOOM = 9
DRAWN = 200
"""Tiles that are drawn one after the other, to see what each costs."""

TAGGED = 0.3
"""Share of requests of a public that has the tile already and asks whether it is still right."""


@dataclass
class Answers:
    """What became of some requests."""

    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    """HIT, MISS, 304, 204, or the status of anything else."""
    received: int = 0
    """Bytes of pictures."""

    def add(self, other: Answers) -> None:
        """Take in what another client has seen."""
        self.seconds += other.seconds
        self.outcomes += other.outcomes
        self.received += other.received

    def percentile(self, share: float) -> float:
        """Return so high a time in milliseconds."""
        return 1000 * sorted(self.seconds)[min(int(len(self.seconds) * share), len(self.seconds) - 1)]


class Client:
    """One connection that stays open."""

    def __init__(self, host: str, port: int) -> None:
        self.connection = http.client.HTTPConnection(host, port, timeout=30)
        self.answers = Answers()
        self.tags: dict[str, str] = {}

    def ask(self, path: str, *, tagged: bool = False) -> None:
        """Ask for a tile."""
        tag = self.tags.get(path) if tagged else None
        begun = time.perf_counter()
        self.connection.request("GET", path, headers={"If-None-Match": tag} if tag else {})
        answer = self.connection.getresponse()
        body = answer.read()
        self.answers.seconds.append(time.perf_counter() - begun)
        self.answers.received += len(body)
        self.answers.outcomes[answer.getheader("X-Cache") or str(answer.status)] += 1
        self.tags[path] = answer.getheader("ETag") or ""


def tiles(survey: Survey, service: str, suffix: str = ".png") -> list[str]:
    """Return the addresses of all tiles that a survey touches, coarse ones first."""
    found = []
    for zoom in range(COARSEST_ZOOM, finest_zoom(survey.original.gsd_m) + 1):
        columns, rows = squares(zoom, survey.extent)
        found += [f"/tiles/{service}/{zoom}/{x}/{y}{suffix}" for x in columns for y in rows]
    return found


def _look(port: int, paths: Sequence[str], seconds: float, tagged: float, seed: int) -> Answers:
    """Ask for tiles for some time, few places often and most seldom."""
    chosen, client, until = random.Random(seed), Client("127.0.0.1", port), time.monotonic() + seconds  # noqa: S311
    while time.monotonic() < until:
        path = paths[int(len(paths) * chosen.random() ** 3)]
        client.ask(path, tagged=chosen.random() < tagged)
    return client.answers


def crowd(port: int, paths: Sequence[str], seconds: float, clients: int, tagged: float = 0) -> Answers:
    """Let some clients, a process each, look at once."""
    work = [(port, paths, seconds, tagged, seed) for seed in range(clients)]
    total = Answers()
    with multiprocessing.get_context("spawn").Pool(clients) as pool:
        for answers in pool.starmap(_look, work):
            total.add(answers)
    return total


def _use_range_server(stage: Stage) -> None:
    """Let the stack's own workers read COGs where the benchmark has them."""
    config = stage.stack.paths.mapserver / "mapserver.conf"
    write_private(config, changed(config.read_text(encoding="utf-8"), stage.endpoint), ACCOUNT)
    stage.stack.supervisor.stop(list(MAP_WORKERS))
    stage.stack.supervisor.start(list(MAP_WORKERS))
    time.sleep(2)


def _draw(port: int, paths: Sequence[str]) -> Answers:
    client = Client("127.0.0.1", port)
    for path in paths:
        client.ask(path)
    return client.answers


def _line(what: str, answers: Answers, seconds: float) -> None:
    count, kinds = len(answers.seconds), answers.outcomes
    rate = f"{count / seconds:.0f}" if seconds else ""
    hits = 100 * (kinds["HIT"] + kinds["304"]) / count
    times = f"{1000 * statistics.median(answers.seconds):.1f} / {answers.percentile(0.95):.1f} / {answers.percentile(0.99):.1f}"
    print(
        f"| {what} | {count} | {rate} | {times} | {hits:.1f} % | {answers.received / count / 1000:.1f} | {dict(kinds)} |"
    )


def measure(stage: Stage, frames: int, seconds: float, clients: int) -> None:
    """Print the table."""
    survey, port = Survey(stage.original, frames), stage.stack.settings.mapserver_port
    stage.publish(survey)
    service = survey.collection.id
    paths = tiles(survey, service)
    random.Random(1951).shuffle(paths)  # noqa: S311 - places, not secrets
    print(f"{frames} frames, {len(paths)} tiles of zoom {COARSEST_ZOOM} to {finest_zoom(stage.original.gsd_m)}\n")
    print(
        "| what | requests | per second | ms: median / p95 / p99 | answered from memory | KB each | answers |\n|---|---|---|---|---|---|---|"
    )
    drawn = paths[:DRAWN]
    _line("drawn, PNG", _draw(port, drawn), 0)
    _line("drawn, JPEG", _draw(port, [path.replace(".png", ".jpg") for path in drawn]), 0)
    _line("drawn, PNG of 512 px", _draw(port, [path.replace(".png", "@2x.png") for path in drawn[:50]]), 0)
    _line("drawn, PNG, of the year", _draw(port, [path.replace(service, "archive/1951") for path in drawn]), 0)
    _line("the same 200, by one client", _draw(port, drawn), 0)
    _line(f"cached, {clients} clients", crowd(port, drawn, seconds, clients), seconds)
    _line(f"cached and asked for by ETag, {clients} clients", crowd(port, drawn, seconds, clients, tagged=1), seconds)
    _line(
        f"a public at all places, {clients} clients",
        crowd(port, paths, 3 * seconds, clients, tagged=TAGGED),
        3 * seconds,
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=2)
    chosen = parser.parse_args()
    with open_stage(FOLDER, latency_s=0.02, scale=0.5) as stage:
        _use_range_server(stage)
        measure(stage, chosen.frames, chosen.seconds, chosen.clients)


if __name__ == "__main__":
    main()
