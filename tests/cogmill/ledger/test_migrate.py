"""A ledger of the version before, with frames in every state, becomes one of today and asks for no work that is done.

`ledger_0007.sql` holds two collections. Travis: four frames, one of them uploaded twice, and a rollback of the fourth. El Paso: a
frame in each state, and one whose damaged COG was about to be moved to quarantine.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest
from cogmill.aws.s3 import S3Store
from cogmill.cog import fingerprint
from cogmill.config.settings import Settings
from cogmill.domain import keys
from cogmill.domain.lifecycle import HELD_STATE, HOLD_WORDS, Hold, State
from cogmill.ledger import Ledger
from cogmill.ledger.migrate import MIGRATIONS, migrate
from cogmill.pipeline import Archive, backfill, run_digest
from cogmill.pipeline.batches import plan_batches

from tests.small_archive import TRAVIS

OLD = Path(__file__).with_name("ledger_0007.sql")
OLD_MIGRATIONS = 7
ELPASO = "elpaso_txdot_1985_frames"
GDAL, OPENCV = "3.6.2", "5.0.0.93"
"""What the COGs of the old ledger were built with."""


@pytest.fixture
def old(postgres):
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(**postgres.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        libpq = postgres.parameters(name)
        with psycopg.connect(**libpq) as owner:
            owner.execute("CREATE EXTENSION postgis; CREATE EXTENSION btree_gist")
            owner.execute(OLD.read_bytes())
        yield libpq
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def migrated(old):
    with psycopg.connect(**old) as connection:
        migrate(connection)
    return old


@pytest.fixture
def archive(migrated, bucket):
    client, name = bucket
    ledger = Ledger.connect(**migrated | {"user": "cogmill_writer"})
    yield Archive(S3Store(client, name), ledger, Settings(_env_file=None, bucket=name))
    ledger.close()


def rows(libpq, query):
    with psycopg.connect(**libpq, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def test_numbers_of_migrations_go_up_by_one_and_none_stands_twice():
    numbers = [int(file.name[:4]) for file in sorted(MIGRATIONS.glob("*.sql"))]

    assert numbers == list(range(1, len(numbers) + 1))


def test_applies_what_is_missing_once(old):
    with psycopg.connect(**old) as connection:
        expected = [file.stem for file in sorted(MIGRATIONS.glob("*.sql"))][OLD_MIGRATIONS:]
        assert migrate(connection) == expected
        assert migrate(connection) == []


def test_keeps_every_frame_in_its_state(old):
    states = "SELECT source_key, state, cog_key, recipe FROM cogmill.frame ORDER BY id"
    before = rows(old, states)
    assert {state for _, state, _, _ in before} == set(State)

    with psycopg.connect(**old) as connection:
        migrate(connection)

    assert rows(old, states) == before


def test_names_what_held_a_frame_back(migrated):
    held = dict(rows(migrated, "SELECT hold, source_key FROM cogmill.frame WHERE hold IS NOT NULL"))

    assert held == {
        Hold.ROLLED_BACK: "bw/Travis/USDA_1951/frames/georef/03-22-51_4-4.tif",
        Hold.QUARANTINE: "bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-1.tif",
    }
    assert rows(migrated, "SELECT count(*) FROM cogmill.frame WHERE NOT isfinite(next_try_at)") == [(0,)]


@pytest.mark.parametrize("hold", Hold)
@pytest.mark.parametrize("state", State)
def test_holds_a_frame_back_only_in_the_state_of_its_reason(database, hold, state):
    row = {State.REJECTED: "'no_crs', NULL, NULL"}.get(state, "NULL, 'cog/x.tif', 'POLYGON((0 0,1 0,1 1,0 0))'")
    with psycopg.connect(**database) as connection:
        connection.execute("SET search_path = public, cogmill")
        insert = (
            "INSERT INTO cogmill.frame (source_key, etag, size, uploaded_at, state, hold, reason, cog_key, footprint)"  # noqa: S608
            f" VALUES ('x', 'e', 1, now(), %s, %s, {row.replace(chr(39) + 'POLYGON', chr(39) + 'SRID=3857;POLYGON')})"
        )
        if state == HELD_STATE[hold]:
            connection.execute(insert, [state, hold])
            return
        with pytest.raises(psycopg.errors.CheckViolation, match="frame_hold_state"):
            connection.execute(insert, [state, hold])


def test_takes_the_key_of_a_cog_out_of_its_location(migrated):
    index = rows(migrated, "SELECT location, cog_key FROM cogmill.tile_index")
    former = rows(migrated, "SELECT location, cog_key FROM cogmill.former_row")

    assert index
    assert all(location == f"/vsis3/archive/{key}" for location, key in index)
    assert {location for location, _ in former if location is None} == {None}
    assert all(location == (key and f"/vsis3/archive/{key}") for location, key in former)


def test_builds_nothing_again_that_is_published_or_held_back(archive):
    assert plan_batches(archive, TRAVIS.id) == [{"label": "nothing to build", "frame_ids": []}]

    due = {frame.stem for frame in archive.ledger.frames.due(ELPASO, 100)}
    assert "03-22-51_4-1" not in due  # its damaged COG is still at its key


def test_still_names_cogs_by_the_same_fingerprint_and_key(archive, migrated, monkeypatch):
    monkeypatch.setattr(fingerprint, "gdal_version", lambda: GDAL)
    monkeypatch.setattr(fingerprint, "opencv_version", lambda: OPENCV)

    planned = backfill.plan(archive, backfill.BackfillRequest(collections=[TRAVIS.id], states=["published"]))

    assert planned.frames == [], planned.text
    query = "SELECT source_key, source_sha256, recipe, cog_key FROM cogmill.frame WHERE collection_id = '{}'"
    for source_key, sha256, recipe, cog_key in rows(migrated, query.format(TRAVIS.id)):
        upload, digest = keys.parse_upload(source_key), fingerprint.cog_digest(sha256, recipe)
        assert keys.cog_key(upload.collection, upload.bands, upload.stem, digest) == cog_key


def test_says_in_words_what_is_held_back(archive):
    since = archive.ledger.findings.begin()

    digest = run_digest.digest(archive, TRAVIS.id, since)

    assert digest.failed == []
    assert digest.text.endswith(
        f"Held back {TRAVIS.prefix('bw')}georef/03-22-51_4-4.tif: {HOLD_WORDS[Hold.ROLLED_BACK]}"
    )


def test_a_quarantined_frame_is_built_when_it_is_released_and_not_before(archive, migrated):
    ((frame_id, cog_key),) = rows(migrated, "SELECT id, cog_key FROM cogmill.frame WHERE hold = 'quarantine'")
    archive.ledger.backfills.begin("b", None, [(frame_id, 1)])
    assert archive.ledger.frames.claim([frame_id], "early", 60) == []
    assert archive.ledger.backfills.requeue("b", [frame_id], "early", 60) == []

    archive.ledger.findings.release_hold(cog_key)

    assert [job.id for job in archive.ledger.frames.claim([frame_id], "now", 60)] == [frame_id]


def test_a_frame_that_was_taken_back_is_built_when_it_is_asked_for(archive, migrated):
    ((frame_id,),) = rows(migrated, "SELECT id FROM cogmill.frame WHERE hold = 'rolled_back'")
    archive.ledger.backfills.begin("b", None, [(frame_id, 1)])
    assert archive.ledger.frames.claim([frame_id], "early", 60) == []

    assert archive.ledger.backfills.requeue("b", [frame_id], "now", 60) == [frame_id]

    assert [job.id for job in archive.ledger.frames.claim([frame_id], "now", 60)] == [frame_id]


def test_composes_names_and_takes_back_rejections_for_capital_letters(old):
    with psycopg.connect(**old, autocommit=True) as connection:
        connection.execute("""
            UPDATE cogmill.frame SET stem = E'03-22-51_4-Mu\\u0308ller', scan_stem = E'03-22-51_4-Mu\\u0308ller',
                source_key = E'bw/Travis/USDA_1951/frames/georef/03-22-51_4-Mu\\u0308ller.tif' WHERE id = 1;
            INSERT INTO cogmill.scan (key, collection_id, bands, stem, etag, size, uploaded_at, linked)
            VALUES ('s', 'travis_usda_1951_frames', 'bw', '03-22-51_4-Müller', 'e', 1, now(), true);
            INSERT INTO cogmill.frame (source_key, etag, size, uploaded_at, state, reason, detail) VALUES
                ('bw/TRAVIS/x.tif', 'e', 1, now(), 'rejected', 'bad_name',
                 '''bw/TRAVIS/x.tif'': this collection is written Travis_USDA_1951_frames, with other capital letters');
        """)
        migrate(connection)

    assert rows(old, "SELECT stem, scan_stem FROM cogmill.frame WHERE id = 1") == [("03-22-51_4-Müller",) * 2]
    assert rows(old, "SELECT linked FROM cogmill.scan WHERE key = 's'") == [(False,)]
    assert rows(old, "SELECT state, reason FROM cogmill.frame WHERE source_key = 'bw/TRAVIS/x.tif'") == [
        ("withdrawn", None)
    ]
