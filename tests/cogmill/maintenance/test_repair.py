from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cogmill.config.settings import Settings
from cogmill.domain import keys
from cogmill.domain.layout import layout_in_use
from cogmill.domain.model import Bands, Collection, Product
from cogmill.maintenance.change_plan import plan_changes, record_plan
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove, repair
from cogmill.pipeline import export as compilation
from cogmill.pipeline import ingest, publish

from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)
MAPFILE = keys.mapfile_key(TRAVIS.id)
TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.FRAMES)


def with_settings(sample, **changes):
    settings = Settings(_env_file=None, bucket=sample.archive.store.bucket, **changes)
    return replace(sample.archive, settings=settings)


def a_day_later(sample):
    sample.sql("UPDATE cogmill.finding SET first_seen = first_seen - interval '25 hours'")


def rows(sample, collection=TRAVIS):
    return sample.sql("SELECT count(*) FROM cogmill.tile_index WHERE collection_id = %s", collection.id)[0][0]


def faults(sample):
    return {kind: count for kind, count in compare(sample.archive).counts.items() if count and kind != "scan_missing"}


@pytest.fixture
def published(sample):
    return sample.published()


@pytest.fixture
def real(sample):
    """Three real frames that MapServer can draw."""
    for number in (1, 2, 3):
        sample.upload_real(number)
    sample.run()
    assert faults(sample) == {}
    return sample


def test_changes_nothing_when_nothing_is_wrong(published):
    compare(published.archive)

    assert (repair(published.archive), remove(published.archive)) == ([], [])


def test_puts_a_stray_object_aside_and_keeps_the_services(published):
    published.put("mapfiles/stray.txt", b"precious")
    compare(published.archive)

    (action,) = repair(published.archive)

    assert (action.kind, action.subject) == ("mapfile_stray", "mapfiles/stray.txt")
    assert published.archive.store.read("quarantine/mapfiles/stray.txt") == b"precious"
    assert published.listed("mapfiles/") == [MAPFILE]
    assert faults(published) == {}


def test_puts_a_stray_object_aside_whose_key_has_no_room_for_the_prefix(published):
    long = "mapfiles/" + "x" * 1010 + ".txt"
    published.put(long)
    published.put("mapfiles/notes.txt")
    compare(published.archive)

    moved = {action.subject for action in repair(published.archive)}

    assert moved == {long, "mapfiles/notes.txt"}
    assert len(published.listed("quarantine/")) == 2
    assert all(len(key.encode()) <= 1024 for key in published.listed("quarantine/"))
    assert published.listed("mapfiles/x") == []


def test_only_reports_a_mapfile_of_a_collection_it_does_not_know(published):
    published.put("mapfiles/by_hand.map")
    compare(published.archive)

    assert repair(published.archive) + remove(published.archive) == []
    assert "mapfiles/by_hand.map" in published.listed()


def test_waits_for_the_grace_period_before_it_unpublishes(published):
    published.delete(MAPFILE)
    compare(published.archive)

    assert remove(published.archive) == []
    assert rows(published) == 3


def test_unpublishes_when_the_mapfile_was_deleted(published):
    compilation.compile_indexes(published.archive)
    published.delete(MAPFILE)
    compare(published.archive)
    a_day_later(published)

    (action,) = remove(published.archive)

    assert action.kind == "mapfile_missing"
    assert rows(published) == 0
    assert set(published.states()) == {"withdrawn"}
    assert len(published.sql("SELECT key FROM cogmill.retired_cog")) == 3
    assert published.listed(PREFIX + "cog/tile_index/") == []
    assert faults(published) == {}
    compilation.compile_indexes(published.archive)
    assert json.loads(published.archive.store.read(compilation.COMPILED + ".geojson"))["features"] == []


