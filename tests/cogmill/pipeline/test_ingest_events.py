"""Uploads announced by a real queue: moto's S3 tells moto's SQS."""

from __future__ import annotations

import json
import os
import random
import re
from dataclasses import replace

import pytest
from cogmill.maintenance.compare import compare
from cogmill.pipeline import ingest
from cogmill.pipeline.discovery import sweep

from tests.small_archive import TRAVIS


def waiting(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def forbid_listing(monkeypatch, store):
    def listed(*args, **options):
        raise AssertionError("the bucket was listed")

    monkeypatch.setattr(type(store), "pages", listed)


def test_takes_in_what_was_announced_without_listing_the_bucket(announced, monkeypatch, sqs, queues):
    assert not ingest.has_new_uploads(announced.archive)
    announced.upload(frames=2)
    forbid_listing(monkeypatch, announced.archive.store)

    assert ingest.has_new_uploads(announced.archive)
    taken = ingest.ingest_uploads(announced.archive)

    assert (taken.frames, taken.scans, taken.collection_ids) == (2, 2, [TRAVIS.id])
    assert not ingest.has_new_uploads(announced.archive)
    assert waiting(sqs, queues[0]) == 0


@pytest.mark.parametrize("stem", ["03-22-51_4-17 4", "03-22-51_4-17+4", "03-22-51_4-17%204", "03-22-51_4-Süd"])
def test_takes_in_names_with_blanks_plus_percent_and_umlauts(announced, stem):
    announced.put(f"bw/Travis/USDA_1951/frames/georef/{stem}.tif")

    assert ingest.ingest_uploads(announced.archive).frames == 1


def test_shows_refused_names_in_the_run_that_was_woken_by_them(announced):
    announced.put("bw/Travis/USDA_1951/frames/georef/picture.tif")

    assert ingest.has_new_uploads(announced.archive)
    assert len(ingest.ingest_uploads(announced.archive).rejected) == 1


def test_leaves_out_and_names_keys_that_the_ledger_cannot_hold(announced, sqs, queues, caplog):
    folder = "bw/Travis/USDA_1951/frames/georef/"
    announced.put(f"{folder}03-22-51_9-1\0.tif")
    half = {"key": f"{folder}03-22-51_9-2\ud800.tif", "sequencer": "01"}
    record = {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": announced.archive.store.bucket}, "object": half},
    }
    sqs.send_message(QueueUrl=queues[0], MessageBody=json.dumps({"Records": [record]}))
    assert waiting(sqs, queues[0]) == 2

    assert not ingest.has_new_uploads(announced.archive)
    assert waiting(sqs, queues[0]) == 0
    assert "03-22-51_9-1\\x00.tif'" in caplog.text
    assert "03-22-51_9-2\\ud800.tif'" in caplog.text


def test_takes_in_what_was_announced_beside_a_key_that_the_ledger_cannot_hold(announced, sqs, queues, caplog):
    announced.put("bw/Travis/USDA_1951/frames/georef/03-22-51_9-1\0.tif")
    announced.upload(frames=2)
    assert ingest.has_new_uploads(announced.archive)

    assert ingest.ingest_uploads(announced.archive).frames == 2

    assert "03-22-51_9-1\\x00.tif'" in caplog.text
    assert not ingest.has_new_uploads(announced.archive)
    assert waiting(sqs, queues[0]) == 0


def cog_puts(run_folder, bucket):
    """Keys of the COGs that the S3 server was sent, as it wrote them into its own log."""
    log = (run_folder / "moto.log").read_text(encoding="utf-8", errors="replace")
    return re.findall(rf'"PUT /{bucket}/(\S+/cog/[^/\s]+) HTTP', log)


def test_stores_each_cog_once_when_ten_shuffled_events_announce_each_frame(announced, sqs, queues, run_folder):
    frames = 100 if os.environ.get("COGMILL_LONG") else 15
    uploads = announced.upload(frames=frames)
    bodies = []
    for number, key in enumerate(uploads):
        stored = {"key": key, "sequencer": f"{number:04X}"}
        record = {
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": announced.archive.store.bucket}, "object": stored},
        }
        bodies += [json.dumps({"Records": [record]})] * 10
    random.Random(4).shuffle(bodies)  # noqa: S311
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
        sqs.send_message_batch(QueueUrl=queues[0], Entries=entries)
    while ingest.has_new_uploads(announced.archive):
        ingest.ingest_uploads(announced.archive)
        announced.build()
    announced.publish()

    puts = cog_puts(run_folder, announced.archive.store.bucket)
    print(f"{len(puts)} PUTs of COGs for {frames} frames and {len(bodies)} events")
    assert len(puts) == len(set(puts)) == frames
    assert announced.sql("SELECT count(*) FROM cogmill.tile_index") == [(frames,)]
    assert not ingest.has_new_uploads(announced.archive)  # what we wrote ourselves was announced too
    assert waiting(sqs, queues[0]) == 0


def test_finds_everything_by_the_sweep_when_all_events_are_lost(announced, sqs, queues):
    announced.upload(frames=20)
    sqs.purge_queue(QueueUrl=queues[0])
    assert not ingest.has_new_uploads(announced.archive)

    settings = announced.archive.settings.model_copy(update={"sweep_seconds": 0})
    late = replace(announced.archive, settings=settings)

    assert ingest.has_new_uploads(late)
    assert ingest.ingest_uploads(late).frames == 20


def test_reads_notifications_between_the_parts_of_a_sweep(announced, monkeypatch):
    monkeypatch.setattr(sweep, "PART_BESIDE_EVENTS_S", 0.0)
    for number in range(9):
        announced.put(f"notes/{number}.txt")
    announced.client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 3}
    )
    announced.sql("UPDATE cogmill.sweep SET counted_at = now() - interval '2 hours'")
    ledger = announced.archive.ledger
    assert not ingest.has_new_uploads(announced.archive)
    assert ledger.uploads.sweep_progress()
    announced.upload(frames=2)

    assert ingest.has_new_uploads(announced.archive)
    assert ingest.ingest_uploads(announced.archive).collection_ids == [TRAVIS.id]
    assert ledger.uploads.sweep_progress()
    ledger.uploads.mark_triggered([TRAVIS.id])
    while ledger.uploads.listing_account().wanted:
        assert not ingest.has_new_uploads(announced.archive)


def test_believes_the_bucket_and_not_the_event(announced):
    (key,) = announced.upload(frames=1)
    announced.delete(key)

    assert ingest.ingest_uploads(announced.archive).frames == 0


def test_lets_an_empty_object_come_again_until_it_has_settled(announced):
    key = announced.upload(frames=1, body=b"")[0]
    assert not any(frame == key for frame in [r.key for r in ingest.ingest_uploads(announced.archive).rejected])
    assert announced.states() == []

    announced.put(key, b"real")

    assert ingest.ingest_uploads(announced.archive).frames == 1


def test_reports_messages_that_nobody_can_read(announced, sqs, queues):
    url, dead = queues
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert not ingest.has_new_uploads(announced.archive)
    sqs.send_message(QueueUrl=dead, MessageBody="hello")  # what the redrive policy does after the timeout

    assert compare(announced.archive).counts["event_dead"] == 1
