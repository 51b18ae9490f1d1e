"""One collection from upload to published mapfile: real S3 server, real PostGIS, real engine, real MapServer."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
from cogmill.aws.s3 import S3Store, Upload
from cogmill.domain import keys
from cogmill.domain.errors import Reason, Unavailable
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.pipeline import build_cogs, ingest, publish, run_digest
from osgeo import gdal, osr

gdal.UseExceptions()
ID = "travis_usda_1951_frames"
FRAMES = "bw/Travis/USDA_1951/frames/"
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def geotiff(path, *, west=-10_880_000.0, north=3_540_000.0, seed=1, bands=1, epsg=3857, size=256):
    rng = np.random.default_rng(seed)
    smooth = rng.integers(60, 200, (bands, size // 16, size // 16), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), size, size, bands, gdal.GDT_Byte)
    dataset.SetGeoTransform((west, 2, 0, north, 0, -2))
    if epsg:
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(epsg)
        dataset.SetProjection(reference.ExportToWkt())
    dataset.WriteArray(smooth if bands > 1 else smooth[0])
    dataset.FlushCache()
    del dataset
    return path.read_bytes()


@pytest.fixture
def upload(bucket, tmp_path):
    client, name = bucket

    def put(stem, bands_folder="bw", **scene):
        key = FRAMES.replace("bw/", f"{bands_folder}/", 1) + f"georef/03-22-51_{stem}.tif"
        client.put_object(Bucket=name, Key=key, Body=geotiff(tmp_path / "frame.tif", **scene))
        return key

    return put


def run(mill, owner="run/1"):
    """What a run of the collection's DAG does, in a row."""
    ingest.register(mill)
    results = [build_cogs.build_batch(mill, batch["frame_ids"], owner) for batch in build_cogs.plan(mill, ID)]
    publish.update_tile_index(mill, ID)
    publish.export_index(mill, ID)
    return results, publish.publish_mapfile(mill, ID)


def multipart(mill, key, body):
    """Upload in one part of several: the same bytes have another ETag then."""
    client, name = mill.store._client, mill.store.bucket
    begun = client.create_multipart_upload(Bucket=name, Key=key)["UploadId"]
    part = client.upload_part(Bucket=name, Key=key, UploadId=begun, PartNumber=1, Body=body)
    whole = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(Bucket=name, Key=key, UploadId=begun, MultipartUpload=whole)


def stored_keys(mill):
    return [stored.key for page in mill.store.pages() for stored in page.objects]


def snapshot(mill):
    return {o.key: (o.etag, o.last_modified) for page in mill.store.pages() for o in page.objects}


def test_turns_uploads_into_exactly_the_documented_objects(mill, upload):
    upload("4-173")
    upload("4-174", west=-10_879_800)

    (result,), published = run(mill)

    assert (result.built, result.rejected, result.failed) == (2, [], [])
    assert (published.changed, published.frames) == (True, 2)
    derived = [key.split("/", 3)[-1] for key in stored_keys(mill) if "/georef/" not in key]
    parts = [
        f"frames/cog/tile_index/Travis_USDA_1951_frames{end}"
        for end in ("_idx.zip", *[".cpg", ".dbf", ".prj", ".shp", ".shx"])
    ]
    assert sorted(key for key in derived if "/cog/0" not in key) == sorted([*parts, f"{ID}.map"])
    assert len([key for key in derived if key.startswith("frames/cog/03-22-51_4-17")]) == 2
    head = mill.store._client.head_object(Bucket=mill.store.bucket, Key=keys.mapfile_key(ID))
    assert {name: head["Metadata"][name] for name in ("mode", "uid", "gid")} == {
        "mode": "33204",
        "uid": "33",
        "gid": "33",
    }
    assert re.fullmatch(r"\d{10}", head["Metadata"]["mtime"])
    grants = mill.store._client.get_object_acl(Bucket=mill.store.bucket, Key=keys.mapfile_key(ID))["Grants"]
    assert not [grant for grant in grants if "URI" in grant["Grantee"]], "a mapfile is nobody's but ours"