def test_keeps_an_unpublished_collection_away_until_something_new_comes(published):
    published.delete(MAPFILE)
    compare(published.archive)
    a_day_later(published)
    remove(published.archive)
    assert not ingest.has_new_uploads(published.archive)

    published.upload(frames=1, first=9)
    ingest.ingest_uploads(published.archive)
    ingest.ingest_uploads(published.archive)

    assert published.states() == ["arrived"] * 4


def test_does_not_unpublish_when_the_mapfile_came_back_meanwhile(published):
    body = published.archive.store.read(MAPFILE)
    published.delete(MAPFILE)
    compare(published.archive)
    a_day_later(published)
    published.put(MAPFILE, body)

    remove(published.archive)

    assert rows(published) == 3


def test_withdraws_a_frame_whose_upload_was_deleted_and_keeps_the_others_on_the_map(real):
    gone = f"{PREFIX}georef/03-22-51_4-1.tif"
    before = real.archive.store.read(MAPFILE)
    real.delete(gone)
    compare(real.archive)
    assert remove(real.archive) == []
    a_day_later(real)

    (action,) = remove(real.archive)

    assert action.subject == gone
    assert real.states() == ["withdrawn", "published", "published"]
    assert rows(real) == 2
    assert real.archive.store.read(MAPFILE) != before  # the extent has shrunk
    assert len(real.listed(PREFIX + "cog/03")) == 3  # the COG stays for its time
    assert faults(real) == {}


def test_withdraws_service_then_index_then_cogs_when_a_collection_is_emptied(published, monkeypatch):
    order = []
    store, collections = published.archive.store, published.archive.ledger.collections
    delete, change = store.delete, collections.change_index
    monkeypatch.setattr(type(store), "delete", lambda self, key: (order.append(key), delete(key)))
    monkeypatch.setattr(
        type(collections), "change_index", lambda self, *args: (order.append("index"), change(*args))[1]
    )
    for key in published.listed(PREFIX + "georef/"):
        published.delete(key)
    compare(published.archive)
    a_day_later(published)

    remove(published.archive)

    assert order[:2] == [MAPFILE, "index"]
    assert all("/tile_index/" in key or key.startswith("thumbnails/") for key in order[2:])
    assert rows(published) == 0
    assert faults(published) == {}


def test_builds_a_deleted_cog_again(real):
    lost = real.sql("SELECT cog_key FROM cogmill.frame ORDER BY id LIMIT 1")[0][0]
    real.delete(lost)
    compare(real.archive)

    (action,) = remove(real.archive)
    assert (action.kind, rows(real)) == ("cog_missing", 2)
    real.run()

    assert lost in real.listed()
    assert rows(real) == 3
    assert faults(real) == {}


def test_puts_a_cog_with_other_bytes_aside_and_builds_it_again(real):
    damaged = real.sql("SELECT cog_key FROM cogmill.frame ORDER BY id LIMIT 1")[0][0]
    real.put(damaged, b"short")
    compare(real.archive)

    remove(real.archive)
    real.run()

    assert real.archive.store.read("quarantine/" + damaged) == b"short"
    assert faults(real) == {}


def test_mends_rows_index_files_and_mapfile(real):
    real.sql("DELETE FROM cogmill.tile_index WHERE oid = 1")
    real.delete(PREFIX + "cog/tile_index/Travis_USDA_1951_frames.prj")
    real.put(MAPFILE, b"edited by hand")
    compare(real.archive)

    done = {action.kind for action in repair(real.archive)}
    real.run()

    assert done == {"row_missing", "index_files_missing", "mapfile_changed"}
    assert b"edited" not in real.archive.store.read(MAPFILE)
    assert faults(real) == {}


@pytest.mark.parametrize("column", ["location", "cog_key"])
def test_mends_a_row_that_names_another_cog(published, column):
    query = "SELECT location, cog_key FROM cogmill.tile_index ORDER BY oid"
    before = published.sql(query)
    published.sql(f"UPDATE cogmill.tile_index SET {column} = 'x' WHERE oid = 1")  # noqa: S608
    assert faults(published)["row_missing"] == 1

    repair(published.archive)
    publish.update_tile_index(published.archive, TRAVIS.id)

    assert published.sql(query) == before


