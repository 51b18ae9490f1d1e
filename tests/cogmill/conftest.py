from __future__ import annotations

import pytest
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.ledger import Ledger
from cogmill.pipeline import Mill

from tests.small_archive import SmallArchive


@pytest.fixture
def mill(database, bucket):
    client, name = bucket
    ledger = Ledger.connect(**database | {"user": "cogmill_writer"})
    yield Mill(S3Store(client, name), ledger, Settings(_env_file=None, bucket=name))
    ledger.close()


@pytest.fixture
def archive(mill, bucket, database):
    return SmallArchive(mill, bucket[0], database)
