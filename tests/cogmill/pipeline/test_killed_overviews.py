"""A run of the overviews that is killed at any step leaves nothing behind that the next one does not put right."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cogmill.domain import keys
from cogmill.maintenance.cleanup import collect
from cogmill.maintenance.compare import compare
from cogmill.pipeline import ingest, publish, update_overviews
from cogmill.pipeline.withdraw import withdraw_overviews

from tests.cogmill.pipeline import killed_run
from tests.small_archive import TRAVIS, SmallArchive

LIMIT_S = 300


@pytest.fixture
def survey(sample, monkeypatch) -> SmallArchive:
    """Two frames side by side and one 20 km away, published without overviews."""
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", killed_run.MOST_FRAMES)
    monkeypatch.setattr(publish, "verify_draft", lambda *args: None)
    for number in (1, 2, 100):
        sample.upload_real(number)
    sample.run(overviews=False)
    return sample


def start_over(sample: SmallArchive) -> None:
    """Take the collection back to when it had no overviews."""
    withdraw_overviews(sample.archive, TRAVIS.id)
    for key in sample.listed("overviews/"):
        sample.delete(key)
    sample.sql("TRUNCATE cogmill.retired_overview")
    publish.publish_mapfile(sample.archive, TRAVIS.id)


def run_and_be_killed(sample: SmallArchive, database, endpoint: str, step: str, folder: Path) -> None:
    libpq = json.dumps(database | {"user": "cogmill_writer"})
    command = [sys.executable, killed_run.__file__, step, sample.archive.store.bucket, endpoint, libpq]
    environment = os.environ | {"TMPDIR": str(folder)}
    process = subprocess.run(command, env=environment, timeout=LIMIT_S, capture_output=True, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()


def left_over(folder: Path) -> Iterator[str]:
    """Yield the processes whose temporary folder this is."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                yield (process / "cmdline").read_text()
        except OSError:
            continue


def assert_all_agree(sample: SmallArchive, expected: list[tuple]) -> None:
    rows = sample.sql("SELECT level, x, y, acquired, all_days, key, sha256 FROM cogmill.overview ORDER BY key")
    assert rows == expected
    assert len({row[:5] for row in rows}) == len(rows)
    stored = {key: sample.archive.store.digest(key)[0] for key in sample.listed("overviews/")}
    assert {row[5]: row[6] for row in rows} == stored
    body = sample.archive.store.read(keys.mapfile_key(TRAVIS.id))
    assert "_tiles" in body.decode()
    facts = (
        "SELECT mapfile_sha256, overview_levels = mapfile_levels, overview_revision = revision FROM cogmill.collection"
    )
    assert sample.sql(facts) == [(hashlib.sha256(body).hexdigest(), True, True)]
    found = compare(sample.archive).counts
    assert {kind for kind, n in found.items() if n} <= {"scan_missing"}


@pytest.mark.timeout(1800)
def test_next_run_puts_right_what_a_killed_one_left(survey, database, s3_server, tmp_path, monkeypatch):
    update_overviews.update_overviews(survey.archive, TRAVIS.id)
    expected = survey.sql("SELECT level, x, y, acquired, all_days, key, sha256 FROM cogmill.overview ORDER BY key")
    assert len(expected) >= 3
    for step in killed_run.STEPS:
        start_over(survey)
        folder = tmp_path / step.replace(" ", "-")
        folder.mkdir()

        run_and_be_killed(survey, database, s3_server, step, folder)

        deadline = time.monotonic() + LIMIT_S
        while list(left_over(folder)):
            assert time.monotonic() < deadline, f"{step}: {list(left_over(folder))}"
            time.sleep(0.1)
        survey.sql("UPDATE cogmill.collection SET triggered_at = now() - interval '1 hour'")
        assert ingest.has_new_uploads(survey.archive) == (step != "published"), step
        update_overviews.update_overviews(survey.archive, TRAVIS.id)
        assert_all_agree(survey, expected)
        assert not ingest.has_new_uploads(survey.archive), step
        for path in folder.iterdir():
            os.utime(path, (0, 0))
        with monkeypatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(folder))
            collect(survey.archive)
        assert list(folder.iterdir()) == [], step