def test_takes_the_link_of_a_deleted_scan_out_of_the_index(published):
    published.delete(PREFIX + "scanned/03-22-51_4-1.tif")
    compare(published.archive)
    a_day_later(published)

    repair(published.archive)
    published.publish()

    links = "SELECT dl_orig FROM cogmill.tile_index ORDER BY oid"
    assert [bool(link) for (link,) in published.sql(links)] == [False, True, True]
    assert compare(published.archive).counts["scan_missing"] == 1


def test_withdraws_a_service_without_frames(published):
    published.sql("UPDATE cogmill.frame SET state = 'withdrawn'")
    published.sql("DELETE FROM cogmill.tile_index")
    compare(published.archive)
    a_day_later(published)

    kinds = {action.kind for action in repair(published.archive)}

    assert "mapfile_without_rows" in kinds
    assert published.listed("mapfiles/") == []


def test_asks_a_person_before_more_leaves_than_a_run_may_take(published):
    for key in published.listed(PREFIX + "georef/"):
        published.delete(key)
    compare(published.archive)
    a_day_later(published)
    archive = with_settings(published, removal_frames=2)

    assert remove(archive) == []
    assert rows(published) == 3
    assert plan_changes(archive).concerns == ["3 frames, more than COGMILL_REMOVAL_FRAMES=2"]

    assert remove(archive, approved="of another night") == []
    assert len(remove(archive, approved=record_plan(archive).id)) == 3
    assert rows(published) == 0


def test_an_approval_is_for_the_frames_that_were_shown_and_for_no_others(published):
    first, second, third = published.listed(PREFIX + "georef/")
    body = published.archive.store.read(first)
    for key in (first, second):
        published.delete(key)
    compare(published.archive)
    a_day_later(published)
    approved = record_plan(with_settings(published, removal_frames=1)).id

    published.put(first, body)  # came back, and another one went, before somebody answered: the same number
    published.delete(third)
    compare(published.archive)
    a_day_later(published)

    archive = with_settings(published, removal_frames=1)
    assert [action.subject for action in remove(archive, approved=approved)] == [second]
    assert published.states() == ["published", "withdrawn", "published"]


def test_an_approval_is_not_for_a_fault_that_went_and_came_back(published):
    gone = published.listed(PREFIX + "georef/")[0]
    body = published.archive.store.read(gone)
    published.delete(gone)
    compare(published.archive)
    a_day_later(published)
    approved = record_plan(published.archive).id
    published.put(gone, body)
    compare(published.archive)
    published.delete(gone)
    compare(published.archive)
    a_day_later(published)

    assert remove(published.archive, approved=approved) == []


def test_asks_a_person_before_more_is_written_again_than_a_run_may_repair(published):
    published.sql("DELETE FROM cogmill.tile_index")
    published.delete(PREFIX + "scanned/03-22-51_4-1.tif")
    published.sql("UPDATE cogmill.frame SET state = 'arrived' WHERE id = 1")
    published.sql("UPDATE cogmill.frame SET state = 'building', lease_until = now() - interval '1 minute' WHERE id = 1")
    compare(published.archive)
    a_day_later(published)
    archive = with_settings(published, repair_findings=1)
    plan = record_plan(archive)

    assert plan.removal_concerns == []
    (concern,) = plan.repair_concerns
    assert concern.startswith(
        "9 repairs, more than COGMILL_REPAIR_FINDINGS=1: 1 scans that were deleted, 2 published frames"
    )
    assert plan.text.endswith("what is found later is asked about again.")
    # what changes nothing public goes on
    assert {action.kind for action in repair(archive)} == {"lease_expired"}
    assert published.states() == ["arrived", "published", "published"]

    assert {action.kind for action in repair(archive, approved=plan.id)} >= {"row_missing", "scan_gone"}
    assert published.states() == ["arrived", "built", "built"]


