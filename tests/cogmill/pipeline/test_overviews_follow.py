"""Whatever changes the map outside of a run of its collection: the next look asks for a run, whose overviews follow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cogmill.domain import keys
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove
from cogmill.pipeline import ingest, publish, update_overviews
from cogmill.pipeline.by_hand import rerender
from cogmill.pipeline.by_hand.rollback import rollback
from cogmill.pipeline.withdraw import unpublish

from tests.cogmill.pipeline import stand_in_cells
from tests.small_archive import TRAVIS, SmallArchive


def run(sample: SmallArchive) -> None:
    """Do what a run of the collection does that has been asked for."""
    ingest.ingest_uploads(sample.archive)
    sample.build()
    publish.update_tile_index(sample.archive, TRAVIS.id)
    publish.export_index(sample.archive, TRAVIS.id)
    publish.publish_mapfile(sample.archive, TRAVIS.id)
    update_overviews.update_overviews(sample.archive, TRAVIS.id)


@pytest.fixture
def shown(sample, monkeypatch):
    """Four frames that came in two runs, with overviews; the last run was asked for a moment ago."""
    monkeypatch.setattr(publish, "verify_draft", lambda *args: None)
    stand_in_cells.use(monkeypatch)
    for first in (1, 4):
        sample.upload(frames=3 if first == 1 else 1, first=first)
        run(sample)
    assert not ingest.has_new_uploads(sample.archive)
    return sample


def overviews_are_current(sample: SmallArchive) -> bool:
    state = sample.archive.ledger.overview_cells.state(TRAVIS.id)
    rows = {row.key for row in sample.archive.ledger.overview_cells.all(TRAVIS.id) if row.level in state.levels}
    return (
        state.overview_revision == state.revision
        and state.levels == state.mapfile_levels
        and rows == stand_in_cells.wanted_cells(sample.archive, TRAVIS.id)
    )


def follow(sample: SmallArchive) -> None:
    """Assert that a run is asked for at once, and that it is enough."""
    assert not overviews_are_current(sample)
    assert ingest.ingest_uploads(sample.archive).collection_ids == [TRAVIS.id]
    run(sample)
    assert overviews_are_current(sample)
    assert not ingest.has_new_uploads(sample.archive)


def test_overviews_follow_a_rollback(shown):
    before = overviews_are_current(shown)

    rollback(shown.archive, TRAVIS.id)

    assert before
    follow(shown)


def test_overviews_follow_when_maintenance_withdraws_a_frame(shown):
    at_once = replace(shown.archive, settings=shown.archive.settings.model_copy(update={"grace_hours": 0}))
    shown.delete(shown.listed("bw/Travis/USDA_1951/frames/georef/")[0])
    compare(at_once)

    assert [action.kind for action in remove(at_once)] == ["source_missing"]

    follow(shown)


def test_overviews_go_when_maintenance_withdraws_all_but_one(shown):
    at_once = replace(shown.archive, settings=shown.archive.settings.model_copy(update={"grace_hours": 0}))
    for key in shown.listed("bw/Travis/USDA_1951/frames/georef/")[:3]:
        shown.delete(key)
    compare(at_once)
    remove(at_once)

    follow(shown)

    assert shown.archive.ledger.overview_cells.state(TRAVIS.id).levels == []


def test_no_run_is_asked_for_when_a_service_is_rendered_again(shown):
    rerender.render_mapfiles(shown.archive, [TRAVIS.id])

    assert overviews_are_current(shown)
    assert not ingest.has_new_uploads(shown.archive)


def test_overviews_leave_with_the_service_when_a_run_finds_no_frame_left(shown):
    shown.archive.ledger.findings.withdraw_frames(shown.listed("bw/Travis/USDA_1951/frames/georef/"), "tests")
    for key in shown.listed("bw/Travis/USDA_1951/frames/georef/"):
        shown.delete(key)

    run(shown)

    assert shown.sql("SELECT count(*) FROM cogmill.overview") == [(0,)]
    assert shown.listed("thumbnails/") == []


def meanwhile(monkeypatch, act) -> None:
    """Let something happen once while a run of the overviews has worked out what it is about to show."""
    store, left = update_overviews._store_thumbnails, [act]

    def last_step(*args):
        store(*args)
        if left:
            left.pop()()

    monkeypatch.setattr(update_overviews, "_store_thumbnails", last_step)


def test_cell_that_maintenance_forgets_during_a_run_is_built_again(shown, monkeypatch):
    lost = shown.archive.ledger.overview_cells.all(TRAVIS.id)[-1].key
    # the number decides on the place: 29 km further east
    shown.sql("SELECT setval(pg_get_serial_sequence('cogmill.frame', 'id'), 40)")
    shown.upload(frames=1, first=5)

    def lose() -> None:
        shown.delete(lost)
        shown.archive.ledger.overview_cells.forget([lost])

    meanwhile(monkeypatch, lose)
    run(shown)

    assert overviews_are_current(shown)
    assert lost in shown.listed("overviews/")


def test_service_that_is_withdrawn_during_a_run_keeps_no_cells(shown, monkeypatch):
    def withdraw_service() -> None:
        shown.delete(keys.mapfile_key(TRAVIS.id))
        unpublish(shown.archive, TRAVIS.id)

    shown.upload(frames=1, first=5)
    meanwhile(monkeypatch, withdraw_service)
    run(shown)

    assert shown.sql("SELECT count(*) FROM cogmill.overview") == [(0,)]
    assert shown.listed("thumbnails/") == []
