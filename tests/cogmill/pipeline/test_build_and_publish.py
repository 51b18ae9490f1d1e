"""One collection from upload to published mapfile: real S3 server, real PostGIS, real engine, real MapServer."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
from cogmill.aws.s3 import PutOptions, S3Store
from cogmill.domain import keys
from cogmill.domain.errors import Reason, ServiceUnavailableError
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.pipeline import build_cogs, ingest, publish, run_digest
from cogmill.pipeline.batches import plan_batches
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


def run(archive, owner="run/1"):
    """What a run of the collection's DAG does, in a row."""
    ingest.ingest_uploads(archive)
    results = [build_cogs.build_batch(archive, batch["frame_ids"], owner) for batch in plan_batches(archive, ID)]
    publish.update_tile_index(archive, ID)
    publish.export_index(archive, ID)
    return results, publish.publish_mapfile(archive, ID)


def multipart(archive, key, body):
    """Upload in one part of several: the same bytes have another ETag then."""
    client, name = archive.store._client, archive.store.bucket
    begun = client.create_multipart_upload(Bucket=name, Key=key)["UploadId"]
    part = client.upload_part(Bucket=name, Key=key, UploadId=begun, PartNumber=1, Body=body)
    whole = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(Bucket=name, Key=key, UploadId=begun, MultipartUpload=whole)


def stored_keys(archive):
    return [stored.key for page in archive.store.pages() for stored in page.objects]


def snapshot(archive):
    return {o.key: (o.etag, o.last_modified) for page in archive.store.pages() for o in page.objects}


def test_turns_uploads_into_exactly_the_documented_objects(archive, upload):
    upload("4-173")
    upload("4-174", west=-10_879_800)

    (result,), published = run(archive)

    assert (result.built, result.rejected, result.failed) == (2, [], [])
    assert (published.changed, published.frames) == (True, 2)
    derived = [key.split("/", 3)[-1] for key in stored_keys(archive) if "/georef/" not in key]
    parts = [
        f"frames/cog/tile_index/Travis_USDA_1951_frames{end}"
        for end in ("_idx.zip", *[".cpg", ".dbf", ".prj", ".shp", ".shx"])
    ]
    assert sorted(key for key in derived if "/cog/0" not in key) == sorted([*parts, f"{ID}.map"])
    assert len([key for key in derived if key.startswith("frames/cog/03-22-51_4-17")]) == 2
    head = archive.store._client.head_object(Bucket=archive.store.bucket, Key=keys.mapfile_key(ID))
    assert {name: head["Metadata"][name] for name in ("mode", "uid", "gid")} == {
        "mode": "33204",
        "uid": "33",
        "gid": "33",
    }
    assert re.fullmatch(r"\d{10}", head["Metadata"]["mtime"])
    grants = archive.store._client.get_object_acl(Bucket=archive.store.bucket, Key=keys.mapfile_key(ID))["Grants"]
    assert not [grant for grant in grants if "URI" in grant["Grantee"]], "a mapfile is nobody's but ours"


def test_does_no_pixel_work_and_no_put_when_nothing_changed(archive, upload):
    upload("4-173")
    run(archive)
    before = snapshot(archive)

    upload("4-173")
    (result,), published = run(archive, "run/2")

    assert (result.built, result.unchanged, published.changed) == (0, 0, False)
    assert {k: v for k, v in snapshot(archive).items() if "/georef/" not in k} == {
        k: v for k, v in before.items() if "/georef/" not in k
    }


def test_does_no_pixel_work_when_the_same_bytes_come_by_multipart(archive, upload, tmp_path):
    key = upload("4-173")
    run(archive)
    cogs = [k for k in stored_keys(archive) if "/cog/0" in k]
    multipart(archive, key, (tmp_path / "frame.tif").read_bytes())

    (result,), published = run(archive, "run/2")

    assert (result.built, result.unchanged, published.changed) == (0, 1, False)
    assert [k for k in stored_keys(archive) if "/cog/0" in k] == cogs


def test_replaces_a_frame_and_keeps_the_old_cog_when_other_pixels_come(archive, upload):
    upload("4-173")
    run(archive)
    (old,) = [k for k in stored_keys(archive) if "/cog/0" in k]
    mapfile = archive.store.read(keys.mapfile_key(ID))

    upload("4-173", seed=2)
    (result,), published = run(archive, "run/2")

    (row,) = archive.ledger.collections.index_rows(ID, "bw")
    assert (result.built, published.changed) == (1, False)
    assert old in stored_keys(archive)
    assert not row["location"].endswith(old)
    assert archive.store.read(keys.mapfile_key(ID)) == mapfile


def test_rejects_one_frame_and_publishes_its_ten_neighbours(archive, upload):
    for number in range(10):
        upload(f"4-{number}", west=-10_880_000 + 400 * number)
    bad = upload("4-99", epsg=None)

    (result,), published = run(archive)

    assert (result.built, published.frames) == (10, 10)
    assert [(fault.key, fault.reason) for fault in result.rejected] == [(bad, Reason.NO_CRS)]
    digest = run_digest.digest(archive, ID, LONG_AGO)
    assert (digest.published, digest.rejected[0].key) == (10, bad)
    assert digest.rejected[0].advice in digest.text
    assert len(digest.missing_scans) == 10


