"""The STAC catalog in a real bucket: what other programs find there, and what it says after changes of the map."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from cogmill.config.settings import Settings
from cogmill.domain.model import Bands, Collection, Product
from cogmill.domain.public_access import bucket_policy
from cogmill.domain.public_keys import STAC
from cogmill.pipeline import ingest, publish
from cogmill.pipeline.public_files import collection_facts, follow_changes, update_public_files
from osgeo import gdal
from pystac_client import Client

from tests.small_archive import TRAVIS, SmallArchive

TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.INDEX)


@pytest.fixture
def served(sample, s3_server):
    """The archive under the addresses at which its bucket really answers, to strangers by its policy only."""
    bucket = sample.archive.store.bucket
    sample.client.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, simulated=True))
    settings = Settings(_env_file=None, bucket=bucket, public_url=f"{s3_server}/{bucket}")
    return replace(sample, archive=replace(sample.archive, settings=settings))


@pytest.fixture
def two(served):
    served.published(TXDOT, 2).published(TRAVIS, 3)
    for collection in (TXDOT, TRAVIS):
        update_public_files(served.archive, collection.id)
    return served


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - the address of the test's own server
        return answer.read()


def stac_files(sample: SmallArchive) -> dict[str, bytes]:
    return {key: sample.archive.store.read(key) for key in sample.listed(STAC)}


def test_a_client_walks_from_the_root_to_every_file(two):
    root = Client.open(f"{two.archive.settings.public_url}/stac/catalog.json")

    scans, *collections = root.get_children()
    assert (scans.id, list(scans.get_children())) == ("scans", [])
    assert [collection.id for collection in collections] == [TXDOT.id, TRAVIS.id]
    items = {item.id: item for item in collections[1].get_items()}
    assert sorted(items) == [f"bw_03-22-51_4-{number}" for number in (1, 2, 3)]
    item = items["bw_03-22-51_4-2"]
    assert fetched(item.assets["cog"].href).startswith(b"COG of")
    assert fetched(item.assets["scan"].href) == b"x"
    assert item.get_collection().id == TRAVIS.id
    assert item.get_root().id == root.id
    assert fetched(collections[1].assets["items"].href)[:4] == b"PAR1"


def test_gdal_opens_the_items_as_one_picture_with_the_pixels_of_the_cogs(served):
    for number in (1, 2):
        served.upload_real(number)
    served.run()
    update_public_files(served.archive, TRAVIS.id)
    address = f"{served.archive.settings.public_url}/{STAC}{TRAVIS.id}/items.geojson"

    mosaic = gdal.OpenEx(f'STACIT:"/vsicurl/{address}":asset=cog', gdal.OF_RASTER)

    first = next(key for key in served.listed("bw/") if "/cog/03-22-51_4-1." in key)
    cog = gdal.Open(f"/vsicurl/{served.archive.settings.public_url}/{first}")
    assert mosaic.GetGeoTransform()[:4] == pytest.approx(cog.GetGeoTransform()[:4])
    assert np.array_equal(mosaic.ReadAsArray(0, 0, 100, 128), cog.ReadAsArray(0, 0, 100, 128))
    assert mosaic.GetSpatialRef().IsSame(cog.GetSpatialRef())


def test_a_new_photograph_changes_its_own_files_and_no_other(two):
    before = stac_files(two)
    two.upload(TRAVIS, 1, first=9)
    ingest.ingest_uploads(two.archive)
    two.build(TRAVIS)
    two.publish(TRAVIS)

    update_public_files(two.archive, TRAVIS.id)

    after = stac_files(two)
    assert {key for key in after if before.get(key) != after[key]} == {
        f"{STAC}{TRAVIS.id}/{name}"
        for name in ("collection.json", "items.geojson", "items.parquet", "items/bw/03-22-51_4-9.json")
    }


def test_a_withdrawn_photograph_leaves_the_catalog(two):
    gone = f"{STAC}{TRAVIS.id}/items/bw/03-22-51_4-2.json"
    assert gone in two.listed(STAC)
    two.sql(
        "UPDATE cogmill.frame SET state = 'withdrawn' WHERE stem = '03-22-51_4-2' AND collection_id = %s", TRAVIS.id
    )
    publish.update_tile_index(two.archive, TRAVIS.id)

    update_public_files(two.archive, TRAVIS.id)

    assert gone not in two.listed(STAC)
    files = stac_files(two)
    assert b"4-2" not in b"".join(body for key, body in files.items() if "/scans/" not in key)
    assert f"{STAC}scans/{TRAVIS.id}/items/bw/03-22-51_4-2.json" in files  # its scan is still there


def test_a_withdrawn_collection_leaves_the_catalog(two):
    publish.withdraw_service(two.archive, TRAVIS.id)

    follow_changes(two.archive)

    assert not [key for key in two.listed(STAC) if TRAVIS.id in key]
    root = json.loads(two.archive.store.read(f"{STAC}catalog.json"))
    children = [link["href"] for link in root["links"] if link["rel"] == "child"]
    assert [TXDOT.id in child for child in children] == [False, True]


def test_names_of_any_characters_lead_to_their_files(served):
    stem = "03-22-51_4 %+#&=,~Üß-7"
    prefix = TRAVIS.prefix(Bands.BW)
    for stage in ("scanned", "georef"):
        served.put(f"{prefix}{stage}/{stem}.tif")
    ingest.ingest_uploads(served.archive)
    served.build()
    served.publish()

    update_public_files(served.archive, TRAVIS.id)

    (item,) = Client.open(f"{served.archive.settings.public_url}/stac/catalog.json").get_child(TRAVIS.id).get_items()
    assert item.id == f"bw_{stem}"
    assert unquote(urlsplit(item.assets["scan"].href).path).endswith(f"/scanned/{stem}.tif")
    assert fetched(item.assets["scan"].href) == b"x"
    assert fetched(item.assets["cog"].href).startswith(b"COG of")


def test_a_rebuilt_ledger_says_the_same(two):
    """All that STAC says comes from the bucket, by way of uploads and COGs: times of the ledger's own are none of it."""
    before = stac_files(two)
    two.sql("UPDATE cogmill.frame SET built_at = now(), published_at = now(), changed_at = now(), arrived_at = now()")
    two.sql("UPDATE cogmill.collection SET revision = revision + 7, published_at = now()")
    two.sql("DELETE FROM cogmill.public_document")

    for collection in (TXDOT, TRAVIS):
        update_public_files(two.archive, collection.id)

    assert stac_files(two) == before


