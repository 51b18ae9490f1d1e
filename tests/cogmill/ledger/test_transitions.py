"""Every act of the ledger on a frame in every state: together they make the transitions of the table, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg
import pytest
from cogmill.domain.errors import InvalidFrameError, Reason
from cogmill.domain.lifecycle import TRANSITIONS, State, can_become
from cogmill.domain.model import Bands, BuiltCog, Collection, Product
from cogmill.ledger import Ledger
from cogmill.ledger.frames import CogVersion, Job

from tests.lifecycle_guard import ERROR

TRAVIS = Collection("Travis", "USDA", "1951", Product.FRAMES)
FOLDER = "bw/Travis/USDA_1951/frames/"
KEY, TWIN = f"{FOLDER}georef/03-22-51_4-1.tif", f"{FOLDER}georef/03-22-51_4-1.TIF"
COG, OLD_COG = f"{FOLDER}cog/03-22-51_4-1.000000000000.tif", f"{FOLDER}cog/03-22-51_4-1.111111111111.tif"
SCAN = f"{FOLDER}scanned/03-22-51_4-1.tif"
OUTLINE = "SRID=3857;POLYGON((0 0,1 0,1 1,0 0))"

WATCH = """
CREATE TABLE cogmill.seen (old text, new text);
CREATE FUNCTION cogmill.watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO cogmill.seen VALUES (OLD.state, NEW.state); RETURN NULL; END $$;
CREATE TRIGGER watch AFTER UPDATE ON cogmill.frame FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION cogmill.watch();
"""


@dataclass(frozen=True)
class Scene:
    """A published collection of one frame, which is in the state to be tried."""

    ledger: Ledger
    sql: Callable[..., psycopg.Cursor]
    job: Job

    def ingest(self, key: str = KEY, **changes: object) -> None:
        row = {
            "collection_id": TRAVIS.id, "source_key": key, "bands": "bw", "stem": "03-22-51_4-1", "etag": "new", "size": 1,
            "uploaded_at": "2026-01-01", "state": "arrived", "date": "03-22-51", "roll": "4", "frame_num": "1",
            "scan_stem": "03-22-51_4-1",
        }  # fmt: skip
        self.ledger.uploads.ingest_frames([row | changes])

    def ingest_twin_first(self) -> None:
        """The frame comes in a new version while another has its name."""
        self.add_frame(TWIN, State.PUBLISHED)
        self.ingest()

    def add_frame(self, key: str, state: State) -> int:
        reason = Reason.DUPLICATE_NAME if state == State.REJECTED else None
        held = state == State.BUILDING
        ((number,),) = self.sql(
            "INSERT INTO cogmill.frame (collection_id, source_key, bands, stem, etag, size, uploaded_at, state, reason, scan_stem,"
            " cog_key, footprint, lease_owner, lease_until) VALUES (%s, %s, 'bw', '03-22-51_4-1', 'old', 1, now(), %s, %s,"
            " '03-22-51_4-1', %s, %s, %s, CASE WHEN %s THEN now() - interval '1 hour' END) RETURNING id",
            [TRAVIS.id, key, state, reason, COG, OUTLINE, "me" if held else None, held],
        )
        return number

    def withdraw_twin(self) -> None:
        """The frame whose name ours repeats goes away."""
        self.add_frame(TWIN, State.PUBLISHED)
        self.ledger.findings.withdraw_frames([TWIN], "gone")

    def roll_back(self, cog_key: str | None) -> None:
        """A former revision is restored in which the row named a COG, or was not there."""
        location = cog_key and f"/vsis3/b/{cog_key}"
        self.sql(
            "INSERT INTO cogmill.former_row (collection_id, revision, oid, location, cog_key, src_srs, date, roll, frame_num, dl_georef,"
            " dl_index, geom) VALUES (%s, 2, %s, %s, %s, '', '', '', '', '', '', %s)",
            [TRAVIS.id, self.job.id, location, cog_key, OUTLINE],
        )
        self.sql(
            "INSERT INTO cogmill.former_cog (key, frame_id, footprint) VALUES (%s, %s, %s)",
            [OLD_COG, self.job.id, OUTLINE],
        )
        self.ledger.history.restore(TRAVIS.id, 1)

    def ingest_sidecar(self) -> None:
        """A world file arrives beside the frame, which another one placed before."""
        self.sql("UPDATE cogmill.frame SET adjustments = 'position_of_world_file'")
        self.sql("UPDATE cogmill.frame SET reason = 'no_crs' WHERE state = 'rejected'")
        row = {
            "key": f"{KEY[:-4]}.tfw",
            "kind": "world_file",
            "collection_id": TRAVIS.id,
            "bands": "bw",
            "stem": "03-22-51_4-1",
        }
        self.ledger.uploads.ingest_sidecars([row | {"etag": "s", "size": 1, "uploaded_at": "2026-01-01"}])

    def requeue(self) -> None:
        self.ledger.backfills.begin("b", None, [(self.job.id, 1)])
        self.ledger.backfills.requeue("b", [self.job.id], "me", 60)


BUILT = BuiltCog("x", 1, "s", bytes.fromhex("010300000000000000"), 1, 1, 1.0, "EPSG:3857", "none", 0.1, 1)

ACTS: dict[str, Callable[[Scene], object]] = {
    "new version": lambda s: s.ingest(),
    "new version that is empty": lambda s: s.ingest(state="rejected", reason=Reason.EMPTY),
    "same version": lambda s: s.ingest(etag="old"),
    "new version beside a twin": lambda s: s.ingest_twin_first(),
    "claim": lambda s: s.ledger.frames.claim([s.job.id], "me", 60),
    "renew": lambda s: s.ledger.frames.renew([s.job], "me", 60),
    "mark_built": lambda s: s.ledger.frames.mark_built(s.job, "me", CogVersion(COG, "s", "f"), BUILT),
    "mark_unchanged": lambda s: s.ledger.frames.mark_unchanged(s.job, "me"),
    "mark_rejected": lambda s: s.ledger.frames.mark_rejected(s.job, "me", InvalidFrameError(Reason.NO_CRS, "x")),
    "mark_failed": lambda s: s.ledger.frames.mark_failed(s.job, "me", "x"),
    "release": lambda s: s.ledger.frames.release([s.job], "me"),
    "wait_for_sidecar": lambda s: s.ledger.frames.wait_for_sidecar(s.job, "me", "x", 60),
    "sidecar": lambda s: s.ingest_sidecar(),
    "mark_published": lambda s: s.ledger.collections.mark_published(TRAVIS.id, 1, "h"),
    "mark_withdrawn": lambda s: s.ledger.collections.mark_withdrawn(TRAVIS.id),
    "change_index": lambda s: s.ledger.collections.change_index(TRAVIS.id, lambda frames: []),
    "end_leases": lambda s: s.ledger.findings.end_leases(),
    "rebuild_lost": lambda s: s.ledger.findings.rebuild_lost([COG]),
    "rebuild_lost in quarantine": lambda s: s.ledger.findings.rebuild_lost([COG], quarantined=True),
    "release_hold": lambda s: s.ledger.findings.release_hold(COG),
    "index_again": lambda s: s.ledger.findings.index_again([KEY]),
    "forget_scans": lambda s: s.ledger.findings.forget_scans([SCAN]),
    "withdraw_frames": lambda s: s.ledger.findings.withdraw_frames([KEY], "gone"),
    "withdraw the twin": lambda s: s.withdraw_twin(),
    "unpublish": lambda s: s.ledger.findings.unpublish(TRAVIS.id),
    "requeue": lambda s: s.requeue(),
    "restore another COG": lambda s: s.roll_back(OLD_COG),
    "restore the same COG": lambda s: s.roll_back(COG),
    "restore no row": lambda s: s.roll_back(None),
}


@pytest.fixture
def connection(database):
    with psycopg.connect(**database, autocommit=True) as connection:
        connection.execute(WATCH)
        yield connection


def transitions_of(
    connection: psycopg.Connection, act: Callable[[Scene], object], state: State
) -> set[tuple[str, str]]:
    """Return the transitions that an act makes of a frame in one state; leaves nothing behind."""
    ledger = Ledger(connection)
    with connection.transaction(force_rollback=True):
        ledger.uploads.add_collections([TRAVIS])
        connection.execute("UPDATE cogmill.collection SET revision = 2, mapfile_revision = 2, mapfile_sha256 = 'h'")
        connection.execute("INSERT INTO cogmill.publication VALUES (%s, 1, 'h', now())", [TRAVIS.id])
        scan = {"key": SCAN, "collection_id": TRAVIS.id, "bands": "bw", "stem": "03-22-51_4-1", "etag": "s", "size": 1}
        ledger.uploads.ingest_scans([scan | {"uploaded_at": "2026-01-01"}])
        job = Job(0, KEY, TRAVIS, Bands.BW, "03-22-51_4-1", "old", 1, None, None, COG, 1)
        job = replace(job, id=Scene(ledger, connection.execute, job).add_frame(KEY, state))
        scene = Scene(ledger, connection.execute, job)
        connection.execute(
            "INSERT INTO cogmill.tile_index (oid, location, cog_key, src_srs, date, roll, frame_num, dl_georef, dl_index, geom,"
            " collection_id) VALUES (%s, %s, %s, '', '', '', '', '', '', %s, %s)",
            [scene.job.id, f"/vsis3/b/{COG}", COG, OUTLINE, TRAVIS.id],
        )
        connection.execute("DELETE FROM cogmill.former_row")
        act(scene)
        return set(connection.execute("SELECT old, new FROM cogmill.seen").fetchall())


def test_the_acts_of_the_ledger_make_every_transition_of_the_table_and_no_other(connection):
    made: dict[tuple[str, str], set[str]] = {}
    for name, act in ACTS.items():
        for state in State:
            for transition in transitions_of(connection, act, state):
                made.setdefault(transition, set()).add(name)

    assert set(made) == set(TRANSITIONS)


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_tests_notice_a_statement_that_makes_another_transition(connection, old, new):
    def act(scene):
        reason = Reason.NO_CRS if new == State.REJECTED else None
        scene.sql("UPDATE cogmill.frame SET state = %s, reason = %s", [new, reason])

    if can_become(old, new):
        transitions_of(connection, act, old)
        return
    with pytest.raises(psycopg.errors.RaiseException, match=f"{ERROR}: {old} to {new}"):
        transitions_of(connection, act, old)
