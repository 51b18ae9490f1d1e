"""Operations while the archive is in use: rollback, live services, approval, a late compilation, a backfill, a lost database.

Takes many minutes: `make test-long` runs it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from cogmill.domain.keys import parse_upload
from cogmill.ledger import Ledger

from demo.stack import Stack, database
from demo.stack.programs import MAP_WORKERS as MAP_PROGRAMS
from tests.system.airflow_api import AirflowApi
from tests.system.conftest import TOPIC
from tests.system.probes import BUILDER, aws_client, ledger_rows, running, services, wait_until
from tests.system.small_survey import frame_states, objects, put, wait_for_states, write_frame

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not os.environ.get("COGMILL_LONG"), reason="takes many minutes; COGMILL_LONG=1 runs it"),
]

PATIENCE_S = 600
ROLLBACK_S = 60
UPLOAD_S = 90
"""From an upload to the map while a backfill runs."""
FRAMES = 500
MAP_WORKERS = 3
READING_S = 15
"""A person takes longer than Airflow to note that a task waits; it takes an answer that is quicker for a lost task, and asks again."""
SIDE = 300


def locations(stack: Stack, collection_id: str) -> set[str]:
    query = "SELECT location FROM cogmill.tile_index WHERE collection_id = %s"
    return {location for (location,) in ledger_rows(stack, query, collection_id)}


def test_one_collection_is_back_at_its_previous_revision_within_a_minute(live_stack: Stack, tmp_path: Path) -> None:
    api, collection, folder = AirflowApi(live_stack), "rolled_usda_1951_frames", "bw/Rolled/USDA_1951/frames/"
    put(live_stack, f"{folder}georef/03-22-51_1-1.tif", write_frame(tmp_path / "a.tif", SIDE, 1))
    wait_for_states(live_stack, collection, ["published"], PATIENCE_S)
    first = locations(live_stack, collection)
    put(live_stack, f"{folder}georef/03-22-51_1-1.tif", write_frame(tmp_path / "b.tif", SIDE + 20, 2))
    wait_until(lambda: locations(live_stack, collection) != first, PATIENCE_S)
    wait_for_states(live_stack, collection, ["published"], PATIENCE_S)
    wait_until(api.is_quiet, PATIENCE_S)

    begun = time.monotonic()
    state = api.run("rollback", PATIENCE_S, collection=collection, dry_run=False)
    seconds = time.monotonic() - begun

    print(f"rolled back {seconds:.1f} s after the button was pressed")
    assert state == "success"
    assert locations(live_stack, collection) == first
    assert b"<Name>Rolled_USDA_1951_frames</Name>" in services(live_stack, collection)
    assert seconds < ROLLBACK_S


def test_maintenance_asks_the_live_services_and_names_a_dead_one(live_stack: Stack, tmp_path: Path) -> None:
    api, collection = AirflowApi(live_stack), "probed_usda_1951_frames"
    put(live_stack, "bw/Probed/USDA_1951/frames/georef/03-22-51_1-1.tif", write_frame(tmp_path / "a.tif", SIDE, 3))
    wait_for_states(live_stack, collection, ["published"], PATIENCE_S)
    wait_until(lambda: b"Probed_USDA" in services(live_stack, collection), 60)

    assert api.run("maintenance", PATIENCE_S, dry_run=False) == "success"
    live_stack.supervisor.stop(MAP_PROGRAMS)
    try:
        assert api.run("maintenance", PATIENCE_S, dry_run=False) == "failed"
    finally:
        live_stack.supervisor.start(MAP_PROGRAMS)
        live_stack.health.wait(MAP_PROGRAMS)

    alive, dead = api.runs("maintenance")[-2:]
    assert "service_dead" not in api.log("maintenance", "probe_services", alive["dag_run_id"])
    assert "service_dead" in api.log("maintenance", "probe_services", dead["dag_run_id"])
    assert "services that do not answer" in api.log("maintenance", "report", dead["dag_run_id"])


def test_nothing_above_the_cap_leaves_the_map_until_a_person_approves(live_stack: Stack, tmp_path: Path) -> None:
    api, collection, folder = AirflowApi(live_stack), "capped_usda_1951_frames", "bw/Capped/USDA_1951/frames/"
    keys = [f"{folder}georef/03-22-51_1-{number}.tif" for number in (1, 2, 3)]
    for number, key in enumerate(keys):
        put(live_stack, key, write_frame(tmp_path / "f.tif", SIDE, 40 + number))
    wait_for_states(live_stack, collection, ["published"] * 3, PATIENCE_S)
    wait_until(api.is_quiet, PATIENCE_S)
    before, drawn = locations(live_stack, collection), services(live_stack, collection)
    for key in keys[:2]:
        live_stack.s3_client().delete_object(Bucket=live_stack.settings.bucket, Key=key)

    for choice in ("Reject", "Approve"):
        run_id = api.trigger("maintenance", dry_run=False)
        question = api.wait_for_question("maintenance", run_id, "approve_removals", PATIENCE_S)
        assert "2 frames and 0 services leave the map" in question
        assert "COGMILL_REMOVAL_FRAMES=1" in question
        assert (locations(live_stack, collection), services(live_stack, collection)) == (before, drawn)
        assert frame_states(live_stack, collection) == ["published"] * 3
        time.sleep(READING_S)
        api.answer("maintenance", run_id, "approve_removals", choice)
        assert api.end_of("maintenance", run_id, PATIENCE_S) == "success"
        (last,) = [box.state for box in api.boxes("maintenance", run_id) if box.task == "remove_approved"]
        assert last == "success", "pink is for frames; the answer is a result"
        if choice == "Reject":
            assert (locations(live_stack, collection), services(live_stack, collection)) == (before, drawn)

    assert frame_states(live_stack, collection) == ["withdrawn", "withdrawn", "published"]
    (left,) = locations(live_stack, collection)
    assert "/03-22-51_1-3." in left
    assert b"<Name>Capped_USDA_1951_frames</Name>" in services(live_stack, collection)


def test_a_message_comes_when_the_compilation_is_late(live_stack: Stack) -> None:
    api, sqs, sns = AirflowApi(live_stack), aws_client(live_stack, "sqs"), aws_client(live_stack, "sns")
    inbox = sqs.create_queue(QueueName="late")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)

    def subjects() -> list[str]:
        messages = sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", [])
        heard.extend(json.loads(message["Body"])["Subject"] for message in messages)
        return heard

    heard: list[str] = []
    with psycopg.connect(live_stack.dsn("owner")) as holding:
        holding.execute("LOCK TABLE cogmill.tile_index IN ACCESS EXCLUSIVE MODE")  # a reader waits, as for a slow disk
        run_id = api.trigger("compile_indexes")
        seconds = wait_until(lambda: "Cogmill: compile_indexes is late" in subjects(), PATIENCE_S)
        holding.rollback()

    print(f"the alert came {seconds:.0f} s after the run was asked for; it was given 60 s")
    assert api.end_of("compile_indexes", run_id, PATIENCE_S) == "success"


def rejected_before(stack: Stack, folder: str, bodies: Iterator[bytes]) -> list[str]:
    """Put frames into the bucket that the ledger has rejected already, as after a fault of ours that is mended."""
    rows, uploads = [], []
    for number, body in enumerate(bodies):
        key = f"{folder}georef/03-22-51_1-{number:03}.tif"
        upload = parse_upload(key)
        assert upload.name
        facts = {"collection_id": upload.collection.id, "source_key": key, "bands": "bw", "stem": upload.stem}
        name = {"date": upload.name.date, "roll": upload.name.roll, "frame_num": upload.name.frame_num}
        fault = {"state": "rejected", "reason": "no_crs", "detail": "by our fault"}
        version = {"etag": hashlib.md5(body).hexdigest(), "size": len(body), "uploaded_at": "2026-01-01"}  # noqa: S324
        rows.append({**facts, **name, **fault, **version, "scan_stem": upload.stem})
        uploads.append((key, body))
    ledger = Ledger.connect(conninfo=stack.dsn())
    ledger.uploads.add_collections([upload.collection])
    ledger.uploads.ingest_frames(rows)
    ledger.close()
    for key, body in uploads:
        put(stack, key, body)
    return [key for key, _ in uploads]


def kill_the_builder(stack: Stack) -> None:
    """Kill the task of the backfill that builds just now, with all its children."""
    task = running(stack, BUILDER)[0].parent()
    assert task is not None
    for process in [task, *task.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def stored_cogs(stack: Stack, folder: str) -> list[str]:
    """Keys of the COGs that the S3 server took, as its own log says."""
    log = (stack.paths.log / "moto.log").read_text(encoding="utf-8", errors="replace")
    return re.findall(rf'"PUT /{stack.settings.bucket}/({folder}cog/03-\S+) HTTP/1.1" 200', log)


def test_an_upload_passes_a_backfill_that_is_killed_and_goes_on(live_stack: Stack, tmp_path: Path) -> None:
    api, stack = AirflowApi(live_stack), live_stack
    folder, collection = "bw/Filled/USDA_1951/frames/", "filled_usda_1951_frames"
    wait_until(api.is_quiet, PATIENCE_S)
    keys = rejected_before(stack, folder, (write_frame(tmp_path / "f.tif", SIDE, n) for n in range(FRAMES)))
    begun = time.monotonic()
    run_id = api.trigger("backfill", collections=["everything"], prefix=folder, states=["rejected"], dry_run=False)
    wait_until(lambda: len(stored_cogs(stack, folder)) > FRAMES / 10, PATIENCE_S)

    put(stack, "bw/Passing/USDA_1951/frames/georef/03-22-51_1-1.tif", write_frame(tmp_path / "p.tif", SIDE, 7))
    passed = wait_until(lambda: b"Passing_USDA" in services(stack, "passing_usda_1951_frames"), PATIENCE_S)
    at_work = len(stored_cogs(stack, folder))
    kill_the_builder(stack)
    api.end_of("backfill", run_id, 3000)

    print(
        f"upload to map {passed:.1f} s while {at_work} of {FRAMES} frames were done; all after {time.monotonic() - begun:.0f} s"
    )
    assert frame_states(stack, collection) == ["published"] * len(keys)
    stored = stored_cogs(stack, folder)
    assert len(stored) == len(set(stored)) == FRAMES
    assert at_work < FRAMES, "the backfill was over before the upload"
    assert passed < UPLOAD_S


def test_the_archive_comes_back_from_its_bucket_when_the_ledger_is_lost(live_stack: Stack, tmp_path: Path) -> None:
    """The drill for the day on which the database is lost: a running archive, a new ledger, the old bucket."""
    api, collection, folder = AirflowApi(live_stack), "lost_usda_1951_frames", "bw/Lost/USDA_1951/frames/"
    states = ["published", "published", "rejected"]
    for number, crs in enumerate(("EPSG:26914", "EPSG:26914", None)):
        body = write_frame(tmp_path / "f.tif", SIDE, 50 + number, crs=crs)
        put(live_stack, f"{folder}georef/03-22-51_1-{number}.tif", body)
    wait_for_states(live_stack, collection, states, PATIENCE_S)
    wait_until(api.is_quiet, PATIENCE_S)
    cogs, mapfile = objects(live_stack, f"{folder}cog/03"), objects(live_stack, f"mapfiles/{collection}.map")
    drawn = services(live_stack, collection)

    api.set_paused("maintenance", paused=True)
    begun = time.monotonic()
    database.make_ledger(
        live_stack.paths, live_stack.settings
    )  # the migrations of docs/install.md on an empty database
    ledger = Ledger.connect(conninfo=live_stack.dsn("owner"))
    ledger.binding.give_to(live_stack.settings.bucket, take_over=True)  # as docs/operations.md says
    ledger.close()
    wait_for_states(live_stack, collection, states, PATIENCE_S)
    print(f"back {time.monotonic() - begun:.0f} s after the loss")
    wait_until(api.is_quiet, PATIENCE_S)

    assert len(cogs) == 2
    assert objects(live_stack, f"{folder}cog/03") == cogs, "a COG was written again"
    assert {key: etag for key, (etag, _) in objects(live_stack, f"mapfiles/{collection}.map").items()} == {
        key: etag for key, (etag, _) in mapfile.items()
    }
    assert services(live_stack, collection) == drawn
    api.set_paused("maintenance", paused=False)
    for _ in range(MAP_WORKERS):
        # each worker of MapServer notices that its connection has gone by the request that fails
        state = api.run("maintenance", PATIENCE_S, dry_run=True)
        print(f"maintenance after the loss: {state}")
    assert state == "success"