def test_keeps_bw_and_nc_of_one_flight_side_by_side(archive, upload):
    upload("4-173")
    upload("4-173", bands_folder="nc", bands=3, west=-10_879_000)

    _, published = run(archive)

    assert published.frames == 2
    exports = [key for key in stored_keys(archive) if key.endswith("_idx.zip")]
    assert [key.split("/")[0] for key in exports] == ["bw", "nc"]


def test_links_a_scan_that_comes_late(archive, upload, bucket):
    client, name = bucket
    upload("4-173")
    run(archive)
    client.put_object(Bucket=name, Key=FRAMES + "scanned/03-22-51_4-173.TIF", Body=b"scan")

    assert ingest.has_new_uploads(archive)
    run(archive, "run/2")

    (row,) = archive.ledger.collections.index_rows(ID, "bw")
    assert row["dl_orig"].endswith("/scanned/03-22-51_4-173.TIF")
    assert not ingest.has_new_uploads(archive)


def test_finishes_what_a_killed_run_left_behind(archive, upload):
    upload("4-173")
    ingest.ingest_uploads(archive)
    (batch,) = plan_batches(archive, ID)
    archive.ledger.frames.claim(batch["frame_ids"], "run/1", 900)  # and then the worker dies

    assert build_cogs.build_batch(archive, batch["frame_ids"], "run/2").built == 0  # somebody else's lease
    assert build_cogs.build_batch(archive, batch["frame_ids"], "run/1").built == 1  # its own retry


class Slow(S3Store):
    """A store whose downloads take their time, while maintenance ends the leases that are over."""

    def download(self, key, etag, target):
        time.sleep(2)
        ledger = Ledger.connect(**self.database)
        ledger.findings.end_leases()
        ledger.close()
        return super().download(key, etag, target)


def test_keeps_its_frames_when_a_batch_takes_longer_than_a_lease(archive, upload, database):
    for number in range(3):
        upload(f"4-{number}", seed=number)
    ingest.ingest_uploads(archive)
    (batch,) = plan_batches(archive, ID)
    store = Slow(archive.store._client, archive.store.bucket)
    store.database = database | {"user": "cogmill_writer"}
    settings = archive.settings.model_copy(update={"lease_seconds": 3, "build_processes": 1})

    result = build_cogs.build_batch(replace(archive, store=store, settings=settings), batch["frame_ids"], "run/1")

    assert result.built == 3
    assert plan_batches(archive, ID)[0]["frame_ids"] == []


class Broken(S3Store):
    """A store whose downloads never arrive."""

    def download(self, key, etag, target):
        raise ServiceUnavailableError(f"no answer for {key}")


def test_gives_frames_back_when_s3_goes_away(archive, upload):
    upload("4-173")
    ingest.ingest_uploads(archive)
    (batch,) = plan_batches(archive, ID)
    away = replace(archive, store=Broken(archive.store._client, archive.store.bucket))

    with pytest.raises(ServiceUnavailableError):
        build_cogs.build_batch(away, batch["frame_ids"], "run/1")

    assert build_cogs.build_batch(archive, batch["frame_ids"], "run/2").built == 1


def test_does_not_publish_what_mapserver_cannot_draw(archive, upload):
    upload("4-173")
    blind = replace(archive, settings=archive.settings.model_copy(update={"mapserv": "/bin/true"}))

    with pytest.raises(Exception, match=r"mapserv|MapServer|GetCapabilities"):
        run(blind)

    assert archive.store.read(keys.mapfile_key(ID)) is None


def test_writes_no_secret_into_a_mapfile(archive, upload):
    upload("4-173")
    run(archive)

    text = archive.store.read(keys.mapfile_key(ID)).decode()

    assert not [
        word
        for word in ("only-for-tests", "for-tests", archive.store.bucket, "password", "127.0.0.1:5")
        if word in text
    ]


