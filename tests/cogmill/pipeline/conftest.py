from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from cogmill.aws.sqs import EventQueue
from cogmill.config.settings import Settings
from cogmill.config.site import use_site
from cogmill.domain.layout import TEXAS, use_layout
from cogmill.pipeline import ingest

from tests.small_archive import SmallArchive

SECOND_SITE = Path(__file__).parents[3] / "examples" / "central-europe"


@pytest.fixture
def real(sample):
    """Two real frames that MapServer can draw."""
    for number in (1, 2):
        sample.upload_real(number)
    sample.run()
    return sample


@pytest.fixture
def sqs(s3_server):
    client = boto3.client(
        "sqs", endpoint_url=s3_server, region_name="us-east-1", aws_access_key_id="only", aws_secret_access_key="tests"
    )
    yield client
    client.close()


@pytest.fixture
def queues(sqs, archive):
    """Addresses of the queue and its dead-letter queue."""
    dead = sqs.create_queue(QueueName=f"{archive.store.bucket}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 10})
    url = sqs.create_queue(
        QueueName=archive.store.bucket, Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "30"}
    )["QueueUrl"]
    return url, dead


@pytest.fixture
def announced(archive, bucket, database, sqs, queues):
    """An archive whose bucket announces uploads, and which is listed by nobody for an hour."""
    client, name = bucket
    url, dead = queues
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    settings = Settings(_env_file=None, bucket=name, events="sqs", events_queue_url=url, sweep_seconds=3600)
    eager = replace(archive, settings=settings, queue=EventQueue(sqs, url, dead))
    ingest.ingest_uploads(eager)
    return SmallArchive(eager, client, database)


@pytest.fixture
def second_site(archive):
    """The archive with the layout, words and collection files of examples/central-europe."""
    use_site(SECOND_SITE / "site.yaml")
    folder = {"site_file": SECOND_SITE / "site.yaml", "collections_dir": SECOND_SITE / "collections"}
    yield replace(archive, settings=Settings(_env_file=None, bucket=archive.store.bucket, **folder))
    use_layout(TEXAS)
