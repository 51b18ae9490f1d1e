from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from botocore.exceptions import ClientError
from cogmill.cog import leftovers
from cogmill.cog.sandbox.confinement import WORKER_ID
from cogmill.cog.sandbox.engine_pool import EnginePool
from cogmill.cog.sandbox.limits import MIB
from cogmill.config.settings import Settings
from cogmill.domain.model import Bands
from cogmill.maintenance.cleanup import collect

from tests.small_archive import TRAVIS

COGS = TRAVIS.prefix(Bands.BW) + "cog/03"


@pytest.fixture
def published(sample):
    return sample.published()


def with_settings(sample, **changes):
    return replace(sample.archive, settings=Settings(_env_file=None, bucket=sample.archive.store.bucket, **changes))


def retire_all(sample, age):
    sample.sql(
        "INSERT INTO cogmill.retired_cog SELECT cog_key, id, now() - %s::interval FROM cogmill.frame ON CONFLICT (key)"
        " DO UPDATE SET retired_at = excluded.retired_at",
        age,
    )


def test_deletes_retired_cogs_only_after_their_time(published):
    published.sql("UPDATE cogmill.frame SET state = 'withdrawn'")
    published.sql("DELETE FROM cogmill.tile_index")
    retire_all(published, "29 days")
    assert collect(published.archive).cogs == []

    retire_all(published, "31 days")
    assert len(collect(published.archive, dry_run=True).cogs) == 3
    assert len(published.listed(COGS)) == 3
    assert len(collect(published.archive).cogs) == 3

    assert published.listed(COGS) == []
    assert collect(published.archive).cogs == []


def test_keeps_a_retired_cog_that_is_in_use_again(published):
    retire_all(published, "1 year")

    assert collect(published.archive).cogs == []
    assert len(published.listed(COGS)) == 3
    assert published.sql("SELECT * FROM cogmill.retired_cog") == []


def test_aborts_uploads_that_broke_off_long_ago(published):
    upload = {"Bucket": published.archive.store.bucket, "Key": "bw/x.tif"}
    published.client.create_multipart_upload(**upload)  # moto dates every one of them 2010
    assert published.archive.store.abort_uploads(dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) == []

    assert collect(published.archive).uploads == ["bw/x.tif"]
    assert "Uploads" not in published.client.list_multipart_uploads(Bucket=published.archive.store.bucket)


def test_aborts_uploads_beside_one_whose_key_no_xml_can_hold(published):
    bucket = published.archive.store.bucket
    with contextlib.suppress(ClientError):  # moto makes it and stumbles over its own answer
        published.client.create_multipart_upload(Bucket=bucket, Key="bw/a\0b.tif")
    published.client.create_multipart_upload(Bucket=bucket, Key="bw/x y+%20ä.tif")

    assert set(collect(published.archive).uploads) == {"bw/a\ufffdb.tif", "bw/x y+%20ä.tif"}
    assert "Uploads" not in published.client.list_multipart_uploads(Bucket=bucket)


def test_removes_forgotten_folders_of_workers_and_nothing_else(published, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("cogmill-index-abcd1234", "cogmill-abcd1234", "cogmill-demo", "somebody-elses", "cogmill-zzzz9999"):
        (tmp_path / name).mkdir()
        if name != "cogmill-zzzz9999":
            os.utime(tmp_path / name, (0, 0))

    collect(published.archive)

    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["cogmill-demo", "cogmill-zzzz9999", "somebody-elses"]


def test_a_build_removes_forgotten_folders_of_its_own_host(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("cogmill-abcd1234", "cogmill-zzzz9999"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / "cogmill-abcd1234", (0, 0))

    with EnginePool(2, MIB, threads=1):
        assert not (tmp_path / "cogmill-abcd1234").exists()

    assert [path.name for path in tmp_path.iterdir()] == ["cogmill-zzzz9999"]


def test_does_not_say_that_a_folder_of_somebody_else_was_removed(monkeypatch, caplog):
    with TemporaryDirectory() as place, caplog.at_level("INFO"):
        monkeypatch.setattr("tempfile.tempdir", place)
        folder = Path(place) / "cogmill-abcd1234"
        folder.mkdir()
        os.utime(folder, (0, 0))
        Path(place).chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(WORKER_ID)  # root may remove everything
        try:
            assert leftovers.remove_stale_folders() == []
        finally:
            if root:
                os.seteuid(0)
            Path(place).chmod(0o755)

        assert folder.exists()
    assert f"stale_folder_left folder={folder}" in caplog.text
    assert "removed" not in caplog.text


def test_knows_every_private_folder_that_the_program_makes():
    program = Path(leftovers.__file__).parents[1]
    made = {
        prefix
        for file in program.rglob("*.py")
        for prefix in re.findall(r'TemporaryDirectory\(prefix="([^"]+)"', file.read_text())
    }

    assert len(made) >= 4
    assert [prefix for prefix in sorted(made) if not leftovers.NAMES.fullmatch(f"{prefix}abcd1234")] == []