def test_does_no_pixel_work_and_no_put_when_nothing_changed(mill, upload):
    upload("4-173")
    run(mill)
    before = snapshot(mill)

    upload("4-173")
    (result,), published = run(mill, "run/2")

    assert (result.built, result.unchanged, published.changed) == (0, 0, False)
    assert {k: v for k, v in snapshot(mill).items() if "/georef/" not in k} == {
        k: v for k, v in before.items() if "/georef/" not in k
    }


def test_does_no_pixel_work_when_the_same_bytes_come_by_multipart(mill, upload, tmp_path):
    key = upload("4-173")
    run(mill)
    cogs = [k for k in stored_keys(mill) if "/cog/0" in k]
    multipart(mill, key, (tmp_path / "frame.tif").read_bytes())

    (result,), published = run(mill, "run/2")

    assert (result.built, result.unchanged, published.changed) == (0, 1, False)
    assert [k for k in stored_keys(mill) if "/cog/0" in k] == cogs


def test_replaces_a_frame_and_keeps_the_old_cog_when_other_pixels_come(mill, upload):
    upload("4-173")
    run(mill)
    (old,) = [k for k in stored_keys(mill) if "/cog/0" in k]
    mapfile = mill.store.read(keys.mapfile_key(ID))

    upload("4-173", seed=2)
    (result,), published = run(mill, "run/2")

    (row,) = mill.ledger.collections.index_rows(ID, "bw")
    assert (result.built, published.changed) == (1, False)
    assert old in stored_keys(mill)
    assert not row["location"].endswith(old)
    assert mill.store.read(keys.mapfile_key(ID)) == mapfile


def test_rejects_one_frame_and_publishes_its_ten_neighbours(mill, upload):
    for number in range(10):
        upload(f"4-{number}", west=-10_880_000 + 400 * number)
    bad = upload("4-99", epsg=None)

    (result,), published = run(mill)

    assert (result.built, published.frames) == (10, 10)
    assert [(fault.key, fault.reason) for fault in result.rejected] == [(bad, Reason.NO_CRS)]
    digest = run_digest.digest(mill, ID, LONG_AGO)
    assert (digest.published, digest.rejected[0].key) == (10, bad)
    assert digest.rejected[0].advice in digest.text
    assert len(digest.missing_scans) == 10


def test_keeps_bw_and_nc_of_one_flight_side_by_side(mill, upload):
    upload("4-173")
    upload("4-173", bands_folder="nc", bands=3, west=-10_879_000)

    _, published = run(mill)

    assert published.frames == 2
    exports = [key for key in stored_keys(mill) if key.endswith("_idx.zip")]
    assert [key.split("/")[0] for key in exports] == ["bw", "nc"]


def test_links_a_scan_that_comes_late(mill, upload, bucket):
    client, name = bucket
    upload("4-173")
    run(mill)
    client.put_object(Bucket=name, Key=FRAMES + "scanned/03-22-51_4-173.TIF", Body=b"scan")

    assert ingest.has_news(mill)
    run(mill, "run/2")

    (row,) = mill.ledger.collections.index_rows(ID, "bw")
    assert row["dl_orig"].endswith("/scanned/03-22-51_4-173.TIF")
    assert not ingest.has_news(mill)


def test_finishes_what_a_killed_run_left_behind(mill, upload):
    upload("4-173")
    ingest.register(mill)
    (batch,) = build_cogs.plan(mill, ID)
    mill.ledger.frames.claim(batch["frame_ids"], "run/1", 900)  # and then the worker dies

    assert build_cogs.build_batch(mill, batch["frame_ids"], "run/2").built == 0  # somebody else's lease
    assert build_cogs.build_batch(mill, batch["frame_ids"], "run/1").built == 1  # its own retry


