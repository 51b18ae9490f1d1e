"""How long an upload takes to its map that a notification announces in the middle of a sweep of three million keys.

A step of `bench.watching`. The bucket is moto's, with its queue; what a sweep sees of it is the listing of the whole ledger. Airflow is
left out: `bench.latency` measures it.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
from cogmill.aws.listing import Listing
from cogmill.aws.s3 import S3Store
from cogmill.aws.sqs import EventQueue
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive, build_cogs, ingest, publish
from cogmill.pipeline.batches import plan_batches
from psycopg.conninfo import conninfo_to_dict

from bench import inputs, listing
from bench.scale_steps import BUCKET
from demo.stack import Stack

KEY = "bw/Announced/USDA_1951/frames/georef/03-22-51_4-1.tif"
AS_NEW = "UPDATE cogmill.sweep SET reached = NULL, wanted = false, counted_at = NULL, debt_s = 0"
"""The next sweep is measured from its beginning, with the whole budget."""

INTO_SWEEP_S = 1.0
"""The upload arrives so long after a part of the sweep has begun: nearly a whole part goes by before the queue is read again."""


class ListedElsewhere(S3Store):
    """A bucket of few objects that is listed as if it held those of a whole ledger."""

    def __init__(self, client: Any, listed: Any) -> None:
        super().__init__(client, BUCKET)
        self._listed = S3Store(listed, BUCKET)

    def pages(
        self, prefix: str = "", skip: Callable[[str], str | None] | None = None, after: str = ""
    ) -> Iterator[Listing]:
        """List what the other service says."""
        return self._listed.pages(prefix, skip, after)


def seconds_to_map(stack: Stack, address: str) -> float:
    """Upload a frame of 7,200 px while a sweep lists the bucket at an address; return the seconds to its published mapfile."""
    client = stack.s3_client()
    ledger = Ledger.connect(**conninfo_to_dict(stack.dsn("owner")))
    archive = _archive(stack, client, listing.client(address), ledger)
    ledger.uploads.mark_triggered(ledger.uploads.due_collections(0, at_most=1_000_000))
    with tempfile.TemporaryDirectory(prefix="cogmill-bench-") as folder:
        frame = inputs.make(inputs.INPUTS[0], Path(folder))
        uploaded: list[float] = []

        def upload() -> None:
            client.upload_file(str(frame), BUCKET, KEY)
            uploaded.append(time.monotonic())

        timer = threading.Timer(INTO_SWEEP_S, upload)
        timer.start()
        while not ingest.has_new_uploads(archive):
            time.sleep(archive.settings.poke_seconds)
        timer.join()
        for collection_id in ingest.ingest_uploads(archive).collection_ids:
            _publish(archive, collection_id)
        passed = time.monotonic() - uploaded[0]
    if ledger.uploads.sweep_progress() is None:
        raise RuntimeError("the sweep was over before the upload came: choose more frames")
    ledger.close()
    with psycopg.connect(stack.dsn("owner")) as connection:
        connection.execute(AS_NEW)
    return passed


def _archive(stack: Stack, client: Any, listed: Any, ledger: Ledger) -> Archive:
    keys = {
        "aws_access_key_id": stack.settings.s3_access_key,
        "aws_secret_access_key": stack.settings.s3_secret_key.get_secret_value(),
        "region_name": "us-east-1",
    }
    sqs = boto3.client("sqs", endpoint_url=stack.settings.s3_url, **keys)
    url = sqs.create_queue(QueueName="announced")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    client.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=told)
    settings = Settings(_env_file=None, bucket=BUCKET, events="sqs", events_queue_url=url)
    return Archive(ListedElsewhere(client, listed), ledger, settings, EventQueue(sqs, url))


def _publish(archive: Archive, collection_id: str) -> None:
    """Do what the tasks of a collection's run do."""
    for batch in plan_batches(archive, collection_id):
        build_cogs.build_batch(archive, batch["frame_ids"], "bench")
    publish.update_tile_index(archive, collection_id)
    publish.export_index(archive, collection_id)
    publish.publish_mapfile(archive, collection_id)