def test_leaves_no_temporary_folder_behind(archive, upload, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    upload("4-173")
    upload("4-174", epsg=None)

    run(archive)

    assert list((tmp_path / "scratch").iterdir()) == []


def test_finds_mapserver_where_the_settings_say(archive):
    version = subprocess.run([archive.settings.mapserv, "-v"], capture_output=True, text=True, check=False)

    assert "MapServer" in version.stdout


def test_finds_its_cog_again_when_bytes_come_back_under_another_etag(archive, upload):
    key = upload("4-173")
    run(archive)
    body, (cog,) = archive.store.read(key), [stored for stored in stored_keys(archive) if "/cog/0" in stored]
    upload("4-173", seed=2)
    run(archive, "run/2")

    multipart(archive, key, body)
    (result,), published = run(archive, "run/3")

    assert (result.built, result.failed, published.frames) == (1, [], 1)
    assert len([stored for stored in stored_keys(archive) if "/cog/0" in stored]) == 2
    (row,) = archive.ledger.collections.index_rows(ID, Bands.BW)
    assert row["location"] == f"/vsis3/{archive.store.bucket}/{cog}"


def test_publishes_a_picture_with_a_hole_where_its_footprint_is_deepest(archive, bucket, tmp_path):
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
    ingest.ingest_uploads(archive)
    (result,) = [
        build_cogs.build_batch(archive, batch["frame_ids"], "run/1") for batch in plan_batches(archive, mosaic)
    ]
    publish.update_tile_index(archive, mosaic)

    published = publish.publish_mapfile(archive, mosaic)

    assert (result.built, published.frames) == (1, 1)


def test_fails_a_frame_that_s3_keeps_to_itself_and_builds_the_others(archive, upload):
    kept = upload("4-173")
    upload("4-174")
    archive.store._client.put_object(
        Bucket=archive.store.bucket, Key=kept, Body=archive.store.read(kept), StorageClass="GLACIER"
    )

    (result,), published = run(archive)

    assert (result.built, published.frames) == (1, 1)
    assert len(result.failed) == 1
    assert "ObjectRefusedError" in result.failed[0]
    assert archive.ledger.frames.due(ID, 10) == [], "it waits before the next try"


@pytest.mark.parametrize("fault", [AttributeError("no such attribute"), AssertionError("never"), MemoryError("full")])
def test_fails_only_the_frame_whose_build_raised_something_unforeseen(archive, upload, monkeypatch, caplog, fault):
    broken = upload("4-173")
    upload("4-174")
    download = archive.store.download

    def fail(key, etag, target):
        if key == broken:
            raise fault
        return download(key, etag, target)

    monkeypatch.setattr(archive.store, "download", fail)
    (result,), published = run(archive)

    assert (result.built, published.frames) == (1, 1)
    assert result.failed == [f"{broken}: {type(fault).__name__}: {fault}"]
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_lets_the_end_of_its_process_through_and_keeps_the_lease(archive, upload, monkeypatch, end):
    upload("4-173")
    ingest.ingest_uploads(archive)
    (batch,) = plan_batches(archive, ID)

    def stop(key, etag, target):
        raise end

    monkeypatch.setattr(archive.store, "download", stop)
    with pytest.raises(end):
        build_cogs.build_batch(archive, batch["frame_ids"], "run/1")
    monkeypatch.undo()

    assert plan_batches(archive, ID)[0]["frame_ids"] == []
    assert build_cogs.build_batch(archive, batch["frame_ids"], "run/1").built == 1


def test_leaves_a_deleted_mapfile_away_until_there_are_new_frames(archive, upload):
    upload("4-173")
    run(archive)
    archive.store.delete(keys.mapfile_key(ID))

    assert not publish.publish_mapfile(archive, ID).changed
    assert archive.store.read(keys.mapfile_key(ID)) is None

    upload("4-174")
    run(archive, "run/2")
    assert archive.store.read(keys.mapfile_key(ID)) is not None


def test_newest_mapfile_wins_when_another_run_publishes_while_one_is_proved(archive, upload, monkeypatch):
    upload("4-173")
    run(archive)
    upload("4-174", west=-10_879_000)
    ingest.ingest_uploads(archive)
    for batch in plan_batches(archive, ID):
        build_cogs.build_batch(archive, batch["frame_ids"], "run/2")
    prove, calls = publish.verify_draft, []

    def interrupted(archive, drafted):
        prove(archive, drafted)
        calls.append(drafted.text)
        if len(calls) == 1:
            publish.update_tile_index(archive, ID)
            publish.publish_mapfile(archive, ID)

    monkeypatch.setattr(publish, "verify_draft", interrupted)
    archive.store.replace(keys.mapfile_key(ID), b"edited", PutOptions("text/plain"))

    publish.publish_mapfile(archive, ID)

    newest = publish.draft_mapfile(archive, ID).text.encode()
    assert archive.store.read(keys.mapfile_key(ID)) == newest
    state = archive.ledger.collections.state(ID)
    assert state.mapfile_revision == state.revision
    assert calls[0].encode() != newest


def test_links_a_scan_that_is_registered_while_rows_are_written(archive, upload, database, monkeypatch):
    upload("4-173")
    ingest.ingest_uploads(archive)
    for batch in plan_batches(archive, ID):
        build_cogs.build_batch(archive, batch["frame_ids"], "run/1")
    values = publish._values

    def late(row):
        scan = FRAMES + "scanned/03-22-51_4-173.tif"
        archive.store._client.put_object(Bucket=archive.store.bucket, Key=scan, Body=b"x")
        ledger = Ledger.connect(**database | {"user": "cogmill_writer"})
        ingest.ingest_uploads(replace(archive, ledger=ledger))
        ledger.close()
        return values(row)

    monkeypatch.setattr(publish, "_values", late)
    publish.update_tile_index(archive, ID)
    monkeypatch.undo()

    assert archive.ledger.collections.unlinked_scans(ID) != []
    assert publish.update_tile_index(archive, ID).written == 1
    assert archive.ledger.collections.unlinked_scans(ID) == []
