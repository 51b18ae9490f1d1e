"""A stack with a bucket of its own for what is public: maps are drawn from its COGs, and strangers get that bucket's published files alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from cogmill.domain.model import Bands
from cogmill.domain.public_keys import CATALOG_PAGE, SERVICES, SITEMAP
from cogmill.mapserver.urls import download_url
from cogmill.pipeline.export import COMPILED, compile_indexes
from cogmill.pipeline.public_files import update_public_files

from demo.stack import Stack
from demo.stack.temporary_stack import temporary_stack
from tests.small_archive import TRAVIS, SmallArchive
from tests.system import strangers
from tests.system.stack_archive import archive_of, first_frame_on_the_map

pytestmark = pytest.mark.system

OPEN = "cogmill-open"
SCAN = f"{TRAVIS.prefix(Bands.BW)}scanned/03-22-51_4-1.tif"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_stack(public_bucket=OPEN) as running:
        yield running


@pytest.fixture(scope="module")
def archive(stack: Stack) -> Iterator[SmallArchive]:
    """One frame with its scan on the map, one scan without a frame, and all files for the public."""
    with archive_of(stack) as archive:
        archive.upload_real(1)
        archive.put(SCAN, b"a scan")
        archive.put(SCAN.replace("4-1", "4-9"), b"a scan without a frame")
        archive.run()
        compile_indexes(archive.archive)
        update_public_files(archive.archive, TRAVIS.id)
        yield archive


def test_the_map_is_drawn_from_the_public_bucket(stack: Stack, archive: SmallArchive) -> None:
    drawn = first_frame_on_the_map(stack)

    assert np.all(drawn[..., 3] == 255)
    assert drawn[..., 0].std() > 5, "a photograph, and no empty picture"
    ((location,),) = archive.sql("SELECT location FROM cogmill.tile_index")
    assert location.startswith(f"/vsis3/{OPEN}/bw/")


def test_strangers_get_every_published_address_and_no_upload(stack: Stack, archive: SmallArchive) -> None:
    base, closed = archive.archive.settings.public_url, f"{stack.settings.s3_url}/{stack.settings.bucket}"

    start = [download_url(base, key) for key in (SERVICES, CATALOG_PAGE, SITEMAP, f"{COMPILED}.geojson")]
    found = strangers.crawl(start, (base, stack.settings.s3_url))

    assert base == f"{stack.settings.s3_url}/{OPEN}"
    assert {url: status for url, status in found.items() if status != 200} == {}
    assert all(url.startswith(f"{base}/") for url in found), "no address leads to the bucket of uploads"
    assert strangers.fetch(download_url(base, SCAN))[2] == b"a scan"
    uploads = [o.key for page in archive.archive.store.pages() for o in page.objects]
    assert {key.split("/")[0] for key in uploads} == {"bw", "mapfiles"}
    assert {key: strangers.ask(download_url(closed, key)) for key in uploads} == dict.fromkeys(uploads, 403)
