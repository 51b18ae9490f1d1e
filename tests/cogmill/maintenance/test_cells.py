"""Cells of overviews and pictures of collections: what maintenance finds about them, and what it does."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from cogmill.config.settings import Settings
from cogmill.domain import keys
from cogmill.maintenance import compare as comparison
from cogmill.maintenance.audit import audit
from cogmill.maintenance.cells import delete_retired_cells
from cogmill.maintenance.change_plan import plan_changes
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import repair
from cogmill.pipeline import ingest, withdraw

from tests.small_archive import TRAVIS

FOLDER = f"overviews/{TRAVIS.id}"
UNNAMED = f"{FOLDER}/16/1_2.0123456789ab.tif"
FOREIGN = f"{FOLDER}/16/notes.tif"
PICTURE = keys.thumbnail_key(TRAVIS.id, 256)


def add_cell(sample, body: bytes) -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    key = f"{FOLDER}/16/1_2.{sha256[:12]}.tif"
    sample.put(key, body)
    sample.sql(
        "INSERT INTO cogmill.overview (collection_id, level, x, y, all_days, key, location, src_srs, size, sha256, geom, built_at)"
        " VALUES (%s, 16, 1, 2, true, %s, 'x', 'EPSG:3857', %s, %s, ST_MakeEnvelope(0, 0, 1, 1, 3857), now() - interval '1 day')",
        TRAVIS.id, key, len(body), sha256,
    )  # fmt: skip
    return key


@pytest.fixture
def cells(sample):
    """A published collection with two cells, and their keys."""
    sample.published()
    sample.sql("UPDATE cogmill.collection SET overview_levels = '{16}', mapfile_levels = '{16}', triggered_at = now()")
    return sample, [add_cell(sample, b"one"), add_cell(sample, b"two")]


@pytest.fixture
def settled(monkeypatch):
    """Objects of this moment count as settled."""
    monkeypatch.setattr(comparison, "SETTLED", -comparison.SETTLED)


def found(sample):
    counts = compare(sample.archive).counts
    return {kind: n for kind, n in counts.items() if n and kind not in {"scan_missing", "upload_unknown"}}


def shown(sample):
    return {key for (key,) in sample.sql("SELECT key FROM cogmill.overview")}


def asks_for_a_run(sample):
    return sample.archive.ledger.uploads.due_collections(300, 10) == [TRAVIS.id]


def test_finds_nothing_when_cells_and_pictures_agree(cells, settled):
    sample, _ = cells

    assert found(sample) == {}
    assert repair(sample.archive) == []
    assert not asks_for_a_run(sample)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda a, cell: a.delete(cell), {"cell_missing": 1}),
        (lambda a, cell: a.put(cell, b"longer than before"), {"cell_damaged": 1}),
        (lambda a, cell: a.put(UNNAMED), {"cell_orphan": 1}),
        (lambda a, cell: a.put(FOREIGN), {"cell_foreign": 1}),
        (lambda a, cell: a.put("overviews/"), {}),
        (lambda a, cell: a.delete(PICTURE), {"picture_missing": 1}),
        (lambda a, cell: a.put(keys.thumbnail_key("nobody", 256)), {"picture_orphan": 1}),
        (lambda a, cell: a.sql("UPDATE cogmill.collection SET mapfile_levels = '{13}'"), {"mapfile_changed": 1}),
    ],
)  # fmt: skip
def test_finds_exactly_what_was_spoiled(cells, settled, spoil, expected):
    sample, (cell, _) = cells
    spoil(sample, cell)

    assert found(sample) == expected


def test_leaves_cells_alone_that_are_younger_than_the_listing(cells):
    sample, (cell, _) = cells
    sample.put(UNNAMED)
    sample.delete(cell)
    sample.sql("UPDATE cogmill.overview SET built_at = now() + interval '1 minute'")

    assert found(sample) == {}


def test_lost_cell_is_forgotten_and_a_run_is_asked_for(cells):
    sample, (lost, kept) = cells
    sample.delete(lost)
    compare(sample.archive)

    assert [(act.kind, act.subject) for act in repair(sample.archive)] == [("cell_missing", lost)]

    assert shown(sample) == {kept}
    assert sample.archive.ledger.overview_cells.state(TRAVIS.id).overview_revision == 0
    assert asks_for_a_run(sample)


def test_cell_that_is_back_meanwhile_is_kept(cells):
    sample, (lost, kept) = cells
    sample.delete(lost)
    compare(sample.archive)
    sample.put(lost, b"one")

    assert repair(sample.archive) == []
    assert shown(sample) == {lost, kept}
    assert not asks_for_a_run(sample)


def test_cell_of_another_size_goes_to_quarantine_and_a_run_is_asked_for(cells):
    sample, (damaged, kept) = cells
    sample.put(damaged, b"longer than before")
    compare(sample.archive)

    assert [(act.kind, act.subject) for act in repair(sample.archive)] == [("cell_damaged", damaged)]

    assert sample.archive.store.read("quarantine/" + damaged) == b"longer than before"
    assert (shown(sample), damaged in sample.listed()) == ({kept}, False)
    assert asks_for_a_run(sample)


def test_reads_a_share_of_all_cells_each_night_and_rebuilds_what_differs(cells):
    sample, (damaged, kept) = cells
    sample.put(damaged, b"eno")
    archive = replace(sample.archive, settings=settings(sample, audit_nights=2))
    assert found(sample) == {}
    assert [act.subject for act in audit(archive, dry_run=True).damaged] == [damaged]
    assert shown(sample) == {damaged, kept}

    nights = [audit(archive) for _ in range(2)]

    assert [(act.kind, act.subject) for act in nights[0].damaged] == [("cell_damaged", damaged)]
    assert [night.read for night in nights] == [2 + 1, 2 + 1]
    assert (shown(sample), damaged in sample.listed()) == ({kept}, False)
    assert sample.archive.store.read("quarantine/" + damaged) == b"eno"
    assert asks_for_a_run(sample)


def test_leaves_cells_alone_when_more_differ_than_one_run_may_remove(cells):
    sample, both = cells
    for key in both:
        sample.put(key, b"???")

    result = audit(replace(sample.archive, settings=settings(sample, audit_nights=1, removal_frames=1)))

    assert [act.failed for act in result.damaged] == [True, True]
    assert shown(sample) == set(both)


def settings(sample, **changes):
    return Settings(_env_file=None, bucket=sample.archive.store.bucket, **changes)


def test_cell_that_nothing_names_is_deleted_after_its_time(cells, settled):
    sample, both = cells
    sample.put(UNNAMED)
    compare(sample.archive)
    assert plan_changes(sample.archive).cogs == 0

    assert [(act.kind, act.subject) for act in repair(sample.archive)] == [("cell_orphan", UNNAMED)]

    assert found(sample) == {}
    assert delete_retired_cells(sample.archive, 3600) == []
    sample.sql("UPDATE cogmill.retired_overview SET retired_at = now() - interval '2 hours'")
    assert delete_retired_cells(sample.archive, 3600) == [UNNAMED]
    assert sample.listed("overviews/") == sorted(both)


@pytest.mark.parametrize("key", [FOREIGN, "overviews/x.txt", keys.thumbnail_key("nobody", 256), "thumbnails/x.txt"])
def test_strange_objects_are_put_aside(cells, settled, key):
    sample, _ = cells
    sample.put(key)
    compare(sample.archive)

    assert [act.subject for act in repair(sample.archive)] == [key]

    assert "quarantine/" + key in sample.listed()
    assert key not in sample.listed()
    assert found(sample) == {}


def test_lost_picture_is_stored_by_the_next_run(cells):
    sample, _ = cells
    sample.delete(PICTURE)
    compare(sample.archive)

    assert [(act.kind, act.subject) for act in repair(sample.archive)] == [("picture_missing", TRAVIS.id)]
    assert asks_for_a_run(sample)


def test_reports_overviews_that_are_old_and_not_those_whose_frames_wait(cells):
    sample, _ = cells
    sample.sql("UPDATE cogmill.collection SET revision = 2, exported_revision = 2, mapfile_revision = 2")
    assert found(sample) == {}
    sample.sql("UPDATE cogmill.collection SET published_at = now() - interval '2 hours'")
    assert found(sample)["overviews_old"] == 1

    sample.upload(frames=1, first=9)
    ingest.ingest_uploads(sample.archive)

    assert "overviews_old" not in found(sample)


def test_cells_of_a_withdrawn_service_are_retired(cells, monkeypatch, settled):
    sample, both = cells
    monkeypatch.setattr(withdraw, "withdraw_overviews", lambda *args: None)  # the worker is killed before it
    sample.delete(keys.mapfile_key(TRAVIS.id))
    withdraw.unpublish(sample.archive, TRAVIS.id)
    monkeypatch.undo()
    compare(sample.archive)

    assert ("overviews_orphan", TRAVIS.id) in [(act.kind, act.subject) for act in repair(sample.archive)]

    assert shown(sample) == set()
    assert {key for (key,) in sample.sql("SELECT key FROM cogmill.retired_overview")} == set(both)
    assert sample.listed("thumbnails/") == []
