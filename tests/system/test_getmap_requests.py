"""What a GetMap of 512 px asks the bucket for, counted at the store: few COGs, few requests, and nothing twice, at any scale.

Only counts are judged, never seconds; `bench/getmap` measures those. The frames are those of the benchmark, smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cogmill.overviews.grid import MOST_FRAMES, resolution

from bench.getmap.frames import Survey
from bench.getmap.measure import Asker, Candidate, Measured
from bench.getmap.pictures import OGC_PIXEL_M, WHOLE, Window, windows
from bench.getmap.served import Workers
from bench.getmap.stage import Stage, open_stage

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

FRAMES = 300
MOST_COGS, MOST_REQUESTS = 12, 30
PLACES = 3
SMALL = 0.15
"""Frames of 1,080 px, about as wide in their finest overview."""

FULL = 1.0
"""Frames of 7,200 px: whole rows of blocks are a request each, so these are the ones that cost most."""

FULL_FRAMES = 60
MOST_SEEN = 7
"""Frames that are seen in one picture, at most; up to 13 touch it."""
DENSEST = (5_000, 10_600, 10_800, 17_000)
"""Scales at which most blocks of 7,200 px are met: just before COGs are read from their next level, and before overviews begin."""


@dataclass(frozen=True)
class Service:
    """The service of some frames, asked by one client of one worker."""

    stage: Stage
    survey: Survey
    workers: Workers

    def measure(self, scale: int) -> list[Measured]:
        """Ask for pictures of one scale, each cold and warm."""
        candidate = Candidate("Cogmill", self.url, self.forget, self.workers.memory)
        asker = Asker(candidate, self.survey.frames, self.stage.address)
        return asker.one_by_one(scale, list(windows(self.survey, scale, PLACES)), budget_s=600)

    def url(self, window: Window) -> str:
        collection = self.survey.collection
        return self.stage.url(collection.id, collection.service_name, window)

    def forget(self) -> None:
        """Start the worker afresh, and let it draw something else."""
        self.workers.renew()
        first = Survey(self.stage.original, 1)
        (window,) = windows(first, 2_000, 1)
        httpx.get(
            self.stage.url(first.collection.id, first.collection.service_name, window), trust_env=False, timeout=60
        )


@pytest.fixture(scope="module")
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[int], Service]]:
    """Publish so many frames of the size that is the parameter, and serve them."""
    folder: Path = tmp_path_factory.mktemp("getmap")
    with (
        open_stage(folder, latency_s=0, scale=request.param) as stage,
        Workers(stage.stack, 1, stage.endpoint) as workers,
    ):
        stage.publish(Survey(stage.original, 1))

        def published(frames: int) -> Service:
            survey = Survey(stage.original, frames)
            stage.publish(survey)
            return Service(stage, survey, workers)

        yield published


def scales(service: Service) -> list[int]:
    """Return denominators from single pixels of the frames to the whole extent, with the two beside each switch of levels."""
    levels = service.stage.service(service.survey).overview_levels
    switches = [resolution(level) / OGC_PIXEL_M for level in levels]
    assert switches, "overviews are there"
    beside = [round(switch * factor) for switch in switches for factor in (0.99, 1.01, 3)]
    return [round(service.survey.original.gsd_m / OGC_PIXEL_M), *beside, WHOLE]


def judge(service: Service, scale: int) -> Measured:
    """Ask for pictures of one scale, and compare what they cost with what they may; return it."""
    cold, warm = service.measure(scale)
    print(
        f"1:{scale}: at most {cold.most_cogs} COGs, {cold.most_requests} requests, {cold.sent / 1e6:.2f} MB;"
        f" again: {warm.most_requests} requests"
    )
    assert (cold.failed, warm.failed) == (0, 0)
    assert 1 <= cold.most_cogs <= MOST_COGS
    assert cold.most_requests <= MOST_REQUESTS
    assert cold.repeated == 0, "nothing is asked for twice in one map"
    assert warm.most_requests == 0, "nothing is asked for that the worker has just read"
    return cold


@pytest.mark.parametrize("service", [SMALL], indirect=True)
def test_a_map_of_many_frames_opens_few_cogs_with_few_requests(service: Callable[[int], Service]) -> None:
    many = service(FRAMES)
    for scale in scales(many):
        judge(many, scale)


@pytest.mark.parametrize("service", [SMALL], indirect=True)
def test_a_map_of_the_whole_extent_of_few_frames_asks_each_once(service: Callable[[int], Service]) -> None:
    few = service(MOST_FRAMES)

    cold, warm = few.measure(WHOLE)

    assert few.stage.service(few.survey).overview_levels == ()
    assert cold.most_cogs == MOST_FRAMES
    assert cold.most_requests <= 2 * MOST_FRAMES
    assert warm.most_requests == 0


@pytest.mark.parametrize("service", [FULL], indirect=True)
def test_a_map_of_full_size_frames_opens_only_those_that_are_seen(service: Callable[[int], Service]) -> None:
    full = service(FULL_FRAMES)

    for scale in DENSEST:
        assert judge(full, scale).most_cogs <= MOST_SEEN
