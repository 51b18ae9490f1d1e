"""An archive with a bucket of its own for what is public: from the upload to its withdrawal, and nothing of the uploads is open."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.aws.sqs import EventQueue
from cogmill.config.settings import Settings
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.keys import LEDGER_MARK, OPEN_COPY, mapfile_key
from cogmill.domain.model import Adoption, Bands
from cogmill.domain.public_access import bucket_policy
from cogmill.domain.public_keys import CATALOG_PAGE, SERVICES, SITEMAP
from cogmill.ledger import bucket as ledger_bucket
from cogmill.maintenance.audit import audit
from cogmill.maintenance.cleanup import collect
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove, repair
from cogmill.mapserver.urls import download_url
from cogmill.pipeline import ingest, update_overviews
from cogmill.pipeline.archive import open_archive
from cogmill.pipeline.by_hand import rollback
from cogmill.pipeline.discovery import adoption
from cogmill.pipeline.export import COMPILED, compile_indexes
from cogmill.pipeline.public_files import update_public_files

from tests.small_archive import TRAVIS, SmallArchive, geotiff
from tests.system import strangers

FRAMES = TRAVIS.prefix(Bands.BW)
SCAN, UPLOAD = f"{FRAMES}scanned/03-22-51_4-1.tif", f"{FRAMES}georef/03-22-51_4-1.tif"
LONE = f"{FRAMES}scanned/03-22-51_4-9.tif"
PREFIX = "county/aerials/"


also_below_a_prefix = pytest.mark.parametrize("apart", ["", PREFIX], indirect=True)


@pytest.fixture
def apart(sample, s3_server, request):
    """Two real frames on the map, one of them with its scan, one scan without a frame; pages and lists are written."""
    name, prefix = sample.archive.store.bucket, getattr(request, "param", "")
    public = f"{name}-open"
    sample.client.create_bucket(Bucket=public)
    sample.client.put_bucket_policy(Bucket=public, Policy=bucket_policy(public, prefix, simulated=True))
    address = f"{s3_server}/{public}/{prefix}"
    settings = Settings(_env_file=None, bucket=name, prefix=prefix, public_bucket=public, public_url=address)
    store = S3Store(sample.client, name, settings.prefix, public)
    two = SmallArchive(open_archive(store, sample.archive.ledger, settings), sample.client, sample.libpq)
    for number in (1, 2):
        two.upload_real(number)
    two.put(SCAN, b"a scan")
    two.put(LONE, b"a scan without a frame")
    two.run()
    update_public_files(two.archive, TRAVIS.id)
    return two


def stored(archive, bucket):
    """Return key -> body of everything in one bucket, keys without the prefix."""
    pages = archive.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    prefix = archive.archive.store.place.prefix
    assert all(key.startswith(prefix) for key in keys)
    bodies = {key: archive.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return {key.removeprefix(prefix): body for key, body in bodies.items()}


def uploads(archive):
    return stored(archive, archive.archive.store.place.bucket)


def public(archive):
    return stored(archive, archive.archive.store.place.public)


def faults(archive):
    return {kind: count for kind, count in compare(archive.archive).counts.items() if count and kind != "scan_missing"}


def age(archive):
    """Let everything that was found and recorded have happened long ago."""
    archive.sql("UPDATE cogmill.finding SET first_seen = first_seen - interval '25 hours'")
    archive.sql("UPDATE cogmill.scan SET arrived_at = arrived_at - interval '25 hours'")


def put_public(archive, key, body=b"x"):
    archive.client.put_object(**archive.archive.store.place.at(OPEN_COPY + key), Body=body)


@also_below_a_prefix
def test_each_object_lies_in_its_bucket_and_the_map_is_drawn_from_both(apart):
    place = apart.archive.store.place
    rows = apart.sql("SELECT location, cog_key, dl_orig, dl_georef FROM cogmill.tile_index ORDER BY location")
    (location, cog, scan, georef), _ = rows
    base = apart.archive.settings.public_url

    assert {key.split("/")[0] for key in uploads(apart)} == {"bw", "mapfiles", "reports"}
    assert {key.split("/")[-2] for key in uploads(apart) if key.startswith("bw/")} == {"georef", "scanned"}
    assert {key.split("/")[0] for key in public(apart)} == {"bw", "catalog", "reports", "stac", "thumbnails", "viewer"}
    assert location == f"/vsis3/{place.public}/{place.prefix}{cog}"
    assert (scan, georef) == (f"{base}/{SCAN}", f"{base}/{cog}")
    assert cog in public(apart)
    assert mapfile_key(TRAVIS.id) in uploads(apart), "a service is drawn by MapServer before it is published"
    assert faults(apart) == {}


@also_below_a_prefix
def test_strangers_get_all_that_is_published_and_nothing_of_the_uploads(apart, s3_server):
    base, place = apart.archive.settings.public_url, apart.archive.store.place
    compile_indexes(apart.archive)
    update_public_files(apart.archive, None)

    start = [download_url(base, key) for key in (SERVICES, CATALOG_PAGE, SITEMAP, f"{COMPILED}.geojson")]
    found = strangers.crawl(start, (base,))

    assert {url: status for url, status in found.items() if status != 200} == {}
    assert {download_url(base, key) for key in (SCAN, LONE)} <= set(found)
    closed = download_url(f"{s3_server}/{place.bucket}/{place.prefix}".rstrip("/"), "")
    assert {strangers.ask(download_url(closed.rstrip("/"), key)) for key in uploads(apart)} == {403}
    assert strangers.ask(download_url(base, LEDGER_MARK)) == 403


def test_a_scan_is_open_before_anything_links_to_it(apart):
    third = f"{FRAMES}scanned/{apart.stem(TRAVIS, 3)}.tif"
    apart.put(third, b"a third scan")
    apart.upload_real(3)

    apart.run()

    assert public(apart)[third] == b"a third scan", "the tile index, which maps read, links to it by now"


def test_what_an_uploader_says_about_a_scan_is_not_handed_to_browsers(apart):
    hostile = f"{FRAMES}scanned/{apart.stem(TRAVIS, 2)}.tif"
    apart.client.put_object(
        **apart.archive.store.place.at(hostile), Body=b"<script>", ContentType="text/html", Metadata={"x": "y"},
        CacheControl="max-age=99999999",
    )  # fmt: skip
    apart.run()

    head = apart.client.head_object(**apart.archive.store.place.at(OPEN_COPY + hostile))

    assert (head["ContentType"], head["CacheControl"]) == ("image/tiff", "public, no-cache")
    assert set(head["Metadata"]) == {"source-etag"}


def test_with_acls_copies_are_opened_and_uploads_are_not(apart):
    apart = replace(apart, archive=apart.archive.with_settings(public_acl="public-read"))
    third = f"{FRAMES}scanned/{apart.stem(TRAVIS, 3)}.tif"
    apart.put(third)
    apart.upload_real(3)
    apart.run()
    place = apart.archive.store.place

    grants = {key: apart.client.get_object_acl(**place.at(key))["Grants"] for key in (third, OPEN_COPY + third)}

    assert {key: "AllUsers" in str(given) for key, given in grants.items()} == {third: False, OPEN_COPY + third: True}


@pytest.mark.parametrize("scan", [SCAN, LONE])
def test_a_scan_that_is_replaced_is_copied_again(apart, scan):
    assert public(apart)[scan] == uploads(apart)[scan]
    apart.put(scan, b"scanned once more")
    apart.run()

    if public(apart)[scan] != b"scanned once more":  # a collection's run need not know of a scan without a frame
        age(apart)
        assert faults(apart) == {"public_file_missing": 1}
        repair(apart.archive)

    assert public(apart)[scan] == b"scanned once more"
    assert faults(apart) == {}


@pytest.mark.parametrize("scan", [SCAN, LONE])
def test_a_scan_that_is_deleted_leaves_the_public_bucket_after_what_links_to_it(apart, scan):
    apart.delete(scan)
    assert faults(apart)["scan_gone"] == 1
    age(apart)

    repair(apart.archive)
    apart.run()
    update_public_files(apart.archive, TRAVIS.id)

    assert scan not in public(apart)
    assert apart.sql("SELECT count(*) FROM cogmill.tile_index WHERE dl_orig LIKE %s", f"%{scan}") == [(0,)]
    assert faults(apart) == {}


def test_a_scan_that_is_gone_before_it_is_copied_holds_nothing_up(apart):
    third = f"{FRAMES}scanned/{apart.stem(TRAVIS, 3)}.tif"
    apart.upload_real(3)
    apart.put(third)
    ingest.ingest_uploads(apart.archive)
    apart.delete(third)

    apart.run()

    assert apart.sql("SELECT count(*) FROM cogmill.tile_index") == [(3,)]
    assert third not in public(apart)


def test_a_scan_that_s3_refuses_to_copy_holds_nothing_up_and_stays_in_the_report(apart, caplog):
    third = f"{FRAMES}scanned/{apart.stem(TRAVIS, 3)}.tif"
    frozen = apart.archive.store.place.at(third)
    apart.client.put_object(**frozen, Body=b"a third scan", StorageClass="GLACIER")
    apart.upload_real(3)

    apart.run()
    update_public_files(apart.archive, TRAVIS.id)

    assert apart.sql("SELECT count(*) FROM cogmill.tile_index") == [(3,)]
    assert third not in public(apart)
    assert f"scan_not_opened key={third}" in caplog.text
    age(apart)
    assert faults(apart) == {"public_file_missing": 1}
    apart.put(third, b"a third scan, thawed")
    apart.run()
    assert public(apart)[third] == b"a third scan, thawed"
    assert faults(apart) == {}


def test_copies_and_pages_that_are_missing_or_altered_come_back(apart):
    before = public(apart)
    page = f"catalog/{TRAVIS.id}/index.html"
    for key in (SCAN, page):
        apart.client.delete_object(**apart.archive.store.place.at(OPEN_COPY + key))
    put_public(apart, LONE, b"altered by somebody")
    assert faults(apart) == {"public_file_missing": 1}

    repair(apart.archive)

    assert public(apart) == before
    assert faults(apart) == {}


def test_a_copy_that_is_right_is_not_copied_again_when_the_ledger_has_lost_it(apart):
    copy = apart.archive.store.place.at(OPEN_COPY + SCAN)
    before = apart.client.head_object(**copy)["LastModified"]
    apart.sql("DELETE FROM cogmill.public_document")

    update_public_files(apart.archive, TRAVIS.id)

    assert apart.client.head_object(**copy)["LastModified"] == before
    assert faults(apart) == {}


def test_what_strangers_leave_in_the_public_bucket_is_no_upload_and_is_put_aside(apart, monkeypatch):
    monkeypatch.setattr("cogmill.maintenance.compare.SETTLED", dt.timedelta(seconds=-60))
    theirs = f"{FRAMES}georef/03-22-51_4-7.tif"
    for key in (theirs, f"{FRAMES}scanned/03-22-51_4-8.tif", "robots.txt"):
        put_public(apart, key, b"theirs")

    assert not ingest.has_new_uploads(apart.archive)
    assert faults(apart)["public_file_orphan"] == 2
    repair(apart.archive)

    left = public(apart)
    assert theirs not in left
    assert left["robots.txt"] == b"theirs", "what is no TIFF is nobody's fault"
    assert uploads(apart)[f"quarantine/{OPEN_COPY}{theirs}"] == b"theirs"
    assert apart.sql("SELECT count(*) FROM cogmill.frame WHERE source_key LIKE %s", "%4-7%") == [(0,)]


@also_below_a_prefix
def test_what_is_left_among_the_uploads_is_said_and_not_read(apart):
    bucket = {"Bucket": apart.archive.store.bucket}
    prefix = apart.archive.store.place.prefix
    for key in (f"{FRAMES}cog/03-22-51_4-1.0123456789ab.tif", f"{FRAMES}cog/by_others.tif", "catalog/index.html"):
        apart.client.put_object(**bucket, Key=prefix + key, Body=b"left behind")

    found = [f for f in compare(apart.archive).examples if f.kind == "wrong_bucket"]

    assert [f.subject for f in found] == [
        f"s3://{bucket['Bucket']}/{prefix}bw/", f"s3://{bucket['Bucket']}/{prefix}catalog/"
    ]  # fmt: skip
    assert f"2 objects, such as '{FRAMES}cog/" in found[0].detail
    assert apart.archive.store.place.public in found[0].detail
    assert faults(apart) == {"wrong_bucket": 2}


def test_an_upload_below_a_folder_of_cogmill_is_rejected_as_ever(apart):
    apart.put("catalog/03-22-51_4-5.tif", b"x")
    assert "catalog/03-22-51_4-5.tif" in uploads(apart)

    ingest.ingest_uploads(apart.archive)

    assert apart.sql("SELECT state FROM cogmill.frame WHERE source_key LIKE 'catalog/%%'") == [("rejected",)]
    assert faults(apart) == {}


@also_below_a_prefix
def test_a_damaged_cog_moves_into_quarantine_beside_the_uploads_and_is_built_again(apart):
    (key, _), *_ = apart.sql("SELECT cog_key, oid FROM cogmill.tile_index ORDER BY oid")
    right = public(apart)[key]
    apart.put(key, b"?" * len(right))

    assert [action.subject for action in audit(apart.archive.with_settings(audit_nights=1)).damaged] == [key]

    assert key not in public(apart)
    assert uploads(apart)[f"quarantine/{key}"] == b"?" * len(right)
    apart.run()
    assert public(apart)[key] == right


def test_replaced_cogs_are_retired_brought_back_and_cleaned_up_in_the_public_bucket(apart):
    before = apart.sql("SELECT oid, location, cog_key FROM cogmill.tile_index ORDER BY oid")
    apart.put(UPLOAD, geotiff(-10_899_800, 7))
    apart.run()
    after = apart.sql("SELECT oid, location, cog_key FROM cogmill.tile_index ORDER BY oid")
    assert after != before

    rollback.rollback(apart.archive, TRAVIS.id)
    assert apart.sql("SELECT oid, location, cog_key FROM cogmill.tile_index ORDER BY oid") == before

    apart.sql("UPDATE cogmill.retired_cog SET retired_at = retired_at - interval '999 days'")
    apart.client.create_multipart_upload(**apart.archive.store.place.at(f"{FRAMES}cog/x.tif"))
    collected = collect(apart.archive)
    assert collected.cogs == [after[0][2]]
    assert after[0][2] not in public(apart)
    assert collected.uploads == [f"{FRAMES}cog/x.tif"]
    assert "Uploads" not in apart.client.list_multipart_uploads(Bucket=apart.archive.store.place.public)


def test_cells_of_overviews_stay_beside_the_uploads(apart, monkeypatch):
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", 1)
    apart.upload_real(3)
    apart.run()
    place = apart.archive.store.place

    cells = apart.sql("SELECT location, key FROM cogmill.overview")

    assert cells
    assert all(location == f"/vsis3/{place.bucket}/{place.prefix}{key}" for location, key in cells)
    assert {key for _, key in cells} <= set(uploads(apart))
    update_public_files(apart.archive, TRAVIS.id)
    assert faults(apart) == {}


def test_cogs_of_another_system_are_adopted_from_the_public_bucket(apart):
    (own,) = apart.sql("SELECT cog_key FROM cogmill.tile_index ORDER BY oid LIMIT 1")[0]
    foreign = f"{FRAMES}cog/03-22-51_4-6.tif"
    apart.put(foreign, public(apart)[own])

    result = adoption.adopt(apart.archive, adoption.AdoptionRequest(Adoption.AS_IT_IS))
    apart.run()

    assert result.adopted == 1
    assert apart.sql("SELECT count(*) FROM cogmill.tile_index WHERE location LIKE %s", f"%{foreign}") == [(1,)]


def test_a_collection_that_is_emptied_leaves_both_buckets(apart):
    for key in [key for key in uploads(apart) if key.startswith("bw/")]:
        apart.delete(key)
    compare(apart.archive)
    age(apart)

    repair(apart.archive)
    remove(apart.archive)
    update_public_files(apart.archive, TRAVIS.id)

    assert [key for key in public(apart) if "/scanned/" in key or TRAVIS.id in key] == []
    assert mapfile_key(TRAVIS.id) not in uploads(apart)


def test_a_service_that_is_withdrawn_closes_its_scans(apart):
    apart.delete(mapfile_key(TRAVIS.id))
    compare(apart.archive)
    age(apart)

    remove(apart.archive)
    update_public_files(apart.archive, TRAVIS.id)

    assert [key for key in public(apart) if "/scanned/" in key] == []
    assert {SCAN, LONE} <= set(uploads(apart))


def test_everything_comes_back_when_the_database_is_lost(apart):
    rows = "SELECT location, dl_orig, dl_georef, ST_AsText(geom) FROM cogmill.tile_index ORDER BY location"
    before = apart.sql(rows), uploads(apart), public(apart)
    apart.sql("TRUNCATE cogmill.collection, cogmill.finding, cogmill.public_document CASCADE")
    apart.sql("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")

    apart.run()
    update_public_files(apart.archive, TRAVIS.id)

    assert (apart.sql(rows), uploads(apart)) == before[:2]
    assert set(public(apart)) == set(before[2])
    assert faults(apart) == {}


@also_below_a_prefix
def test_notices_about_the_public_bucket_are_none(apart, sqs, queues):
    url, dead = queues
    archive = replace(apart.archive, queue=EventQueue(sqs, url, dead)).with_settings(events="sqs", sweep_seconds=3600)
    ingest.ingest_uploads(archive)
    place = archive.store.place
    key = apart.upload_real(3)
    for name in (place.public, place.bucket):
        record = {
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": name}, "object": {"key": place.prefix + key}},
        }
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"Records": [record]}))

    taken = 0
    while ingest.has_new_uploads(archive):
        taken += ingest.ingest_uploads(archive).frames

    assert taken == 1


@also_below_a_prefix
def test_the_ledger_belongs_to_both_buckets_and_refuses_another_with_what_to_do(apart):
    store, ledger, settings = apart.archive.store, apart.archive.ledger, apart.archive.settings
    place = store.place
    assert ledger.binding.identity().bucket == str(place)
    assert LEDGER_MARK in uploads(apart)
    assert LEDGER_MARK in public(apart)

    with pytest.raises(ConfigurationError, match=f"COGMILL_PUBLIC_BUCKET={place.public}\\. .*ledger.bucket .* other`"):
        open_archive(S3Store(apart.client, place.bucket, place.prefix, "other"), ledger, settings)
    with pytest.raises(ConfigurationError, match=f"COGMILL_PUBLIC_BUCKET={place.public}\\. "):
        open_archive(S3Store(apart.client, place.bucket, place.prefix), ledger, settings)


def test_an_archive_that_is_there_gets_a_public_bucket_when_a_person_says_so(sample, s3_server, monkeypatch, database):
    """As docs/site.md says it: copy, tell the ledger, set, and let the runs follow."""
    for number in (1, 2):
        sample.upload_real(number)
    sample.put(SCAN, b"a scan")
    settings = Settings(_env_file=None, bucket=sample.archive.store.bucket)
    sample = replace(sample, archive=open_archive(sample.archive.store, sample.archive.ledger, settings))
    sample.run()
    update_public_files(sample.archive, TRAVIS.id)
    name = sample.archive.store.bucket
    sample.client.create_bucket(Bucket=f"{name}-open")
    store = S3Store(sample.client, name, "", f"{name}-open")
    for variable in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"PG{variable.upper()}", str(database[variable]))
    monkeypatch.setenv("PGDATABASE", str(database["dbname"]))

    assert ledger_bucket.main([name, f"{name}-open"]) == 0
    with pytest.raises(ConfigurationError, match=f"the bucket {name}-open has neither"):
        open_archive(store, sample.archive.ledger, sample.archive.settings)
    for key in sample.listed():
        if store.place.at(key)["Bucket"] != name:
            sample.client.copy(sample.archive.store.place.at(key), **store.place.at(key))
            sample.delete(key)
    settings = Settings(_env_file=None, bucket=name, public_bucket=f"{name}-open")
    apart = replace(sample, archive=open_archive(store, sample.archive.ledger, settings))
    apart.run()
    update_public_files(apart.archive, TRAVIS.id)

    rows = apart.sql("SELECT location, cog_key FROM cogmill.tile_index")
    assert len(rows) == 2
    assert [row for row in rows if row[0] != f"/vsis3/{name}-open/{row[1]}"] == []
    assert public(apart)[SCAN] == b"a scan"
    assert faults(apart) == {}


def test_two_archives_cannot_share_a_public_bucket(apart):
    other = f"{apart.archive.store.bucket}-b"
    apart.client.create_bucket(Bucket=other)
    place = apart.archive.store.place
    apart.sql("UPDATE cogmill.identity SET id = gen_random_uuid(), bucket = NULL")

    with pytest.raises(ConfigurationError, match=f"s3://{place.public}/.* belongs to the ledger"):
        open_archive(
            S3Store(apart.client, other, place.prefix, place.public), apart.archive.ledger, apart.archive.settings
        )
