"""What a drawing of many frames costs the bucket, and all others who look at maps."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import rasterio
from cogmill.mapserver.request_budget import ABANDONED_S, LOOK_S, STALE_S
from rasterio.io import MemoryFile

from bench.getmap.range_server import Whole, running
from demo.stack import Stack
from demo.stack.role import role_variables
from demo.stack.settings import Mount
from demo.stack.temporary_stack import temporary_stack
from tests.system.many_frames import QUEUED, TAKEN, ManyFrames, busy, slow_frames, workers
from tests.system.probes import PNG, ask, put_mapfile, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SIDE = 30
"""Rows and columns: 900 frames."""


BUDGET_S = 5
"""Seconds for one map; all frames of the slow server together take three times as long and more."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_stack(mount=Mount.S3FS, mapserver_timeout=BUDGET_S) as running:
        yield running


@pytest.fixture(scope="module")
def many(stack: Stack) -> ManyFrames:
    frames = ManyFrames(stack, 15)
    frames.publish()
    return frames


@pytest.fixture(scope="module")
def slow(stack: Stack) -> Iterator[ManyFrames]:
    with slow_frames(stack, SIDE) as frames:
        yield frames


def cost(many: ManyFrames, collection: str, column: int) -> Counter[str]:
    """Count the requests of one drawing of nine frames that no worker has seen, by what they are for."""
    # First one frame elsewhere: the mapfile is in s3fs' cache then, as it is on a host that is looked at.
    wait_until(lambda: ask(many.stack, many.query(1, row=9, collection=collection)).content.startswith(PNG), 20)
    before = len(many.requests())
    assert ask(many.stack, many.query(3, column=column, collection=collection)).content.startswith(PNG)
    kinds = Counter[str]()
    for method, path in many.requests()[before:]:
        kinds["COG" if "/cog/" in path else "beside the mapfile" if "_index" in path else f"{method} mapfile"] += 1
    return kinds


def test_a_frame_that_is_drawn_costs_the_requests_of_its_cog_alone(many: ManyFrames) -> None:
    old = re.sub(r"(?m)^ *SHAPEPATH .*\n", "", many.mapfile())
    put_mapfile(many.stack, "without_shapepath", old.encode())

    without, now = cost(many, "without_shapepath", 0), cost(many, many.collection, 10)

    print(f"requests for nine frames: {dict(without)} without SHAPEPATH, {dict(now)} with it")
    assert without["beside the mapfile"] > 0, "the look that is to be avoided is seen when it happens"
    assert now["beside the mapfile"] == 0
    assert now["COG"] <= 2 * 9


def slowest_of_small_ones(slow: ManyFrames) -> float:
    """Ask for as many small windows as there are workers, all at a time."""

    def one(column: int) -> float:
        begun = time.monotonic()
        assert ask(slow.stack, slow.query(2, column=column, row=20)).content.startswith(PNG)
        return time.monotonic() - begun

    with ThreadPoolExecutor() as people:
        return max(people.map(one, range(0, 2 * slow.stack.settings.mapserver_workers, 2)))


def abandon(slow: ManyFrames) -> None:
    """Ask for all frames, and go away after a moment."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(
            f"{slow.stack.settings.front_url}/wms/?{slow.query(SIDE)}",
            timeout=httpx.Timeout(0.5, connect=10),
            trust_env=False,
        )


def test_map_that_takes_too_long_is_answered_in_time_with_a_sentence(slow: ManyFrames) -> None:
    begun = time.monotonic()

    answer = ask(slow.stack, slow.query(SIDE))

    assert BUDGET_S - 1.1 <= time.monotonic() - begun < BUDGET_S + 4
    assert (answer.status_code, answer.headers["retry-after"]) == (504, "5")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text == f"This map was not drawn within {BUDGET_S} seconds. Zoom in, or ask for a smaller part.\n"
    assert wait_until(lambda: busy(slow.stack) == 0, 20) < 5


@pytest.mark.parametrize("people", [1, 3, 6])
def test_all_workers_are_free_soon_after_people_who_looked_at_everything_have_left(
    slow: ManyFrames, people: int
) -> None:
    count = slow.stack.settings.mapserver_workers
    wait_until(lambda: busy(slow.stack) == 0, 20)
    with ThreadPoolExecutor() as crowd:
        list(crowd.map(abandon, [slow] * people))
    taken = busy(slow.stack)

    free = wait_until(lambda: busy(slow.stack) == 0, 30)
    small = slowest_of_small_ones(slow)

    print(
        f"{people} abandoned drawings of {SIDE**2} frames: all {count} workers free after {free:.1f} s, then {small:.2f} s"
    )
    assert taken >= 1
    assert free < ABANDONED_S + 4 + (STALE_S + 2) * ((people - 1) // count)
    assert small < BUDGET_S


def kill_all_workers(stack: Stack) -> None:
    wait_until(lambda: len(workers(stack)) == stack.settings.mapserver_workers, 10)
    for worker in workers(stack):
        worker.kill()


def test_who_waits_gets_a_map_although_all_workers_are_killed_as_soon_as_they_have_started(slow: ManyFrames) -> None:
    stack, count = slow.stack, slow.stack.settings.mapserver_workers
    wait_until(lambda: busy(stack) == 0, 20)
    assert ask(stack, slow.query(1, column=20, row=25)).content.startswith(PNG)
    for _ in range(5):
        kill_all_workers(stack)
    wait_until(lambda: len(workers(stack)) == count, 10)
    for worker in workers(stack):
        worker.suspend()
    with ThreadPoolExecutor() as people:
        waiting = [people.submit(ask, stack, slow.query(1, column=column, row=25)) for column in range(count)]
        wait_until(lambda: busy(stack, QUEUED) == count, 10)
        kill_all_workers(stack)

    assert [one.result().text for one in waiting if not one.result().content.startswith(PNG)] == []
    assert stack.supervisor.states()["mapserv"] == "RUNNING"


def test_map_whose_worker_was_killed_is_answered_with_a_sentence(slow: ManyFrames) -> None:
    stack = slow.stack
    wait_until(lambda: busy(stack) == 0, 20)
    ask(stack, slow.query(SIDE))  # then it is known that it costs much
    wait_until(lambda: busy(stack) == 0, 20)
    with ThreadPoolExecutor() as people:
        drawn = people.submit(ask, stack, slow.query(SIDE))
        wait_until(lambda: busy(stack, TAKEN) == 1, 10)
        for worker in workers(stack, "mapserv-costly"):
            worker.kill()

    answer = drawn.result()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.text == "The drawing of this map was interrupted. Try again in a few seconds.\n"


NOISE_PX = 1800
"""Side of a picture that no compression makes smaller: far larger than what nginx and the sockets hold."""
NOISE_MAP = """
MAP
  NAME "NOISE" STATUS ON SIZE 100 100 EXTENT 0 0 1800 1800 UNITS METERS MAXSIZE 4096
  PROJECTION "init=epsg:3857" END
  OUTPUTFORMAT NAME "png" DRIVER "AGG/PNG" MIMETYPE "image/png" EXTENSION "png" IMAGEMODE RGBA END
  WEB
    METADATA
      "wms_title" "noise" "wms_srs" "EPSG:3857" "wms_enable_request" "GetCapabilities GetMap"
      "wms_onlineresource" "http://127.0.0.1/wms/?map=/mapfiles/noise.map&"
    END
  END
  LAYER
    NAME "noise" TYPE RASTER STATUS ON DATA "/vsicurl/{address}/noise.tif"
    METADATA "wms_title" "noise" END
  END