class Slow(S3Store):
    """A store whose downloads take their time, while maintenance ends the leases that are over."""

    def download(self, key, etag, target):
        time.sleep(2)
        ledger = Ledger.connect(**self.database)
        ledger.upkeep.end_leases()
        ledger.close()
        return super().download(key, etag, target)


def test_keeps_its_frames_when_a_batch_takes_longer_than_a_lease(mill, upload, database):
    for number in range(3):
        upload(f"4-{number}", seed=number)
    ingest.register(mill)
    (batch,) = build_cogs.plan(mill, ID)
    store = Slow(mill.store._client, mill.store.bucket)
    store.database = database | {"user": "cogmill_writer"}
    settings = mill.settings.model_copy(update={"lease_seconds": 3, "build_processes": 1})

    result = build_cogs.build_batch(replace(mill, store=store, settings=settings), batch["frame_ids"], "run/1")

    assert result.built == 3
    assert build_cogs.plan(mill, ID)[0]["frame_ids"] == []


class Broken(S3Store):
    """A store whose downloads never arrive."""

    def download(self, key, etag, target):
        raise Unavailable(f"no answer for {key}")


def test_gives_frames_back_when_s3_goes_away(mill, upload):
    upload("4-173")
    ingest.register(mill)
    (batch,) = build_cogs.plan(mill, ID)
    away = replace(mill, store=Broken(mill.store._client, mill.store.bucket))

    with pytest.raises(Unavailable):
        build_cogs.build_batch(away, batch["frame_ids"], "run/1")

    assert build_cogs.build_batch(mill, batch["frame_ids"], "run/2").built == 1


def test_does_not_publish_what_mapserver_cannot_draw(mill, upload):
    upload("4-173")
    blind = replace(mill, settings=mill.settings.model_copy(update={"mapserv": "/bin/true"}))

    with pytest.raises(Exception, match=r"mapserv|MapServer|GetCapabilities"):
        run(blind)

    assert mill.store.read(keys.mapfile_key(ID)) is None


def test_writes_no_secret_into_a_mapfile(mill, upload):
    upload("4-173")
    run(mill)

    text = mill.store.read(keys.mapfile_key(ID)).decode()

    assert not [
        word for word in ("only-for-tests", "for-tests", mill.store.bucket, "password", "127.0.0.1:5") if word in text
    ]


def test_leaves_no_temporary_folder_behind(mill, upload, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    upload("4-173")
    upload("4-174", epsg=None)

    run(mill)

    assert list((tmp_path / "scratch").iterdir()) == []


def test_finds_mapserver_where_the_settings_say(mill):
    version = subprocess.run([mill.settings.mapserv, "-v"], capture_output=True, text=True, check=False)

    assert "MapServer" in version.stdout


def test_finds_its_cog_again_when_bytes_come_back_under_another_etag(mill, upload):
    key = upload("4-173")
    run(mill)
    body, (cog,) = mill.store.read(key), [stored for stored in stored_keys(mill) if "/cog/0" in stored]
    upload("4-173", seed=2)
    run(mill, "run/2")

    multipart(mill, key, body)
    (result,), published = run(mill, "run/3")

    assert (result.built, result.failed, published.frames) == (1, [], 1)
    assert len([stored for stored in stored_keys(mill) if "/cog/0" in stored]) == 2
    (row,) = mill.ledger.collections.index_rows(ID, Bands.BW)
    assert row["location"] == mill.vsi_root + cog


def test_publishes_a_picture_with_a_hole_where_its_footprint_is_deepest(mill, bucket, tmp_path):
    client, name = bucket
    picture = np.full((256, 256), 130, np.uint8)
    picture[:, ::16] = 90
    alpha = np.full((256, 256), 255, np.uint8)
    alpha[64:192, 64:192] = 0
    dataset = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "a.tif"), 256, 256, 2, gdal.GDT_Byte, ["ALPHA=YES"])
    dataset.SetGeoTransform((-10_880_000, 2, 0, 3_540_000, 0, -2))
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(3857)
    dataset.SetProjection(reference.ExportToWkt())
    dataset.WriteArray(np.stack([picture, alpha]))
    dataset.FlushCache()
    del dataset
    body = (tmp_path / "a.tif").read_bytes()
    client.put_object(Bucket=name, Key="bw/Travis/USDA_1951/mosaic/georef/mosaic.tif", Body=body)
    mosaic = "travis_usda_1951_mosaic"
    ingest.register(mill)
    (result,) = [build_cogs.build_batch(mill, batch["frame_ids"], "run/1") for batch in build_cogs.plan(mill, mosaic)]
    publish.update_tile_index(mill, mosaic)

    published = publish.publish_mapfile(mill, mosaic)

    assert (result.built, published.frames) == (1, 1)