def test_the_ledger_tells_where_the_pixels_lie(served):
    served.upload_real(1)
    served.run()

    _, (frame,) = collection_facts(served.archive, TRAVIS.id)

    assert frame.transform == (2, 0, -10_899_800, 0, -2, 3_500_000)
    assert (frame.width, frame.height) == (128, 128)


def test_an_item_says_what_its_upload_says_of_itself(served):
    key = served.upload_real(1)
    path = "/vsimem/texts.tif"
    gdal.FileFromMemBuffer(path, served.archive.store.read(key))
    gdal.Open(path, gdal.GA_Update).SetMetadata(
        {"TIFFTAG_IMAGEDESCRIPTION": "Flight <4>", "TIFFTAG_COPYRIGHT": "Texas, 1951"}
    )
    served.put(key, bytes(gdal.VSIGetMemFileBuffer_unsafe(path)))
    served.upload_real(2)
    served.run(overviews=False)

    update_public_files(served.archive, TRAVIS.id)

    first, second = (
        json.loads(served.archive.store.read(f"{STAC}{TRAVIS.id}/items/bw/03-22-51_4-{number}.json"))["properties"]
        for number in (1, 2)
    )
    assert (first["description"], first["cogmill:copyright"]) == ("Flight <4>", "Texas, 1951")
    assert "cogmill:artist" not in first
    assert "description" not in second
