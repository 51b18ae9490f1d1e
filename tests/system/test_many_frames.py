"""What a drawing of many frames costs the bucket."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from demo.stack.private import private_stack

from demo.stack.settings import Mount
from tests.system.many_frames import COLLECTION, ManyFrames
from tests.system.probes import PNG, ask, put_mapfile, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SIDE = 30
"""Rows and columns: 900 frames."""


@pytest.fixture(scope="module")
def many() -> Iterator[ManyFrames]:
    with private_stack(mount=Mount.S3FS) as stack:
        frames = ManyFrames(stack, SIDE)
        frames.publish()
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

    without, now = cost(many, "without_shapepath", 0), cost(many, COLLECTION, 10)

    print(f"requests for nine frames: {dict(without)} without SHAPEPATH, {dict(now)} with it")
    assert without["beside the mapfile"] > 0, "the look that is to be avoided is seen when it happens"
    assert now["beside the mapfile"] == 0
    assert now["COG"] <= 2 * 9
