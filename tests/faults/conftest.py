"""An archive of real frames whose ways to S3 and to PostgreSQL can be disturbed."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config
from cogmill.aws.client_limits import client_config, log_failed_tries
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.domain.errors import CogmillError
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.ledger.connection.silence import TimeLimits
from cogmill.maintenance.cleanup import collect
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove, repair
from cogmill.pipeline import update_overviews
from cogmill.pipeline.archive import Archive, open_archive

from tests.faults import checker
from tests.faults.relay import Relay, relay
from tests.faults.s3_proxy import S3Proxy, s3_proxy
from tests.small_archive import TRAVIS, SmallArchive, geotiff

LONG = bool(os.environ.get("COGMILL_LONG"))
"""Whether every fault strikes at every moment, as `make faults` does; else some do, within a few minutes."""

BAR_S = 60
"""Within this time each fault is named, in the log or by the error that a task shows."""

LIMITS = TimeLimits(silence_s=2, statement_s=60, lock_s=10, idle_in_transaction_s=5)
"""Shorter than by default, so that the tests are quick; `test_silence` measures the defaults."""

NOT_YET = {"scan_missing", "upload_unknown", "cog_orphan", "picture_orphan"}
"""Findings of maintenance that are no fault here: nobody uploaded scans, and objects are younger than an hour."""


def chosen(cases: Iterable[Any], quick: Container[Any]) -> list[Any]:
    """Return test parameters of which only those in `quick` run outside of the long lane."""
    skip = pytest.mark.skipif(not LONG, reason="long: make faults")
    return [case if case in quick else pytest.param(*_as_tuple(case), marks=skip) for case in cases]


def _as_tuple(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)


@dataclass
class Disturbed:
    """One archive, what people have uploaded to it, and the two ways that can be disturbed."""

    proxy: S3Proxy
    way: Relay
    client: Any
    bucket: str
    libpq: dict[str, object]
    """Of the owner, past the relay."""
    uploads: dict[str, bytes] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    """What tasks showed."""

    def open(self) -> SmallArchive:
        """Connect as a task does, through proxy and relay."""
        keys = {"aws_access_key_id": "only", "aws_secret_access_key": "tests"}
        config = client_config(LIMITS.silence_s)
        client = boto3.client("s3", endpoint_url=self.proxy.url, region_name="us-east-1", config=config, **keys)
        log_failed_tries(client, "s3")
        ledger = Ledger.connect(LIMITS, **self.libpq | {"user": "cogmill_writer", "port": self.way.port})
        settings = Settings(_env_file=None, bucket=self.bucket, build_processes=1)
        return SmallArchive(open_archive(S3Store(client, self.bucket), ledger, settings), self.client, self.libpq)

    def upload(self, number: int, seed: int = 1) -> str:
        """Put a real frame into the bucket, as people do."""
        key = f"{TRAVIS.prefix(Bands.BW)}georef/{SmallArchive.stem(TRAVIS, number)}.tif"
        self.uploads[key] = geotiff(-10_900_000 + 200 * number, seed)
        # older programs store no checksum beside the object, which would tell when an answer is not whole
        plain = Config(request_checksum_calculation="when_required")
        keys = {"aws_access_key_id": "only", "aws_secret_access_key": "tests"}
        server = self.client.meta.endpoint_url
        client = boto3.client("s3", endpoint_url=server, region_name="us-east-1", config=plain, **keys)
        client.put_object(Bucket=self.bucket, Key=key, Body=self.uploads[key])
        client.close()
        return key

    def attempt(self, work: Callable[[SmallArchive], object]) -> bool:
        """Do what a task does, and keep the error that it shows; tell whether there was none."""
        try:
            sample = self.open()
        except CogmillError as err:
            self.errors.append(f"{type(err).__name__}: {err}")
            return False
        try:
            work(sample)
        except CogmillError as err:
            self.errors.append(f"{type(err).__name__}: {err}")
            return False
        finally:
            sample.archive.ledger.close()
        return True

    def run(self) -> bool:
        """Do what a run of the collection's DAG does."""
        return self.attempt(lambda sample: sample.run())

    def night(self) -> bool:
        """Do what a night's maintenance does."""

        def work(sample: SmallArchive) -> None:
            for step in (compare, repair, remove, collect):
                step(sample.archive)

        return self.attempt(work)

    def lies(self) -> list[str]:
        """Return what the public is shown and cannot have."""
        return checker.lies(self.client, self.bucket, self.libpq)

    def settle(self) -> list[str]:
        """Let pauses and leases be over, run until nothing is left to do, and return all that is wrong then."""
        for _ in range(3):
            with psycopg.connect(**self.libpq, autocommit=True) as connection:
                connection.execute("UPDATE cogmill.frame SET lease_until = now() WHERE state = 'building'")
                connection.execute("UPDATE cogmill.frame SET next_try_at = now() WHERE next_try_at <> 'infinity'")
            assert self.run(), self.errors[-1]
        assert self.night(), self.errors[-1]
        assert self.run(), self.errors[-1]
        found = checker.disagreements(self.client, self.bucket, self.libpq, self.uploads)
        return found + self._found_by_maintenance()

    def _found_by_maintenance(self) -> list[str]:
        archive: Archive = self.open().archive
        counts = compare(archive).counts
        archive.ledger.close()
        return [f"maintenance: {count} {kind}" for kind, count in counts.items() if count and kind not in NOT_YET]


@pytest.fixture
def own_database(postgres) -> Iterator[dict[str, object]]:
    """A database that no connection of a fixture depends on: the server may be killed."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated".encode())
    yield postgres.parameters(name)
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def disturbed(own_database, s3_server, bucket, monkeypatch) -> Iterator[Disturbed]:
    """Two frames are on the map, with overviews; then the test begins."""
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", 1)  # two frames shall have overviews
    with ExitStack() as stack:
        proxy = stack.enter_context(s3_proxy(s3_server))
        way = stack.enter_context(relay(str(own_database["host"]), int(str(own_database["port"]))))
        it = Disturbed(proxy, way, bucket[0], bucket[1], own_database)
        it.upload(1)
        it.upload(2)
        assert it.settle() == []
        yield it


@pytest.fixture
def named(disturbed, caplog) -> Callable[[float], float]:
    """Return within how many seconds from a moment on (`time.time`) a fault was named."""

    def within(begun: float) -> float:
        moments = [
            record.created for record in caplog.records if record.created >= begun and record.levelname != "INFO"
        ]
        if not moments and disturbed.errors:
            moments = [time.time()]
        assert moments, "nobody said that anything is wrong"
        assert min(moments) - begun < BAR_S
        return min(moments) - begun

    return within
