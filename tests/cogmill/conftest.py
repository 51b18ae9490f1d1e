from __future__ import annotations

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Archive

from tests.small_archive import SmallArchive


@pytest.fixture
def archive(database, bucket):
    client, name = bucket
    ledger = Ledger.connect(**database | {"user": "cogmill_writer"})
    yield Archive(S3Store(client, name), ledger, Settings(_env_file=None, bucket=name))
    ledger.close()


@pytest.fixture
def sample(archive, bucket, database):
    return SmallArchive(archive, bucket[0], database)
