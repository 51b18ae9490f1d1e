"""Two runs of one collection at the same time, and a reader who looks all the while."""

from __future__ import annotations

import io
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psycopg
import pytest
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.ledger.frames import Job
from cogmill.mapserver import cgi
from cogmill.pipeline import Archive, ingest, publish
from PIL import Image

from tests.small_archive import SIDE_M, TRAVIS, SmallArchive, raster, west_of

ROUNDS = 50 if os.environ.get("COGMILL_LONG") else 8
UPLOADS = 200 if os.environ.get("COGMILL_LONG") else 60
PREFIX = TRAVIS.prefix(Bands.BW)


@pytest.fixture
def archives(archive, database):
    """Two workers, each with a connection of its own."""
    ledgers = [Ledger.connect(**database | {"user": "cogmill_writer"}) for _ in range(2)]
    yield [Archive(archive.store, ledger, archive.settings) for ledger in ledgers]
    for ledger in ledgers:
        ledger.close()


def test_index_equals_the_model_when_one_run_adds_and_another_withdraws(sample, archives):
    sample.published(frames=2)
    expected = {f"{PREFIX}georef/{sample.stem(TRAVIS, number)}.tif" for number in (1, 2)}
    with ThreadPoolExecutor(2) as pool:
        for number in range(3, 3 + ROUNDS):
            (added,) = sample.upload(frames=1, first=number)
            ingest.ingest_uploads(sample.archive)
            sample.build()
            gone = min(expected)
            sample.delete(gone)
            sample.sql("UPDATE cogmill.frame SET state = 'withdrawn' WHERE source_key = %s", gone)
            expected = expected - {gone} | {added}

            list(pool.map(lambda archive: publish.update_tile_index(archive, TRAVIS.id), archives))

            rows = "SELECT f.source_key FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid"
            assert {key for (key,) in sample.sql(rows)} == expected
    assert sample.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def requests(run_folder, method, bucket, suffix):
    """Keys that the S3 server was asked for, as it wrote them into its own log."""
    log = (run_folder / "moto.log").read_text(encoding="utf-8", errors="replace")
    return re.findall(rf'"{method} /{bucket}/(\S+{suffix})', log)


def test_uploads_in_parallel_become_one_index_with_few_publications(sample, archives, run_folder, monkeypatch):
    monkeypatch.setattr(publish, "verify_draft", lambda *args: None)  # stand-in COGs are no pictures
    bucket = sample.archive.store.bucket

    def run(archive):
        publish.update_tile_index(archive, TRAVIS.id)
        publish.export_index(archive, TRAVIS.id)
        publish.publish_mapfile(archive, TRAVIS.id)

    rounds = 0
    with ThreadPoolExecutor(4) as pool:
        uploads = [pool.submit(sample.upload, TRAVIS, 1, number) for number in range(UPLOADS)]
        uploads[0].result()
        while True:
            rounds += 1
            complete = all(upload.done() for upload in uploads)
            ingest.ingest_uploads(sample.archive)
            sample.build()
            list(pool.map(run, archives))
            if complete:
                break

    ((west, east),) = sample.sql("SELECT min(ST_XMin(geom)), max(ST_XMax(geom)) FROM cogmill.tile_index")
    extent = publish.draft_mapfile(sample.archive, TRAVIS.id).service.extent
    assert sample.sql("SELECT count(*) FROM cogmill.tile_index") == [(UPLOADS,)]
    assert sample.states() == ["published"] * UPLOADS
    assert (extent.west, extent.east) == (west, east)
    # four runs at a time write one index per round at most; how many rounds there are depends on how quick the machine is
    assert len(requests(run_folder, "PUT", bucket, "_idx.zip")) <= rounds < UPLOADS
    assert requests(run_folder, "GET", bucket, r"/cog/03-[^/\s]+") == [], "a COG was opened for the index"


@dataclass(frozen=True)
class PaintedArchive(SmallArchive):
    """An archive whose frames are plain pictures, all of one grey that changes with each round."""

    greys: list[int]

    def cog_body(self, job: Job) -> bytes:
        pixels = np.full((100, 100), self.greys[-1], np.uint8)
        return raster(pixels, west_of(job.id), 3_500_000 + SIDE_M, SIDE_M / 100)

    def repaint(self, grey: int) -> None:
        """Replace all frames by those of another grey, with one publication."""
        self.greys.append(grey)
        self.upload(frames=3, body=f"grey {grey}".encode())
        ingest.ingest_uploads(self.archive)
        self.build()
        self.publish()


def map_reader(painted: PaintedArchive, done: threading.Event, ledger: Ledger) -> list[set[int]]:
    """Draw the whole collection over and over with the real MapServer; return the greys of each picture."""
    archive = Archive(painted.archive.store, ledger, painted.archive.settings)
    drafted = publish.draft_mapfile(archive, TRAVIS.id)
    west, south, east, north = drafted.service.extent
    window = {"crs": "EPSG:3857", "bbox": f"{west},{south},{east},{north}", "width": 260, "height": 100}
    layer = {"layers": drafted.service.service_name, "styles": "", "format": "image/png", "transparent": "true"}
    pictures = []
    with publish._mapserver(archive) as runner, cgi.serve_draft(drafted.text, runner) as service:
        while not done.is_set():
            answer = service.expect("image/png", request="GetMap", version="1.3.0", **window, **layer)
            picture = np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGBA"))
            assert (picture[..., 3] == 255).mean() > 0.99, "a frame was missing"
            pictures.append(set(np.unique(picture[picture[..., 3] == 255][:, 0]).tolist()))
    return pictures


def sql_reader(database: dict[str, object], done: threading.Event) -> list[frozenset[str]]:
    """Read the index over and over; return the COGs of each reading."""
    readings = []
    with psycopg.connect(**database, autocommit=True) as connection:
        while not done.is_set():
            rows = connection.execute("SELECT location FROM cogmill.tile_index").fetchall()
            readings.append(frozenset(location for (location,) in rows))
    return readings


def test_readers_of_index_and_map_see_only_the_old_or_the_new_while_all_frames_are_replaced(archive, bucket, database):
    painted = PaintedArchive(archive, bucket[0], database, [])
    painted.repaint(50)
    versions = [frozenset(location for (location,) in painted.sql("SELECT location FROM cogmill.tile_index"))]
    done, ledger = threading.Event(), Ledger.connect(**database | {"user": "cogmill_writer"})

    with ThreadPoolExecutor(2) as pool:
        pictures = pool.submit(map_reader, painted, done, ledger)
        readings = pool.submit(sql_reader, database, done)
        for number in range(1, ROUNDS + 1):
            painted.repaint(50 + 3 * number)
            rows = painted.sql("SELECT location FROM cogmill.tile_index")
            versions.append(frozenset(location for (location,) in rows))
        done.set()
    ledger.close()

    assert len(set(versions)) == ROUNDS + 1
    assert set(readings.result()) <= set(versions)
    drawn = pictures.result()
    print(f"{len(readings.result())} readings and {len(drawn)} maps during {ROUNDS} publications")
    assert {len(greys) for greys in drawn} == {1}, "old and new frames in one picture"
    shown = [grey for greys in drawn for grey in greys]
    assert shown == sorted(shown), "an old map after a new one"
    assert set(shown) <= set(painted.greys)