END
"""


@pytest.fixture(scope="module")
def noise(stack: Stack) -> Iterator[str]:
    pixels = np.random.default_rng(1).integers(0, 256, (3, NOISE_PX, NOISE_PX), np.uint8)
    shape = {"width": NOISE_PX, "height": NOISE_PX, "count": 3, "dtype": "uint8", "crs": "EPSG:3857"}
    with MemoryFile() as file:
        with file.open(driver="GTiff", **shape, transform=rasterio.Affine(1, 0, 0, 0, -1, NOISE_PX)) as picture:
            picture.write(pixels)
        body = Whole(bytes(file.getbuffer()))
    with running(lambda _: body, 0) as (_, address):
        put_mapfile(stack, "noise", NOISE_MAP.format(address=address).encode())
        words = f"&LAYERS=noise&STYLES=&SRS=EPSG:3857&BBOX=0,0,{NOISE_PX},{NOISE_PX}&WIDTH={NOISE_PX}&HEIGHT={NOISE_PX}"
        query = f"map=/mapfiles/noise.map&SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&FORMAT=image/png{words}"
        wait_until(lambda: ask(stack, query).content.startswith(PNG), 20)
        yield f"{stack.settings.front_url}/wms/?{query}"


def slow_reader() -> httpx.Client:
    """Return a client whose socket takes little at a time."""
    transport = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)])
    return httpx.Client(transport=transport, timeout=30, trust_env=False)


def test_picture_that_is_on_its_way_is_not_cut_although_its_time_is_over(stack: Stack, noise: str) -> None:
    wait_until(lambda: busy(stack) == 0, 20)
    httpx.get(noise, timeout=30, trust_env=False)  # now it is known for quick
    with slow_reader() as client, client.stream("GET", noise) as answer:
        parts = answer.iter_bytes(1 << 16)
        begun = next(parts)
        time.sleep(role_variables()["__mapserver_quick"] + 3 * LOOK_S)
        assert busy(stack, TAKEN) == 1, "the worker still has most of the picture"
        picture = begun + b"".join(parts)

    assert rasterio.MemoryFile(picture).open(driver="PNG").read().shape == (4, NOISE_PX, NOISE_PX)


def test_who_gets_half_of_a_picture_is_told_so(stack: Stack, noise: str) -> None:
    wait_until(lambda: busy(stack) == 0, 20)
    with slow_reader() as client, client.stream("GET", noise) as answer:
        parts = answer.iter_bytes(1 << 16)
        begun = next(parts)
        wait_until(lambda: busy(stack, TAKEN) == 1, 5)
        for name in ("mapserv", "mapserv-costly"):
            for worker in workers(stack, name):
                worker.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            print(len(begun + b"".join(parts)))

    wait_until(lambda: len(workers(stack)) == stack.settings.mapserver_workers, 10)
    assert httpx.get(noise, timeout=30, trust_env=False).content.endswith(b"IEND\xaeB`\x82")


def test_every_worker_has_one_watch_and_none_is_left_over(slow: ManyFrames) -> None:
    abandon(slow)
    wait_until(lambda: busy(slow.stack) == 0, 30)
    counts = {
        "mapserv": slow.stack.settings.mapserver_workers,
        "mapserv-costly": slow.stack.settings.mapserver_costly_workers,
    }

    for name, count in counts.items():
        for program in ("/mapserv", "/python3"):
            wait_until(
                lambda name=name, program=program, count=count: len(workers(slow.stack, name, program)) == count, 10
            )