def test_fails_a_frame_that_s3_keeps_to_itself_and_builds_the_others(mill, upload):
    kept = upload("4-173")
    upload("4-174")
    mill.store._client.put_object(
        Bucket=mill.store.bucket, Key=kept, Body=mill.store.read(kept), StorageClass="GLACIER"
    )

    (result,), published = run(mill)

    assert (result.built, published.frames) == (1, 1)
    assert len(result.failed) == 1
    assert "Forbidden" in result.failed[0]
    assert mill.ledger.frames.due(ID, 10) == [], "it waits before the next try"


def test_leaves_a_deleted_mapfile_away_until_there_are_new_frames(mill, upload):
    upload("4-173")
    run(mill)
    mill.store.delete(keys.mapfile_key(ID))

    assert not publish.publish_mapfile(mill, ID).changed
    assert mill.store.read(keys.mapfile_key(ID)) is None

    upload("4-174")
    run(mill, "run/2")
    assert mill.store.read(keys.mapfile_key(ID)) is not None


def test_newest_mapfile_wins_when_another_run_publishes_while_one_is_proved(mill, upload, monkeypatch):
    upload("4-173")
    run(mill)
    upload("4-174", west=-10_879_000)
    ingest.register(mill)
    for batch in build_cogs.plan(mill, ID):
        build_cogs.build_batch(mill, batch["frame_ids"], "run/2")
    prove, calls = publish.prove, []

    def interrupted(mill, drafted):
        prove(mill, drafted)
        calls.append(drafted.text)
        if len(calls) == 1:
            publish.update_tile_index(mill, ID)
            publish.publish_mapfile(mill, ID)

    monkeypatch.setattr(publish, "prove", interrupted)
    mill.store.replace(keys.mapfile_key(ID), b"edited", Upload("text/plain"))

    publish.publish_mapfile(mill, ID)

    newest = publish.draft(mill, ID).text.encode()
    assert mill.store.read(keys.mapfile_key(ID)) == newest
    state = mill.ledger.collections.state(ID)
    assert state.mapfile_revision == state.revision
    assert calls[0].encode() != newest


def test_links_a_scan_that_is_registered_while_rows_are_written(mill, upload, monkeypatch):
    upload("4-173")
    ingest.register(mill)
    for batch in build_cogs.plan(mill, ID):
        build_cogs.build_batch(mill, batch["frame_ids"], "run/1")
    change = mill.ledger.collections.change_index

    def late(*arguments):
        scan = FRAMES + "scanned/03-22-51_4-173.tif"
        mill.store._client.put_object(Bucket=mill.store.bucket, Key=scan, Body=b"x")
        ingest.register(mill)
        return change(*arguments)

    monkeypatch.setattr(mill.ledger.collections, "change_index", late)
    publish.update_tile_index(mill, ID)
    monkeypatch.undo()

    assert mill.ledger.collections.unlinked_scans(ID) != []
    assert publish.update_tile_index(mill, ID).written == 1
    assert mill.ledger.collections.unlinked_scans(ID) == []
