from __future__ import annotations

from dataclasses import replace

import pytest
from cogmill.aws.s3 import PutOptions
from cogmill.domain import keys
from cogmill.domain.model import Bands, Collection, Product
from cogmill.maintenance.checks import KINDS
from cogmill.maintenance.compare import SETTLED, compare
from cogmill.maintenance.repair import remove, repair

from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)
NC_SHAPES = "nc/Travis/USDA_1951/frames/cog/tile_index/Travis_USDA_1951_frames.shp"


def found(sample):
    return {kind: count for kind, count in compare(sample.archive).counts.items() if count}


def cog(sample):
    return sample.sql("SELECT cog_key FROM cogmill.frame ORDER BY id LIMIT 1")[0][0]


@pytest.fixture
def published(sample):
    return sample.published()


def test_finds_nothing_in_an_archive_that_agrees(published):
    comparison = compare(published.archive)

    assert set(comparison.counts) == set(KINDS)
    assert not any(comparison.counts.values())
    assert comparison.states == {"published": 3}
    assert comparison.objects == 3 + 3 + 3 + 6 + 1 + 2


def test_finds_nothing_in_an_empty_archive(sample):
    assert found(sample) == {}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda a: a.delete(PREFIX + "georef/03-22-51_4-1.tif"), {"source_missing": 1}),
        (lambda a: a.delete(PREFIX + "scanned/03-22-51_4-1.tif"), {"scan_gone": 1}),
        (lambda a: a.sql("DELETE FROM cogmill.scan"), {"scan_missing": 3}),
        (lambda a: a.delete(cog(a)), {"cog_missing": 1}),
        (lambda a: a.put(cog(a), b"short"), {"cog_damaged": 1}),
        (lambda a: a.sql("DELETE FROM cogmill.tile_index WHERE oid = 1"), {"row_missing": 1}),
        (lambda a: a.sql("UPDATE cogmill.tile_index SET location = 'x' WHERE oid = 1"), {"row_missing": 1}),
        (lambda a: a.sql("UPDATE cogmill.tile_index SET cog_key = 'x' WHERE oid = 1"), {"row_missing": 1, "cog_missing": 1}),
        (lambda a: a.sql("UPDATE cogmill.frame SET state = 'withdrawn' WHERE id = 1"), {"row_withdrawn": 1}),
        (lambda a: a.delete(PREFIX + "cog/tile_index/Travis_USDA_1951_frames.prj"), {"index_files_missing": 1}),
        (lambda a: a.sql("UPDATE cogmill.collection SET revision = revision + 1"), {"index_files_missing": 1, "mapfile_changed": 1}),
        (lambda a: a.put(NC_SHAPES), {"index_files_foreign": 1}),
        (lambda a: a.archive.store.replace(NC_SHAPES, b"x", PutOptions("x").with_sha256("0" * 64)), {"index_files_orphan": 1}),
        (lambda a: a.put("mapfiles/notes.txt"), {"mapfile_stray": 1}),
        (lambda a: a.put("mapfiles/other.map"), {"mapfile_unknown": 1}),
        (lambda a: a.put("mapfiles/"), {}),
        (lambda a: a.delete(keys.mapfile_key(TRAVIS.id)), {"mapfile_missing": 1}),
        (lambda a: a.put(keys.mapfile_key(TRAVIS.id), b"edited"), {"mapfile_changed": 1}),
        (lambda a: a.put("georef/notes.tif"), {}),
        (lambda a: a.put("notes.tif"), {}),
        (lambda a: a.put("overviews/notes.tif"), {"cell_foreign": 1}),
        (lambda a: a.put("quarantine/notes.tif"), {}),
        (lambda a: a.put("catalog/index.html"), {}),
    ],
)  # fmt: skip
def test_finds_exactly_what_was_spoiled(published, spoil, expected):
    spoil(published)
    if "cog_missing" not in expected:
        published.sql("UPDATE cogmill.frame SET built_at = now()")

    assert {k: n for k, n in found(published).items() if k != "upload_unknown"} == expected


