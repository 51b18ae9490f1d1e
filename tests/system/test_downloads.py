"""Every address that the demo publishes leads a stranger to a file, and no other key of the bucket does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest
from cogmill.domain.public_access import PUBLIC_PATTERNS
from cogmill.domain.public_keys import CATALOG_PAGE, SERVICES, SITEMAP
from cogmill.mapserver.urls import download_url
from cogmill.pipeline.export import COMPILED, compile_indexes
from cogmill.pipeline.public_files import update_public_files
from osgeo import gdal

from demo.stack import Stack
from demo.stack.settings import REPOSITORY
from demo.stack.temporary_stack import temporary_stack
from tests.small_archive import TRAVIS, SmallArchive
from tests.system import strangers
from tests.system.probes import ledger_rows
from tests.system.stack_archive import archive_of

pytestmark = pytest.mark.system

COLUMNS = ("dl_orig", "dl_georef", "dl_index")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack of its own: others are asked about a ledger that holds nothing."""
    with temporary_stack() as running:
        yield running


@pytest.fixture(scope="module")
def archive(stack: Stack) -> Iterator[SmallArchive]:
    """One frame with its scan, all the way from the upload to the list of services."""
    with archive_of(stack) as archive:
        subprocess.run([REPOSITORY / "setup" / "viewer.sh"], check=True)
        archive.put(archive.upload_real(1).replace("/georef/", "/scanned/"), b"a scan")
        archive.run()
        compile_indexes(archive.archive)
        update_public_files(archive.archive, TRAVIS.id)
        yield archive


def published(stack: Stack, archive: SmallArchive) -> dict[str, str]:
    """Return the links that people are given, by what they are called."""
    query = "SELECT dl_orig, dl_georef, dl_index FROM cogmill.tile_index WHERE collection_id = %s"
    (row,) = ledger_rows(stack, query, TRAVIS.id)
    (feature,) = json.loads(archive.archive.store.read(COMPILED + ".geojson") or b"")["features"]
    (service,) = json.loads(archive.archive.store.read(SERVICES) or b"")["services"]
    keys = (SERVICES, CATALOG_PAGE, *(COMPILED + suffix for suffix in (".geojson", ".fgb", ".parquet")))
    links = {f"row {name}": link for name, link in zip(COLUMNS, row, strict=True)}
    links |= {f"feature {name}": link for name, link in feature["properties"].items() if name in COLUMNS}
    links |= {f"catalogue {bands}": link for bands, link in service["downloads"].items()}
    return links | {key: download_url(archive.archive.settings.public_url, key) for key in keys}


def test_every_published_link_opens_without_keys(stack: Stack, archive: SmallArchive) -> None:
    links = published(stack, archive)

    assert set(COLUMNS) <= {name.rpartition(" ")[2] for name in links}
    assert {name: status for name, link in links.items() if (status := strangers.ask(link)) != 200} == {}


def test_a_crawl_finds_no_address_that_is_closed(stack: Stack, archive: SmallArchive) -> None:
    settings = archive.archive.settings
    start = [download_url(settings.public_url, key) for key in (SERVICES, CATALOG_PAGE, SITEMAP)]

    found = strangers.crawl(start, (settings.public_url, settings.mapserver_url))
    meant = {key: any(fnmatchcase(key, pattern) for pattern in PUBLIC_PATTERNS) for key in archive.listed()}
    answers = {key: strangers.ask(download_url(settings.public_url, key)) for key in meant}

    print(f"{len(found)} published addresses, {list(meant.values()).count(False)} other keys")
    assert {url: status for url, status in found.items() if status not in (200, 204)} == {}
    tiles = {url: status for url, status in found.items() if f"/tiles/{TRAVIS.id}/" in url}
    assert list(tiles.values()) == [200]
    assert answers == {key: 200 if is_public else 403 for key, is_public in meant.items()}


def test_clients_of_the_old_address_are_answered(archive: SmallArchive) -> None:
    host = archive.archive.settings.mapserver_url
    query = f"map=/mapfiles/{TRAVIS.id}.map&SERVICE=WMS&REQUEST=GetCapabilities"

    assert strangers.ask(f"{host}/?{query}") == 200
    assert strangers.fetch(f"{host}/?{query}")[2] == strangers.fetch(f"{host}/wms/?{query}")[2]
    assert strangers.ask(f"{host}/") == 404


def test_cog_is_opened_by_range_requests_as_gis_programs_do(stack: Stack, archive: SmallArchive) -> None:
    link = published(stack, archive)["row dl_georef"]

    assert strangers.ask(link, "HEAD") == 200
    assert gdal.Open(f"/vsicurl/{link}").RasterXSize > 0


def test_uploads_and_mapfiles_stay_closed(archive: SmallArchive) -> None:
    base = archive.archive.settings.public_url
    closed = [key for key in archive.listed() if "/georef/" in key or key.startswith("mapfiles/")]

    assert len(closed) >= 2
    assert {strangers.ask(download_url(base, key)) for key in closed} == {403}
