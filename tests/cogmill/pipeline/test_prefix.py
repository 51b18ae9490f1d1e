"""An archive below a prefix of a bucket that others use too: from the upload to its withdrawal, nothing beside it is listed or touched."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.aws.sqs import EventQueue
from cogmill.config.settings import Settings
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.keys import LEDGER_MARK, mapfile_key
from cogmill.domain.model import Bands
from cogmill.domain.public_access import bucket_policy
from cogmill.domain.public_keys import CATALOG_PAGE, SERVICES, SITEMAP
from cogmill.ledger import bucket as ledger_bucket
from cogmill.maintenance.cleanup import collect
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove, repair
from cogmill.mapserver.urls import download_url
from cogmill.pipeline import ingest, update_overviews
from cogmill.pipeline.archive import open_archive
from cogmill.pipeline.by_hand import rollback
from cogmill.pipeline.export import COMPILED, compile_indexes
from cogmill.pipeline.public_files import update_public_files

from tests.small_archive import TRAVIS, SmallArchive, geotiff
from tests.system import strangers

PREFIX = "county/aerials/"
UPLOAD = f"{TRAVIS.prefix(Bands.BW)}georef/03-22-51_9-1.tif"
FOREIGN = (
    UPLOAD, f"county/{UPLOAD}", f"county/aerials-old/{UPLOAD}", f"county/aerials{UPLOAD}", "county/aerials.tif",
    f"mapfiles/{TRAVIS.id}.map", "mapfiles/notes.txt", "overviews/x.tif", "catalog/index.html", "zz/georef/x.tif",
)  # fmt: skip
"""What others have in the bucket: much of it looks like an archive's own."""


@pytest.fixture
def shared(sample, s3_server):
    """The archive below a prefix, with two real frames on the map, one scan, and what others have beside it."""
    client, name = sample.client, sample.archive.store.bucket
    for key in FOREIGN:
        client.put_object(Bucket=name, Key=key, Body=b"theirs")
    settings = Settings(_env_file=None, bucket=name, prefix=PREFIX, public_url=f"{s3_server}/{name}/{PREFIX}")
    archive = open_archive(S3Store(client, name, settings.prefix), sample.archive.ledger, settings)
    below = SmallArchive(archive, client, sample.libpq)
    for number in (1, 2):
        below.upload_real(number)
    below.put(f"{TRAVIS.prefix(Bands.BW)}scanned/{below.stem(TRAVIS, 1)}.tif", b"a scan")
    below.run()
    return below


def stored(archive: SmallArchive) -> dict[str, str]:
    """Return what is in the whole bucket: key -> ETag."""
    pages = archive.client.get_paginator("list_objects_v2").paginate(Bucket=archive.archive.store.bucket)
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page["Contents"]}


def beside(archive: SmallArchive) -> dict[str, str]:
    """Return what is in the bucket outside of the prefix."""
    return {key: etag for key, etag in stored(archive).items() if not key.startswith(PREFIX)}


def faults(archive: SmallArchive) -> dict[str, int]:
    return {kind: count for kind, count in compare(archive.archive).counts.items() if count and kind != "scan_missing"}


@pytest.fixture(autouse=True)
def left_alone(shared):
    """Whatever a test does: others have what they had, and the ledger has heard of none of it."""
    before = beside(shared)
    yield
    assert beside(shared) == before
    assert set(before) == set(FOREIGN)
    (known,) = shared.sql("SELECT count(*) FROM cogmill.frame WHERE source_key = ANY(%s) OR source_key LIKE %s",
                          list(FOREIGN), f"%{PREFIX}%")  # fmt: skip
    assert known == (0,)


def test_frames_are_on_the_map_and_their_keys_are_those_of_an_archive_of_its_own(shared):
    (first, _) = shared.sql("SELECT location, cog_key, dl_orig, dl_georef FROM cogmill.tile_index ORDER BY location")
    base = shared.archive.settings.public_url
    location, key, scan, cog = first

    # a service is drawn by MapServer before it is published
    assert mapfile_key(TRAVIS.id) in shared.listed()
    assert key.startswith("bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.")
    assert location == f"/vsis3/{shared.archive.store.bucket}/{PREFIX}{key}"
    assert cog == f"{base}/{key}"
    assert scan == f"{base}/bw/Travis/USDA_1951/frames/scanned/03-22-51_4-1.tif"
    assert f"{PREFIX}{key}" in stored(shared)
    assert faults(shared) == {}


def test_strangers_get_all_that_is_published_and_nothing_of_others(shared):
    bucket, base = shared.archive.store.bucket, shared.archive.settings.public_url
    shared.client.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, PREFIX, simulated=True))
    compile_indexes(shared.archive)
    update_public_files(shared.archive, TRAVIS.id)

    start = [download_url(base, key) for key in (SERVICES, CATALOG_PAGE, SITEMAP, f"{COMPILED}.geojson")]
    found = strangers.crawl(start, (base,))

    assert {url: status for url, status in found.items() if status != 200} == {}
    assert sum(url.endswith(".tif") for url in found) >= 3, "two COGs and a scan"
    root = base.removesuffix(f"/{PREFIX}".rstrip("/"))
    assert {strangers.ask(download_url(root, key)) for key in FOREIGN} == {403}
    assert faults(shared) == {}