def test_leaves_out_and_names_keys_that_the_ledger_cannot_hold(published, caplog):
    odd = ["bw/Travis/USDA_1951/frames/georef/\0.tif", "bw/Travis/USDA_1951/frames/cog/\0.tif", "mapfiles/\0.txt"]
    before = compare(published.archive).objects
    for key in odd:
        published.put(key)

    assert compare(published.archive).objects == before
    assert found(published) == {"key_left_out": 3}
    subjects = published.sql("SELECT subject FROM cogmill.finding WHERE kind = 'key_left_out'")
    assert {subject for (subject,) in subjects} == {ascii(key) for key in odd}
    assert all(ascii(key) in caplog.text for key in odd)


def test_finds_expired_leases(published):
    published.sql("UPDATE cogmill.frame SET state = 'arrived' WHERE id = 1")
    published.sql("UPDATE cogmill.frame SET state = 'building', lease_until = now() - interval '1 minute' WHERE id = 1")

    assert found(published)["lease_expired"] == 1


def test_keeps_the_first_sight_and_forgets_what_has_healed(published):
    published.put("mapfiles/notes.txt")
    compare(published.archive)
    published.sql("UPDATE cogmill.finding SET first_seen = '2020-01-01'")
    published.put("mapfiles/more.txt")

    compare(published.archive)
    seen = published.sql("SELECT subject, first_seen < '2021-01-01' FROM cogmill.finding ORDER BY subject")
    published.delete("mapfiles/notes.txt")
    compare(published.archive)

    assert seen == [("mapfiles/more.txt", False), ("mapfiles/notes.txt", True)]
    assert published.sql("SELECT subject FROM cogmill.finding") == [("mapfiles/more.txt",)]


def test_finds_old_cogs_that_nothing_names_and_tells_ours_from_others(published, monkeypatch):
    published.put(PREFIX + "cog/lost.0123456789ab.tif")
    published.put(PREFIX + "cog/of_the_old_system.tif")
    published.put(PREFIX + "cog/roll4/a_folder_below.0123456789ab.tif")
    published.put(PREFIX + "cog/tile_index/among_the_index_files.tif")
    assert found(published) == {}  # younger than an hour: somebody may be about to name them

    monkeypatch.setattr("cogmill.maintenance.compare.SETTLED", -SETTLED)

    assert found(published) == {"cog_orphan": 1, "cog_foreign": 3}


def test_sees_every_page_of_2500_mapfiles_with_one_stray(published):
    collections = [Collection("County", "USDA", str(number), Product.FRAMES) for number in range(2500)]
    published.archive.ledger.uploads.add_collections(collections)
    for collection in collections:
        published.put(keys.mapfile_key(collection.id))
    published.put("mapfiles/stray.txt")
    published.sql("UPDATE cogmill.collection SET mapfile_sha256 = %s WHERE id <> %s", "a" * 64, TRAVIS.id)
    published.sql(
        "INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state)"
        " SELECT id, id, 'bw', id, 'e', 1, now(), 'arrived' FROM cogmill.collection WHERE id <> %s",
        TRAVIS.id,
    )

    counts = found(published)

    assert {kind: n for kind, n in counts.items() if "mapfile" in kind} == {"mapfile_stray": 1}
    rows = published.sql("SELECT * FROM cogmill.tile_index ORDER BY oid")
    repair(published.archive)
    remove(published.archive)
    assert len(published.listed("mapfiles/")) == len(collections) + 1
    assert published.sql("SELECT * FROM cogmill.tile_index ORDER BY oid") == rows


def test_mapfiles_that_people_keep_by_hand_are_no_finding(published):
    for name in ("counties.map", "symbols/well.png", "stray.txt"):
        published.put(f"mapfiles/{name}")
    settings = published.archive.settings.model_copy(update={"kept_mapfiles": ["count*.map", "symbols/*", "travis_*"]})
    keeping = replace(published, archive=replace(published.archive, settings=settings))

    assert found(keeping) == {"mapfile_stray": 1}
    repair(keeping.archive)
    assert {"mapfiles/counties.map", "mapfiles/symbols/well.png"} <= set(published.listed("mapfiles/"))
    # that of a collection is Cogmill's, whatever the list says
    published.put(keys.mapfile_key(TRAVIS.id), b"edited")
    assert found(keeping) == {"mapfile_changed": 1}