def test_leaves_the_index_files_of_the_predecessor_alone(sample):
    legacy = [key for bands in layout_in_use().bands for key in keys.index_file_keys(TRAVIS, bands)]
    for key in legacy:
        sample.put(key, b"legacy")
    sample.upload(frames=1)
    ingest.ingest_uploads(sample.archive)
    compare(sample.archive)
    a_day_later(sample)

    assert repair(sample.archive) == []
    assert faults(sample) == {"index_files_foreign": 2 * 6}
    assert set(legacy) <= set(sample.listed())


def test_asks_a_person_when_one_collection_loses_a_large_share(sample):
    sample.published(frames=40)
    for key in sample.listed(PREFIX + "georef/")[:11]:
        sample.delete(key)
    compare(sample.archive)
    a_day_later(sample)

    assert plan_changes(sample.archive).concerns == [f"11 of the 40 frames of {TRAVIS.id}"]


def test_asks_a_person_when_many_mapfiles_vanish_at_once(published):
    published.published(TXDOT)
    for key in published.listed("mapfiles/"):
        published.delete(key)
    compare(published.archive)
    a_day_later(published)

    assert len(plan_changes(with_settings(published, removal_services=1)).concerns) == 1


def test_says_what_it_would_do_and_does_nothing_in_a_dry_run(published):
    published.put("mapfiles/stray.txt")
    published.delete(MAPFILE)
    compare(published.archive)
    a_day_later(published)
    before = published.listed()

    planned = repair(published.archive, dry_run=True) + remove(published.archive, dry_run=True)

    assert {action.kind for action in planned} == {"mapfile_stray", "mapfile_missing"}
    assert published.listed() == before
    assert rows(published) == 3


def test_touches_no_other_schema(published):
    published.sql("CREATE TABLE public.somebody_elses_frames (id int)")
    published.sql("CREATE SCHEMA other")
    published.sql("CREATE TABLE other.lake_usda_1950_frames (id int)")
    tables = "SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1"
    before = published.sql(tables)
    compare(published.archive)
    a_day_later(published)

    repair(published.archive)
    remove(published.archive)

    assert published.sql(tables) == before


def test_mends_the_other_collections_when_one_cannot_be_mended(real):
    real.published(TXDOT)  # its COGs are no pictures, so MapServer refuses to draw it
    for collection in (TXDOT, TRAVIS):
        real.put(keys.mapfile_key(collection.id), b"edited")
    compare(real.archive)

    outcome = {action.subject: action.failed for action in repair(real.archive)}

    assert outcome == {TXDOT.id: True, TRAVIS.id: False}


def test_a_renamed_upload_takes_the_place_of_the_one_it_repeated(published):
    old = f"{PREFIX}georef/03-22-51_4-1.tif"
    new = old.replace(".tif", ".TIF")
    published.put(new, b"x")
    published.delete(old)
    assert [frame.key for frame in ingest.ingest_uploads(published.archive).rejected] == [new]
    compare(published.archive)
    a_day_later(published)

    withdrawn = remove(published.archive)

    assert [action.subject for action in withdrawn] == [old]
    states = dict(published.sql("SELECT source_key, state FROM cogmill.frame"))
    assert (states[old], states[new]) == ("withdrawn", "arrived")
    assert ingest.ingest_uploads(published.archive).collection_ids == [TRAVIS.id]


@pytest.mark.parametrize("key", ["georef/x.tif", "backup/bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif"])
def test_a_refused_upload_that_is_there_never_seems_to_be_deleted(published, key):
    published.put(key)
    assert [frame.key for frame in ingest.ingest_uploads(published.archive).rejected] == [key]

    assert faults(published) == {}


def test_a_mapfile_older_than_the_index_is_written_again(real):
    real.sql("UPDATE cogmill.collection SET mapfile_revision = revision - 1")
    assert faults(real) == {"mapfile_changed": 1}

    repair(real.archive)

    assert faults(real) == {}
