from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace

import pytest
from cogmill.config.settings import Settings
from cogmill.domain.errors import Unavailable
from cogmill.domain.model import Bands
from cogmill.maintenance.cleanup import audit, collect
from cogmill.maintenance.compare import compare
from cogmill.maintenance.removal_plan import plan_removals
from cogmill.maintenance.repair import remove

from tests.small_archive import TRAVIS

COGS = TRAVIS.prefix(Bands.BW) + "cog/03"


@pytest.fixture
def published(archive):
    return archive.published()


def with_settings(archive, **changes):
    return replace(archive.mill, settings=Settings(_env_file=None, bucket=archive.mill.store.bucket, **changes))


def retire_all(archive, age):
    archive.sql(
        "INSERT INTO cogmill.retired_cog SELECT cog_key, id, now() - %s::interval FROM cogmill.frame ON CONFLICT (key)"
        " DO UPDATE SET retired_at = excluded.retired_at",
        age,
    )


def test_deletes_retired_cogs_only_after_their_time(published):
    published.sql("UPDATE cogmill.frame SET state = 'withdrawn'")
    published.sql("DELETE FROM cogmill.tile_index")
    retire_all(published, "29 days")
    assert collect(published.mill).cogs == []

    retire_all(published, "31 days")
    assert len(collect(published.mill, dry_run=True).cogs) == 3
    assert len(published.listed(COGS)) == 3
    assert len(collect(published.mill).cogs) == 3

    assert published.listed(COGS) == []
    assert collect(published.mill).cogs == []


def test_keeps_a_retired_cog_that_is_in_use_again(published):
    retire_all(published, "1 year")

    assert collect(published.mill).cogs == []
    assert len(published.listed(COGS)) == 3
    assert published.sql("SELECT * FROM cogmill.retired_cog") == []


def test_aborts_uploads_that_broke_off_long_ago(published):
    upload = {"Bucket": published.mill.store.bucket, "Key": "bw/x.tif"}
    published.client.create_multipart_upload(**upload)  # moto dates every one of them 2010
    assert published.mill.store.abort_uploads(dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) == []

    assert collect(published.mill).uploads == ["bw/x.tif"]
    assert "Uploads" not in published.client.list_multipart_uploads(Bucket=published.mill.store.bucket)


def test_removes_forgotten_folders_of_workers_and_nothing_else(published, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("cogmill-index-abcd1234", "cogmill-abcd1234", "cogmill-demo", "somebody-elses", "cogmill-zzzz9999"):
        (tmp_path / name).mkdir()
        if name != "cogmill-zzzz9999":
            os.utime(tmp_path / name, (0, 0))

    collect(published.mill)

    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["cogmill-demo", "cogmill-zzzz9999", "somebody-elses"]


def test_reads_a_share_of_all_cogs_each_night_until_all_had_their_turn(published):
    mill = with_settings(published, audit_nights=2)

    nights = [audit(mill).read for _ in range(2)]

    assert nights == [2, 2]
    assert published.sql("SELECT count(*) FROM cogmill.frame WHERE audited_at IS NULL") == [(0,)]


def test_finds_a_damaged_cog_of_the_right_size_and_lets_it_be_built_again(published):
    key = published.listed(COGS)[0]
    body = published.mill.store.read(key)
    published.put(key, bytes(reversed(body)))
    mill = with_settings(published, audit_nights=1)
    assert len(audit(mill, dry_run=True).damaged) == 1
    assert key in published.listed(COGS)

    result = audit(mill)

    assert result.read == 3
    assert [action.subject for action in result.damaged] == [key]
    assert published.mill.store.read("quarantine/" + key) == bytes(reversed(body))
    assert sorted(published.states()) == ["arrived", "published", "published"]
    assert published.sql("SELECT count(*) FROM cogmill.tile_index") == [(2,)]


def spoil(archive, count):
    damaged = archive.listed(COGS)[:count]
    for key in damaged:
        archive.put(key, bytes(reversed(archive.mill.store.read(key))))
    return damaged


def test_asks_a_person_when_more_cogs_are_damaged_than_one_run_may_remove(published):
    damaged = spoil(published, 2)
    mill = with_settings(published, audit_nights=1, removal_frames=1)

    result = audit(mill)

    assert [(action.subject, action.failed) for action in result.damaged] == [(key, True) for key in damaged]
    assert published.states() == ["published"] * 3
    plan = plan_removals(mill)
    assert (plan.cogs, remove(mill)) == (2, [])
    assert "2 lost or damaged COGs" in plan.concerns[0]
    assert [action.subject for action in remove(mill, approved=plan)] == damaged
    assert sorted(published.states()) == ["arrived", "arrived", "published"]


def test_forgets_damage_that_was_none_when_it_is_read_again(published):
    bodies = {key: published.mill.store.read(key) for key in spoil(published, 2)}
    mill = with_settings(published, audit_nights=1, removal_frames=1)
    audit(mill)
    for key, body in bodies.items():
        published.put(key, bytes(reversed(body)))

    audit(mill)

    assert plan_removals(mill).cogs == 0


def test_nobody_builds_a_damaged_frame_before_its_cog_was_put_aside(published, monkeypatch):
    (damaged,) = spoil(published, 1)
    mill = with_settings(published, audit_nights=1)

    def killed(key, target):
        raise Unavailable("the worker was killed")

    monkeypatch.setattr(mill.store, "move", killed)
    with pytest.raises(Unavailable):
        audit(mill)
    monkeypatch.undo()

    assert sorted(published.states()) == ["arrived", "published", "published"]
    assert mill.ledger.frames.due(TRAVIS.id, 10) == []
    assert compare(mill).counts["cog_damaged"] == 1
    assert [action.subject for action in remove(mill)] == [damaged]
    assert damaged not in published.listed(COGS)
    assert len(mill.ledger.frames.due(TRAVIS.id, 10)) == 1
