"""A stack whose archive lies below a prefix of its bucket: map hosts see its mapfiles alone, and strangers what it publishes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from cogmill.domain.public_keys import CATALOG_PAGE, SERVICES
from cogmill.mapserver.urls import download_url
from cogmill.pipeline.public_files import update_public_files

from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack
from tests.small_archive import TRAVIS, SmallArchive
from tests.system import strangers
from tests.system.probes import ask
from tests.system.stack_archive import archive_of, first_frame_on_the_map

pytestmark = pytest.mark.system

FOREIGN = "mapfiles/theirs.map"


@pytest.fixture(scope="module", params=["s3fs", "sync"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with temporary_stack(prefix="county/aerials", mount=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def archive(stack: Stack) -> Iterator[SmallArchive]:
    """One frame on the map, beside a mapfile that is not ours."""
    stack.s3_client().put_object(Bucket=stack.settings.bucket, Key=FOREIGN, Body=b"MAP END")
    with archive_of(stack) as archive:
        archive.upload_real(1)
        archive.run()
        update_public_files(archive.archive, TRAVIS.id)
        yield archive


def test_map_hosts_draw_it_and_see_no_mapfile_of_others(stack: Stack, archive: SmallArchive) -> None:
    drawn = first_frame_on_the_map(stack)

    assert np.all(drawn[..., 3] == 255)
    assert drawn[..., 0].std() > 5, "a photograph, and no empty picture"
    assert [path.name for path in stack.paths.mapfiles.iterdir()] == [f"{TRAVIS.id}.map"]
    assert ask(stack, "map=/mapfiles/theirs.map&SERVICE=WMS&REQUEST=GetCapabilities").status_code == 404


def test_strangers_get_what_is_published_and_nothing_of_others(stack: Stack, archive: SmallArchive) -> None:
    base = archive.archive.settings.public_url

    found = strangers.crawl([download_url(base, key) for key in (SERVICES, CATALOG_PAGE)], (base,))

    assert base.endswith("/county/aerials")
    assert {url: status for url, status in found.items() if status != 200} == {}
    assert [url for url in found if url.endswith(".tif")]
    assert strangers.ask(f"{stack.settings.s3_url}/{stack.settings.bucket}/{FOREIGN}") == 403