def test_overviews_are_drawn_from_below_the_prefix_and_come_back(shared, monkeypatch):
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", 1)
    shared.upload_real(3)
    shared.run()
    cells = shared.sql("SELECT location, key FROM cogmill.overview")

    assert cells
    root = f"/vsis3/{shared.archive.store.bucket}/{PREFIX}"
    assert {location.removeprefix(root) for location, _ in cells} == {key for _, key in cells}
    assert faults(shared) == {}


def test_a_rollback_brings_back_the_cog_that_was_replaced(shared):
    before = shared.sql("SELECT oid, location, cog_key FROM cogmill.tile_index ORDER BY oid")
    shared.put(f"{TRAVIS.prefix(Bands.BW)}georef/{shared.stem(TRAVIS, 1)}.tif", geotiff(-10_899_800, 7))
    shared.run()
    assert shared.sql("SELECT oid, location, cog_key FROM cogmill.tile_index ORDER BY oid") != before

    rollback.rollback(shared.archive, TRAVIS.id)

    assert shared.sql("SELECT oid, location, cog_key FROM cogmill.tile_index ORDER BY oid") == before
    assert shared.sql("SELECT count(*) FROM cogmill.retired_cog") == [(1,)]


def test_sweep_sees_what_is_uploaded_below_the_prefix_only(shared):
    assert not ingest.has_new_uploads(shared.archive)

    shared.upload_real(3)

    assert ingest.has_new_uploads(shared.archive)
    assert ingest.ingest_uploads(shared.archive).frames == 1
    assert all(key.startswith(("bw/", "mapfiles/", "thumbnails/", "reports/")) for key in shared.listed())


def test_notices_about_other_keys_are_none(shared, sqs, queues):
    url, dead = queues
    archive = replace(shared.archive, queue=EventQueue(sqs, url, dead)).with_settings(events="sqs", sweep_seconds=3600)
    shared.upload_real(3)
    for key in (*FOREIGN, f"{PREFIX}{TRAVIS.prefix(Bands.BW)}georef/{shared.stem(TRAVIS, 3)}.tif"):
        stored_at = {"bucket": {"name": archive.store.bucket}, "object": {"key": key}}
        record = {"eventName": "ObjectCreated:Put", "s3": stored_at}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"Records": [record]}))
    while ingest.has_new_uploads(archive):
        taken = ingest.ingest_uploads(archive)

    assert (taken.frames, taken.rejected) == (1, [])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_maintenance_puts_aside_and_cleans_up_below_the_prefix_only(shared):
    long = "mapfiles/" + "x" * (1024 - len(PREFIX) - len("mapfiles/"))
    shared.put(long, b"ours too, and there is no room for another folder before it")
    shared.put("mapfiles/notes.txt", b"ours")
    shared.client.create_multipart_upload(Bucket=shared.archive.store.bucket, Key=f"{PREFIX}bw/x.tif")
    theirs = shared.client.create_multipart_upload(Bucket=shared.archive.store.bucket, Key="county/x.tif")
    assert faults(shared) == {"mapfile_stray": 2}

    repair(shared.archive)

    assert faults(shared) == {}
    assert len(shared.listed("quarantine/")) == 2
    assert all(len(key) <= 1024 for key in stored(shared))
    assert "quarantine/mapfiles/notes.txt" in shared.listed()
    assert f"{PREFIX}quarantine/mapfiles/notes.txt" in stored(shared)
    assert shared.archive.store.abort_uploads(dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) == []
    assert collect(shared.archive).uploads == ["bw/x.tif"]
    left = shared.client.list_multipart_uploads(Bucket=shared.archive.store.bucket)["Uploads"]
    assert [upload["UploadId"] for upload in left] == [theirs["UploadId"]]


def test_a_collection_that_is_emptied_leaves_and_takes_nothing_else_along(shared):
    for key in shared.listed(f"{TRAVIS.prefix(Bands.BW)}georef/"):
        shared.delete(key)
    compare(shared.archive)
    shared.sql("UPDATE cogmill.finding SET first_seen = first_seen - interval '25 hours'")

    remove(shared.archive)

    assert shared.listed("mapfiles/") == []
    assert shared.sql("SELECT count(*) FROM cogmill.tile_index") == [(0,)]
    assert faults(shared) == {}


def test_the_ledger_belongs_to_the_prefix_and_refuses_another_with_what_to_do(shared, monkeypatch, database):
    store, ledger, settings = shared.archive.store, shared.archive.ledger, shared.archive.settings
    assert ledger.binding.identity().bucket == f"{store.bucket}/county/aerials"
    assert f"{PREFIX}{LEDGER_MARK}" in stored(shared)

    with pytest.raises(ConfigurationError, match=f"COGMILL_BUCKET={store.bucket} COGMILL_PREFIX=county/aerials\\. "):
        open_archive(S3Store(shared.client, store.bucket, "county/"), ledger, settings)

    for variable in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"PG{variable.upper()}", str(database[variable]))
    monkeypatch.setenv("PGDATABASE", str(database["dbname"]))
    for key in shared.listed():
        shared.client.copy_object(**S3Store(shared.client, store.bucket, f"{PREFIX}new/").place.at(key),
                                  CopySource=store.place.at(key))  # fmt: skip
    assert ledger_bucket.main([f"{store.bucket}/{PREFIX}new/"]) == 0
    moved = replace(
        shared, archive=open_archive(S3Store(shared.client, store.bucket, f"{PREFIX}new/"), ledger, settings)
    )
    moved.run()
    rows = moved.sql("SELECT location, cog_key FROM cogmill.tile_index")
    assert rows
    assert [row for row in rows if row[0] != f"/vsis3/{store.bucket}/{PREFIX}new/{row[1]}"] == []
