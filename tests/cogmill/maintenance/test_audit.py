from __future__ import annotations

from dataclasses import replace

import pytest
from cogmill.config.settings import Settings
from cogmill.domain.errors import ServiceUnavailableError
from cogmill.domain.model import Bands
from cogmill.maintenance.audit import audit
from cogmill.maintenance.change_plan import plan_changes, record_plan
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove

from tests.small_archive import TRAVIS

COGS = TRAVIS.prefix(Bands.BW) + "cog/03"


@pytest.fixture
def published(sample):
    return sample.published()


def with_settings(sample, **changes):
    return replace(sample.archive, settings=Settings(_env_file=None, bucket=sample.archive.store.bucket, **changes))


def test_reads_a_share_of_all_cogs_each_night_until_all_had_their_turn(published):
    archive = with_settings(published, audit_nights=2)

    nights = [audit(archive).read for _ in range(2)]

    assert nights == [2, 2]
    assert published.sql("SELECT count(*) FROM cogmill.frame WHERE audited_at IS NULL") == [(0,)]


def test_finds_a_damaged_cog_of_the_right_size_and_lets_it_be_built_again(published):
    key = published.listed(COGS)[0]
    body = published.archive.store.read(key)
    published.put(key, bytes(reversed(body)))
    archive = with_settings(published, audit_nights=1)
    assert len(audit(archive, dry_run=True).damaged) == 1
    assert key in published.listed(COGS)

    result = audit(archive)

    assert result.read == 3
    assert [action.subject for action in result.damaged] == [key]
    assert published.archive.store.read("quarantine/" + key) == bytes(reversed(body))
    assert sorted(published.states()) == ["arrived", "published", "published"]
    assert published.sql("SELECT count(*) FROM cogmill.tile_index") == [(2,)]


def test_learns_of_cogs_that_are_there_already_whether_their_outline_tells_which_pixels_are_valid(sample):
    for number in (1, 2):
        sample.upload_real(number)
    sample.run()
    outlines = "SELECT key, margin_m, transform FROM cogmill.outlined_cog ORDER BY key"
    built = sample.sql(outlines)
    assert [margin > 0 for _, margin, _ in built] == [True, True]
    assert [transform for _, _, transform in built] == [[2, 0, -10_900_000 + 200 * n, 0, -2, 3_500_000] for n in (1, 2)]
    sample.sql("DELETE FROM cogmill.outlined_cog")
    archive = with_settings(sample, audit_nights=1)

    audit(archive, dry_run=True)
    assert sample.sql(outlines) == []
    read = []
    sample.client.meta.events.register(
        "provide-client-params.s3.GetObject", lambda params, **_: read.append(params["Key"])
    )
    audit(archive)

    assert sample.sql(outlines) == built
    assert [read.count(key) for key, *_ in built] == [1, 1]


def test_learns_the_pixel_grid_of_cogs_whose_outline_is_known(sample):
    sample.upload_real(1)
    sample.run()
    grids = "SELECT transform FROM cogmill.outlined_cog"
    built = sample.sql(grids)
    sample.sql("UPDATE cogmill.outlined_cog SET transform = NULL")

    audit(with_settings(sample, audit_nights=1))

    assert sample.sql(grids) == built


def spoil(sample, count):
    damaged = sample.listed(COGS)[:count]
    for key in damaged:
        sample.put(key, bytes(reversed(sample.archive.store.read(key))))
    return damaged


def test_asks_a_person_when_more_cogs_are_damaged_than_one_run_may_remove(published):
    damaged = spoil(published, 2)
    archive = with_settings(published, audit_nights=1, removal_frames=1)

    result = audit(archive)

    assert [(action.subject, action.failed) for action in result.damaged] == [(key, True) for key in damaged]
    assert published.states() == ["published"] * 3
    plan = plan_changes(archive)
    assert (plan.cogs, remove(archive)) == (2, [])
    assert "2 lost or damaged COGs" in plan.concerns[0]
    assert [action.subject for action in remove(archive, approved=record_plan(archive).id)] == damaged
    assert sorted(published.states()) == ["arrived", "arrived", "published"]


def test_forgets_damage_that_was_none_when_it_is_read_again(published):
    bodies = {key: published.archive.store.read(key) for key in spoil(published, 2)}
    archive = with_settings(published, audit_nights=1, removal_frames=1)
    audit(archive)
    for key, body in bodies.items():
        published.put(key, bytes(reversed(body)))

    audit(archive)

    assert plan_changes(archive).cogs == 0


def test_nobody_builds_a_damaged_frame_before_its_cog_was_put_aside(published, monkeypatch):
    (damaged,) = spoil(published, 1)
    archive = with_settings(published, audit_nights=1)

    def killed(key, target):
        raise ServiceUnavailableError("the worker was killed")

    monkeypatch.setattr(archive.store, "move", killed)
    with pytest.raises(ServiceUnavailableError):
        audit(archive)
    monkeypatch.undo()

    assert sorted(published.states()) == ["arrived", "published", "published"]
    assert archive.ledger.frames.due(TRAVIS.id, 10) == []
    assert compare(archive).counts["cog_damaged"] == 1
    assert [action.subject for action in remove(archive)] == [damaged]
    assert damaged not in published.listed(COGS)
    assert len(archive.ledger.frames.due(TRAVIS.id, 10)) == 1


def misread(sample, monkeypatch, *answers):
    """Let the first reads of one COG give these hashes; return its key."""
    key, left, digest = sample.listed(COGS)[0], list(answers), sample.archive.store.digest

    def read(wanted, *copy):
        found = digest(wanted, *copy)
        return (left.pop(0), found[1]) if wanted == key and left else found

    monkeypatch.setattr(sample.archive.store, "digest", read)
    return key


def test_one_bad_read_takes_nothing_off_the_map(published, monkeypatch):
    misread(published, monkeypatch, "0" * 64)

    result = audit(with_settings(published, audit_nights=1))

    assert (result.read, result.damaged) == (3, [])
    assert published.states() == ["published"] * 3
    assert published.listed("quarantine/") == []
    assert published.sql("SELECT count(*) FROM cogmill.frame WHERE audited_at IS NULL") == [(0,)]


def test_bytes_that_differ_from_read_to_read_are_reported_and_not_touched(published, monkeypatch):
    key = misread(published, monkeypatch, "0" * 64, "1" * 64)

    result = audit(with_settings(published, audit_nights=1))

    assert [(action.subject, action.failed) for action in result.damaged] == [(key, True)]
    assert "wrong in two ways" in result.damaged[0].done
    assert published.states() == ["published"] * 3
    assert published.listed("quarantine/") == []
    assert len(published.sql("SELECT oid FROM cogmill.tile_index")) == 3
