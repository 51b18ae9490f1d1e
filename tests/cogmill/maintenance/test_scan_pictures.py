"""Scans that no georeferenced frame goes with get a picture and an entry, and claim nothing that nobody knows."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace

import pytest
from cogmill.config.settings import Settings
from cogmill.domain import public_keys
from cogmill.domain.model import Bands, Collection, Product
from cogmill.domain.public_access import bucket_policy
from cogmill.maintenance.scan_pictures import draw_scans
from cogmill.pipeline import ingest, publish
from cogmill.pipeline.public_files import update_public_files
from pystac_client import Client

from tests.small_archive import TRAVIS, geotiff

MISSION = Collection("", "USDA", "CXB", Product.FRAMES)
SCANNED = f"{TRAVIS.prefix(Bands.BW)}scanned/"
PAGE, LIST = public_keys.scans_page(TRAVIS.id), public_keys.scans_list(TRAVIS.id)


@pytest.fixture
def served(sample, s3_server):
    """The archive under the addresses at which its bucket really answers, to strangers by its policy only."""
    bucket = sample.archive.store.bucket
    sample.client.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, simulated=True))
    settings = Settings(_env_file=None, bucket=bucket, public_url=f"{s3_server}/{bucket}")
    return replace(sample, archive=replace(sample.archive, settings=settings))


@pytest.fixture
def three(served):
    """Two sound scans, one of them with a name that says nothing, and one that is no picture."""
    served.put(f"{SCANNED}03-22-51_4-17.tif", geotiff(0, 1))
    served.put(f"{SCANNED}box 7 %+#&~ü.tif", geotiff(0, 2))
    served.put(f"{SCANNED}broken.tif", b"no tiff at all")
    ingest.ingest_uploads(served.archive)
    return served


def listed(sample, key=LIST):
    return json.loads(sample.archive.store.read(key))


def by_name(sample):
    return {scan["name"]: scan for scan in listed(sample)["scans"]}


def fetched(url):
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - the address of the test's own server
        return answer.read()


def test_every_scan_gets_a_picture_or_a_reason_and_an_entry(three):
    done = draw_scans(three.archive)

    assert (done.drawn, len(done.rejected), done.failed, done.waiting) == (2, 1, {}, 0)
    scans = by_name(three)
    named, odd, broken = (scans[name] for name in ("03-22-51_4-17", "box 7 %+#&~ü", "broken"))
    assert (named["roll"], named["frame"], named["from"], named["to"]) == ("4", "17", "1951-03-22", "1951-03-22")
    assert (odd["roll"], odd["frame"], odd["from"], odd["to"]) == (None, None, "1951-01-01", "1951-12-31")
    assert fetched(odd["picture"])[8:12] == b"WEBP"
    assert fetched(odd["scan"]) == geotiff(0, 2)
    assert (broken["picture"], broken["no_picture"]) == (None, "it cannot be drawn (not_a_geotiff)")
    page = three.archive.store.read(PAGE).decode()
    assert "3 raw scans" in page
    assert "it cannot be drawn" in page
    assert listed(three, public_keys.SCANS)["collections"][0]["scans"] == 3


def test_the_stac_catalog_has_them_without_a_place(three):
    draw_scans(three.archive)

    root = Client.open(f"{three.archive.settings.public_url}/stac/catalog.json")
    (collection,) = root.get_child("scans").get_children()
    items = {item.id: item for item in collection.get_items()}
    assert len(items) == 3
    item = items["bw_box 7 %+#&~ü"]
    assert (item.geometry, item.bbox, item.properties["cogmill:place"]) == (None, None, "unknown")
    assert item.properties["cogmill:dated"] == "period"
    assert fetched(item.assets["thumbnail"].href)[8:12] == b"WEBP"
    assert "thumbnail" not in items["bw_broken"].assets
    assert collection.extent.spatial.bboxes == [[-180, -90, 180, 90]]
    assert "unknown" in collection.description


def test_nothing_is_drawn_twice_until_it_is_uploaded_again(three):
    draw_scans(three.archive)
    before = three.listed("")
    again = draw_scans(three.archive)

    assert (again.drawn, again.rejected, again.collections) == (0, {}, set())
    assert three.listed("") == before
    three.put(f"{SCANNED}broken.tif", geotiff(0, 3))
    ingest.ingest_uploads(three.archive)
    assert draw_scans(three.archive).drawn == 1
    assert by_name(three)["broken"]["picture"]


def test_a_scan_leaves_the_list_with_its_picture_when_its_frame_is_there(three):
    draw_scans(three.archive)
    picture = public_keys.scan_picture(TRAVIS.id, Bands.BW, "03-22-51_4-17")
    assert picture in three.listed("catalog/")
    three.put(f"{TRAVIS.prefix(Bands.BW)}georef/03-22-51_4-17.tif")
    ingest.ingest_uploads(three.archive)
    three.build()
    three.publish()

    update_public_files(three.archive, TRAVIS.id)
    assert "03-22-51_4-17" not in by_name(three)
    page = three.archive.store.read(public_keys.collection_page(TRAVIS.id)).decode()
    assert f"{three.archive.settings.public_url}/{PAGE}" in page
    assert "2 that are not on the map yet" in page
    done = draw_scans(three.archive)

    assert done.removed == 1
    assert picture not in three.listed("catalog/")


def test_the_county_of_photographs_on_the_map_is_the_place(three):
    three.upload(TRAVIS, 1)
    ingest.ingest_uploads(three.archive)
    three.build()
    three.publish()

    draw_scans(three.archive)

    place = listed(three)["place"]
    assert place["known"] is True
    assert -98.1 < place["bbox"][0] < place["bbox"][2] < -97
    assert "unknown but for the county, Travis" in place["text"]


def test_a_set_without_a_county_has_no_place(served):
    served.put(f"{MISSION.prefix(Bands.BW)}scanned/01-01-50_1-1.tif", geotiff(0, 1))
    ingest.ingest_uploads(served.archive)

    draw_scans(served.archive)

    assert listed(served, public_keys.scans_list(MISSION.id))["place"]["known"] is False


def test_a_collection_that_was_taken_off_the_map_is_not_listed_by_its_scans(three):
    three.published()
    three.sql("UPDATE cogmill.frame SET state = 'withdrawn' WHERE collection_id = %s", TRAVIS.id)
    three.sql("UPDATE cogmill.collection SET unpublished_at = now() WHERE id = %s", TRAVIS.id)
    publish.withdraw_service(three.archive, TRAVIS.id)

    assert draw_scans(three.archive).drawn == 0

    assert [key for key in three.listed("catalog/") + three.listed("stac/") if TRAVIS.id in key] == []


def test_a_night_ends_and_the_next_goes_on(three):
    first = draw_scans(three.archive, per_night=1)
    late = draw_scans(three.archive, seconds=-1)

    assert (first.drawn + len(first.rejected), late.drawn, late.waiting) == (1, 0, 2)
    assert len(listed(three)["scans"]) == 3
    assert draw_scans(three.archive).waiting == 0


def test_a_scan_that_is_too_large_is_not_even_fetched(three):
    three.sql("UPDATE cogmill.scan SET size = 5::bigint * 1024 * 1024 * 1024 WHERE stem = 'broken'")

    done = draw_scans(three.archive)

    assert "too_large" in done.rejected[f"{SCANNED}broken.tif"]


def test_a_lost_picture_is_drawn_again(three):
    draw_scans(three.archive)
    picture = public_keys.scan_picture(TRAVIS.id, Bands.BW, "03-22-51_4-17")
    three.delete(picture)
    three.archive.ledger.public_documents.invalidate(TRAVIS.id)

    assert draw_scans(three.archive).drawn == 2

    assert picture in three.listed("catalog/")
