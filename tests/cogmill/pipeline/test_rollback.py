from __future__ import annotations

import time

import pytest
from cogmill.domain import keys
from cogmill.domain.errors import ConfigurationError, VerificationError
from cogmill.domain.model import Bands, Collection, Product
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove
from cogmill.pipeline import backfill, ingest, publish
from cogmill.pipeline.by_hand.rollback import Rollback, rollback, rollback_report

from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)
MAPFILE = keys.mapfile_key(TRAVIS.id)
TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.FRAMES)


def shown(sample):
    return sample.sql("SELECT oid, location, ST_AsText(geom) FROM cogmill.tile_index ORDER BY oid")


def faults(sample):
    return {kind: count for kind, count in compare(sample.archive).counts.items() if count and kind != "scan_missing"}


def test_goes_back_to_what_was_published_before_a_replaced_and_a_new_frame(real):
    before, mapfile = shown(real), real.archive.store.read(MAPFILE)
    real.upload_real(1, seed=2)
    real.upload_real(3)
    real.run()
    after = shown(real)
    assert len(after) == 3
    started = time.monotonic()

    plan = rollback(real.archive, TRAVIS.id)

    assert time.monotonic() - started < 60
    assert shown(real) == before
    assert real.archive.store.read(MAPFILE) == mapfile
    assert plan.restored == [f"{PREFIX}georef/03-22-51_4-1.tif"]
    assert plan.taken_back == [f"{PREFIX}georef/03-22-51_4-3.tif"]
    assert real.states() == ["published", "published", "failed"]
    assert faults(real) == {}

    rollback(real.archive, TRAVIS.id)
    assert shown(real) == after
    assert faults(real) == {}


def taken_back(real):
    """Roll a third frame back; return the key of its upload."""
    key = real.upload_real(3)
    real.run()
    rollback(real.archive, TRAVIS.id)
    real.run()  # it follows by itself, for the overviews
    assert real.states() == ["published", "published", "failed"]
    return key


def test_the_same_file_uploaded_again_comes_back_on_the_map(real):
    key = taken_back(real)
    assert not ingest.has_new_uploads(real.archive), "nothing happens by itself"
    real.sql(
        "UPDATE cogmill.frame SET uploaded_at = uploaded_at - interval '2 seconds'"
    )  # the test is quicker than people

    real.put(key, real.archive.store.read(key))
    assert ingest.has_new_uploads(real.archive)
    real.run()

    assert real.states() == ["published"] * 3
    assert len(shown(real)) == 3
    assert faults(real) == {}


def test_retry_brings_a_frame_back_that_was_taken_back(real):
    key = taken_back(real)

    request = backfill.BackfillRequest(prefix=key, states=["failed"])  # what the button asks for
    (batch,) = backfill.begin(real.archive, "retry", request, backfill.plan(real.archive, request))
    backfill.build(real.archive, "retry", batch["frame_ids"], "me")

    assert real.states() == ["published"] * 3
    assert len(shown(real)) == 3


def test_stays_as_it_is_after_the_next_run(real):
    before = shown(real)
    real.upload_real(3)
    real.run()
    rollback(real.archive, TRAVIS.id)

    real.run()

    assert shown(real) == before


def test_goes_back_in_what_is_shown_but_not_in_the_template(real, monkeypatch):
    """A former text may not fit today's hosts; a template that went wrong is mended in the template, for all services at once."""
    before = real.archive.store.read(MAPFILE)
    real.upload_real(3)
    real.run()
    render = publish.render
    monkeypatch.setattr(publish, "render", lambda service: render(service).replace("# A Cogmill", "# Today's Cogmill"))

    rollback(real.archive, TRAVIS.id)

    assert real.archive.store.read(MAPFILE) == before.replace(b"# A Cogmill", b"# Today's Cogmill")
    assert faults(real) == {}


def test_brings_an_unpublished_service_back(real):
    before = shown(real)
    real.delete(MAPFILE)
    compare(real.archive)
    real.sql("UPDATE cogmill.finding SET first_seen = '2020-01-01'")
    remove(real.archive)
    assert shown(real) == []

    rollback(real.archive, TRAVIS.id)

    assert shown(real) == before
    assert real.states() == ["published"] * 2
    assert faults(real) == {}


def test_plans_and_changes_nothing_in_a_dry_run(real):
    real.upload_real(3)
    real.run()
    before = shown(real)

    assert rollback(real.archive, TRAVIS.id, dry_run=True).revision == 1
    assert shown(real) == before


def test_refuses_when_a_cog_of_that_time_is_gone(real):
    old = shown(real)[0][1].removeprefix(f"/vsis3/{real.archive.store.bucket}/")
    real.upload_real(1, seed=2)
    real.run()
    before = shown(real)
    real.delete(old)

    with pytest.raises(VerificationError, match="are gone"):
        rollback(real.archive, TRAVIS.id)

    assert shown(real) == before


def test_a_report_names_the_revision_its_date_and_every_upload(real):
    real.upload_real(1, seed=2)
    real.upload_real(3)
    real.run()
    (day,) = real.sql(
        "SELECT to_char(published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM cogmill.publication WHERE revision = 1"
    )[0]

    planned = rollback(real.archive, TRAVIS.id, dry_run=True)
    report = rollback_report(real.archive, planned, dry_run=True)

    assert report.headline.startswith(f"Dry run: {TRAVIS.id} would go back to revision 1, published {day} ")
    assert report.lines == [
        f"as it was then: {PREFIX}georef/03-22-51_4-1.tif",
        f"leaves the map: {PREFIX}georef/03-22-51_4-3.tif",
    ]
    assert [(number.count, number.weight) for number in report.numbers] == [(1, "done"), (1, "notice")]


@pytest.mark.parametrize("dry_run", [True, False])
def test_changes_nothing_and_says_so_when_there_is_nothing_to_go_back_to(real, *, dry_run):
    before = shown(real)

    done = rollback(real.archive, TRAVIS.id, dry_run=dry_run)

    assert done == Rollback(TRAVIS.id)
    assert shown(real) == before
    assert "Nothing to go back to" in rollback_report(real.archive, done, dry_run=dry_run).headline


def test_says_so_when_there_is_no_such_collection(real):
    with pytest.raises(ConfigurationError, match="nowhere_usda_1951_frames"):
        rollback(real.archive, "nowhere_usda_1951_frames")
