"""One bucket, one ledger: each names the other, and neither is changed by a setting."""

from __future__ import annotations

import json
import uuid

import psycopg
import pytest
from cogmill.aws.s3 import S3Store
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.keys import LEDGER_MARK
from cogmill.ledger import bucket as ledger_bucket
from cogmill.ledger.migrate import MIGRATIONS
from cogmill.maintenance.compare import compare
from cogmill.pipeline import ingest, publish
from cogmill.pipeline.archive import open_archive

from tests.small_archive import TRAVIS


def opened(sample, name=None):
    store = S3Store(sample.client, name) if name else sample.archive.store
    return open_archive(store, sample.archive.ledger, sample.archive.settings)


def locations(sample):
    return sample.sql("SELECT split_part(location, '/', 3), count(*) FROM cogmill.tile_index GROUP BY 1")


@pytest.fixture
def other(sample):
    name = f"other-{sample.archive.store.bucket}"
    sample.client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def command(monkeypatch, database):
    for variable, name in (
        ("HOST", "host"),
        ("PORT", "port"),
        ("DATABASE", "dbname"),
        ("USER", "user"),
        ("PASSWORD", "password"),
    ):
        monkeypatch.setenv(f"PG{variable}", str(database[name]))
    return ledger_bucket.main


def test_ledger_and_bucket_name_each_other_at_first_use(sample):
    opened(sample)
    opened(sample)

    identity = sample.archive.ledger.binding.identity()
    assert identity.bucket == sample.archive.store.bucket
    assert json.loads(sample.archive.store.read(LEDGER_MARK))["ledger"] == identity.id


def test_another_bucket_is_refused_with_what_to_do_and_nothing_changes(sample, other):
    opened(sample)
    sample.published()
    before = locations(sample)

    with pytest.raises(
        ConfigurationError, match=f"COGMILL_BUCKET={sample.archive.store.bucket}.*ledger.bucket {other}"
    ):
        opened(sample, other)

    assert locations(sample) == before
    assert "Contents" not in sample.client.list_objects_v2(Bucket=other)


def test_a_second_ledger_is_refused_until_a_person_says_that_the_first_is_gone(sample, command):
    opened(sample)
    first = sample.archive.ledger.binding.identity().id
    sample.sql("UPDATE cogmill.identity SET id = gen_random_uuid(), bucket = NULL")
    second = sample.archive.ledger.binding.identity().id

    with pytest.raises(ConfigurationError, match=f"{first}.*--take-over"):
        opened(sample)
    assert sample.archive.ledger.binding.identity().bucket is None

    assert command([sample.archive.store.bucket, "--take-over"]) == 0
    opened(sample)
    assert json.loads(sample.archive.store.read(LEDGER_MARK))["ledger"] == second
    assert not sample.archive.ledger.binding.identity().take_over


def test_a_bucket_of_the_same_name_elsewhere_is_refused(sample):
    opened(sample)
    sample.published()
    for key in sample.listed():
        sample.delete(key)

    with pytest.raises(ConfigurationError, match="another bucket of that name, or was emptied"):
        opened(sample)


def test_a_mark_that_was_deleted_or_written_over_is_put_back_or_named(sample):
    opened(sample)
    sample.published()
    sample.delete(LEDGER_MARK)

    opened(sample)
    assert sample.archive.store.read(LEDGER_MARK)

    sample.put(LEDGER_MARK, b"[]")
    with pytest.raises(ConfigurationError, match="unreadable name"):
        opened(sample)


def test_the_archive_moves_when_a_person_says_so_and_every_row_names_the_new_bucket(sample, other, command, capsys):
    opened(sample)
    sample.published()
    compare(sample.archive)
    for key in sample.listed():
        sample.client.copy_object(Bucket=other, Key=key, CopySource={"Bucket": sample.archive.store.bucket, "Key": key})

    assert command([other]) == 0
    assert "3 index rows" in capsys.readouterr().out
    moved = opened(sample, other)

    assert ingest.ingest_uploads(moved).collection_ids == [TRAVIS.id]
    publish.update_tile_index(moved, TRAVIS.id)
    assert locations(sample) == [(other, 3)]
    with pytest.raises(ConfigurationError):
        opened(sample)


def test_the_command_tells_where_the_ledger_belongs(sample, command, capsys, monkeypatch):
    assert command([]) == 0
    assert "no bucket yet" in capsys.readouterr().out
    opened(sample)
    assert command([]) == 0
    assert sample.archive.store.bucket in capsys.readouterr().out
    monkeypatch.setenv("PGPORT", "1")
    assert command([]) == 1


def test_the_command_says_what_to_do_where_the_schema_is_missing(sample, command, capsys):
    sample.sql("DROP SCHEMA cogmill CASCADE")

    assert command([]) == 1
    assert "cogmill.ledger.migrate" in capsys.readouterr().err


def test_a_ledger_in_use_belongs_to_the_bucket_of_its_rows_after_the_migration(sample):
    sample.published()
    sample.sql("DROP TABLE cogmill.identity")
    with psycopg.connect(**sample.libpq) as owner:
        owner.execute((MIGRATIONS / "0012_bucket.sql").read_bytes())

    assert sample.archive.ledger.binding.identity().bucket == sample.archive.store.bucket
    opened(sample)
    assert sample.archive.store.read(LEDGER_MARK)


def test_an_unused_ledger_takes_no_bucket_that_is_missing(sample):
    with pytest.raises(Exception, match="NoSuchBucket"):
        opened(sample, f"missing-{uuid.uuid4().hex[:8]}")

    assert sample.archive.ledger.binding.identity().bucket is None
