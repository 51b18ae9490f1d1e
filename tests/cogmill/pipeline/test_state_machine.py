"""Random uploads, re-uploads, deletions, duplicates, rollbacks, crashes and clock jumps: the layers agree after each reconciliation, and what
is visible never points to something that is not there.

COGs and cells of overviews are stand-ins here, made by `tests.small_archive` and `stand_in_cells`; bucket, ledger, tile index and
the withdrawal are the real ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import psycopg
import pytest
from cogmill.aws.s3 import S3Store
from cogmill.config.settings import Settings
from cogmill.domain import keys
from cogmill.domain.errors import CogmillError
from cogmill.domain.model import Bands
from cogmill.ledger import Ledger
from cogmill.maintenance.cleanup import collect
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove, repair
from cogmill.pipeline import Archive, ingest, publish, update_overviews, withdraw
from cogmill.pipeline.by_hand import rerender, rollback
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moto import mock_aws
from moto.s3.models import s3_backends

from tests.cogmill.pipeline import stand_in_cells
from tests.small_archive import TRAVIS, SmallArchive

LONG = bool(os.environ.get("COGMILL_LONG"))
EXAMPLES = int(os.environ.get("COGMILL_EXAMPLES", "1000" if LONG else "50"))
STEPS = 30 if LONG else 15
NUMBERS = st.integers(1, 4)
BODIES = st.sampled_from([b"one", b"two", b"three"])
PREFIX = TRAVIS.prefix(Bands.BW)
MAPFILE = keys.mapfile_key(TRAVIS.id)
ZIP = f"{keys.tile_index_prefix(TRAVIS, Bands.BW)}{TRAVIS.service_name}_idx.zip"
EXPECTED = {"scan_missing", "upload_unknown"}
"""Kinds that reconciliation does not mend: nobody uploaded the scans, and COGs are younger than an hour."""

VISIBLE = {
    "store": ("create", "replace", "delete", "move"),
    "ledger.collections": ("change_index", "mark_published", "mark_withdrawn"),
    "ledger.findings": ("withdraw_frames", "unpublish"),
    "ledger.overview_cells": ("change", "clear", "forget"),
    "ledger.history": ("restore",),
}
"""Acts that somebody outside can see, each followed by a look."""


@dataclass(frozen=True)
class KeptArchive(SmallArchive):
    """An archive that looks at bucket and ledger the short way; new connections and XML would take half of the time."""

    connection: psycopg.Connection

    def listed(self, prefix=""):
        server = s3_backends["123456789012"]["aws"]  # lives in this process
        return sorted(key for key in server.buckets[self.archive.store.bucket].keys if key.startswith(prefix))

    def sql(self, statement, *values):
        cursor = self.connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


class CrashError(Exception):
    """The worker is killed right after something visible."""


class ArchiveMachine(RuleBasedStateMachine):
    """People and workers around one collection."""

    connection: dict[str, object]
    client: object

    @initialize()
    def begin(self):
        name = f"cogmill-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        self.reader = psycopg.connect(**self.connection, autocommit=True)
        self.reader.execute(
            "TRUNCATE cogmill.collection, cogmill.finding, cogmill.former_row, cogmill.former_cog, cogmill.retired_overview"
            " RESTART IDENTITY CASCADE"
        )
        self.reader.execute("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")
        self.ledger, self.second = (Ledger.connect(**self.connection) for _ in range(2))
        # the steps of an hour in a second
        settings = Settings(_env_file=None, bucket=name, grace_hours=0, list_requests_per_hour=10**9)
        archive = Archive(S3Store(self.client, name), self.ledger, settings)
        self.sample = KeptArchive(archive, self.client, self.connection, self.reader)
        self.acts_until_crash = 0
        self._watch()
        self.sources: dict[str, bytes] = {}

    def _watch(self):
        """Look after each visible act, not only between the steps."""
        for path, names in VISIBLE.items():
            target = self.sample.archive
            for part in path.split("."):
                target = getattr(target, part)
            for name in names:
                setattr(target, name, self._watched(getattr(target, name)))

    def _watched(self, act):
        def watched(*args, **kwargs):
            done = act(*args, **kwargs)
            self.nothing_visible_points_to_nothing()
            self.acts_until_crash -= 1
            if self.acts_until_crash == 0:
                raise CrashError
            return done

        return watched

    def teardown(self):
        if hasattr(self, "sample"):
            self.ledger.close()
            self.second.close()
            self.reader.close()

    @rule(number=NUMBERS, body=BODIES)
    def upload(self, number, body):
        key = f"{PREFIX}georef/03-22-51_4-{number}.tif"
        self.sample.put(key, body)
        self.sources[key] = body

    @precondition(lambda self: self.sources)
    @rule(data=st.data())
    def delete_upload(self, data):
        key = data.draw(st.sampled_from(sorted(self.sources)))
        self.sample.delete(key)
        del self.sources[key]

    @rule()
    def ingest_twice(self):
        ingest.ingest_uploads(self.sample.archive)
        ingest.ingest_uploads(self.sample.archive)

    @rule()
    def build(self):
        self.sample.build()

    @rule(numbers=st.sets(NUMBERS, min_size=1), body=BODIES)
    def upload_some_and_run(self, numbers, body):
        for number in sorted(numbers):
            self.upload(number, body)
        self.ingest_twice()
        self.build()
        self._publish()

    @rule()
    def crash_while_building(self):
        ledger = self.sample.archive.ledger
        ledger.frames.claim([frame.id for frame in ledger.frames.due(TRAVIS.id, 2)], "killed", 60)

    @rule()
    def publish_index_and_crash(self):
        self._publish(crash_before_mapfile=True)

    @rule()
    def publish(self):
        self._publish()

    @rule(act=st.sampled_from(["ingest", "build", "withdraw", "collect"]))
    def publish_while_a_second_worker_acts(self, act):
        """The second acts after the first has read what it makes rows of, and before it writes them."""
        values, left = publish._values, [act]

        def late(row):
            if left:
                self._act_of_the_second(left.pop())
            return values(row)

        publish._values = late
        try:
            self._publish()
        finally:
            publish._values = values

    def _act_of_the_second(self, act):
        archive = replace(self.sample.archive, ledger=self.second)
        if act == "ingest":
            ingest.ingest_uploads(archive)
        elif act == "build":
            replace(self.sample, archive=archive).build()
        elif act == "withdraw":
            known = self.sample.sql("SELECT source_key FROM cogmill.frame")
            gone = [key for (key,) in known if key not in self.sources]
            self.second.findings.withdraw_frames(gone, "the upload was deleted")
        else:
            collect(archive)

    @rule(acts=st.integers(1, 6))
    def publish_and_crash_before_the_overviews_are_shown(self, acts):
        self.acts_until_crash = acts
        with contextlib.suppress(CrashError):
            self._publish()
        self.acts_until_crash = 0

    @rule()
    def roll_back(self):
        with contextlib.suppress(CogmillError):
            rollback.rollback(self.sample.archive, TRAVIS.id)

    @rule()
    def render(self):
        if self.sample.sql("SELECT id FROM cogmill.collection"):
            rerender.render_mapfiles(self.sample.archive, [TRAVIS.id])

    @rule(acts=st.integers(1, 8))
    def crash_in_maintenance(self, acts):
        compare(self.sample.archive)
        self.acts_until_crash = acts
        with contextlib.suppress(CrashError):
            repair(self.sample.archive)
            remove(self.sample.archive)
        self.acts_until_crash = 0

    @rule(days=st.integers(1, 40))
    def jump_the_clock(self, days):
        moments = {
            "finding": "first_seen",
            "retired_cog": "retired_at",
            "retired_overview": "retired_at",
            "frame": "lease_until",
        }
        for table, column in moments.items():
            self.sample.sql(f"UPDATE cogmill.{table} SET {column} = {column} - make_interval(days => %s)", days)  # noqa: S608

    @rule()
    def collect_garbage(self):
        collect(self.sample.archive)

    @rule()
    def reconcile(self):
        archive = self.sample.archive
        # what a killed worker held comes free when its lease ends, and not before
        self.sample.sql("UPDATE cogmill.frame SET lease_until = now() WHERE state = 'building'")
        # and what a rollback took back comes when somebody says so
        self.sample.sql("UPDATE cogmill.frame SET state = 'arrived', hold = NULL WHERE hold = 'rolled_back'")
        steps = (
            ingest.ingest_uploads,
            compare,
            repair,
            remove,
            lambda _: self.sample.build(),
            lambda _: self._publish(),
        )
        for step in steps * 4:  # a deletion, the run it asks for, and what that leaves
            step(archive)
            self.nothing_visible_points_to_nothing()
        found = {kind: n for kind, n in compare(archive).counts.items() if n and kind not in EXPECTED}
        assert found == {}
        states = self.sample.sql("SELECT source_key FROM cogmill.frame WHERE state = 'published' ORDER BY 1")
        assert [key for (key,) in states] == sorted(self.sources)
        shown = self.sample.sql(
            "SELECT f.source_key FROM cogmill.tile_index AS t JOIN cogmill.frame AS f ON f.id = t.oid ORDER BY 1"
        )
        assert shown == states
        assert (MAPFILE in self.sample.listed("mapfiles/")) == bool(self.sources)
        self.overviews_show_the_tile_index()

    @invariant()
    def nothing_visible_points_to_nothing(self):
        if not hasattr(self, "sample"):
            return
        present = set(self.sample.listed())
        root = f"/vsis3/{self.sample.archive.store.bucket}/"
        rows = self.reader.execute("SELECT location FROM cogmill.tile_index").fetchall()
        assert {location.removeprefix(root) for (location,) in rows} <= present, "a row without its COG"
        cells = self.reader.execute("SELECT key, sha256 FROM cogmill.overview").fetchall()
        assert {key for key, _ in cells} <= present, "a cell without its object"
        stored = s3_backends["123456789012"]["aws"].buckets[self.sample.archive.store.bucket].keys
        assert {key for key, sha256 in cells if hashlib.sha256(stored[key].value).hexdigest() != sha256} == set()
        if MAPFILE in present:
            assert rows, "a service without rows"
            assert ZIP in present, "a service whose download is missing"

    def _publish(self, *, crash_before_mapfile=False):
        """What a run does after its builds: index, index files, mapfile; the drawing is tested elsewhere."""
        if not self.sample.sql("SELECT id FROM cogmill.collection"):
            return
        archive = self.sample.archive
        publish.update_tile_index(archive, TRAVIS.id)
        if crash_before_mapfile:
            return
        publish.export_index(archive, TRAVIS.id)
        publish.publish_mapfile(archive, TRAVIS.id)
        update_overviews.update_overviews(archive, TRAVIS.id)
        self.overviews_show_the_tile_index()

    def overviews_show_the_tile_index(self):
        """Look whether the members of all cells are what the index names there, unless a run has put them off."""
        archive = self.sample.archive
        state = archive.ledger.overview_cells.state(TRAVIS.id) if self.sources else None
        if state is None or not state.public or state.overview_revision != state.revision:
            return
        shown = {row.key for row in archive.ledger.overview_cells.all(TRAVIS.id) if row.level in state.levels}
        assert shown == stand_in_cells.wanted_cells(archive, TRAVIS.id), (
            "cells of other frames than the index names there"
        )
        assert bool(state.levels) == (state.frames > update_overviews.MOST_FRAMES)


def machine_of(database):
    """Return the machine; its bucket lives in this process: thousands of examples would spend their time in sockets."""
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="only", aws_secret_access_key="tests")
    return type("Machine", (ArchiveMachine,), {"connection": database, "client": client})


@pytest.fixture
def unproven(monkeypatch):
    """Stand-in COGs are no pictures."""
    monkeypatch.setattr(publish, "verify_draft", lambda *args: None)
    stand_in_cells.use(monkeypatch)
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", 0)  # few examples have two frames on the map at a time


@pytest.mark.slow
@pytest.mark.timeout(36_000 if LONG else 1800)
@mock_aws
def test_layers_agree_after_every_reconciliation(database, unproven):
    common = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
    chosen = settings(**common, max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=not LONG)
    run_state_machine_as_test(machine_of(database), settings=chosen)


def come_and_go(machine):
    """One frame comes, is published, and goes again."""
    machine.begin()
    try:
        machine.upload(number=1, body=b"one")
        machine.reconcile()
        (key,) = machine.sources
        machine.sample.delete(key)
        del machine.sources[key]
        machine.reconcile()
    finally:
        machine.teardown()


@mock_aws
def test_a_frame_comes_and_goes_when_every_order_is_right(database, unproven):
    come_and_go(machine_of(database)())


@mock_aws
def test_a_frame_is_published_when_its_builder_was_killed_and_the_lease_is_over(database, unproven):
    machine = machine_of(database)()
    machine.begin()
    try:
        machine.upload(number=1, body=b"one")
        machine.ingest_twice()
        machine.crash_while_building()
        machine.reconcile()
    finally:
        machine.teardown()


def withdraw_the_service_last(monkeypatch):
    frames, service = withdraw.withdraw_frames, publish.withdraw_service

    def wrong(archive, collection_id, *args):
        frames(archive, collection_id, *args)
        service(archive, collection_id)

    monkeypatch.setattr(publish, "withdraw_service", lambda *args: None)
    monkeypatch.setattr(withdraw, "withdraw_frames", wrong)


def delete_cogs_before_their_rows(monkeypatch):
    frames = withdraw.withdraw_frames

    def wrong(archive, collection_id, *args):
        for page in archive.store.pages(f"{PREFIX}cog/03-"):
            for stored in page.objects:
                archive.store.delete(stored.key)
        return frames(archive, collection_id, *args)

    monkeypatch.setattr(withdraw, "withdraw_frames", wrong)


def publish_the_mapfile_before_the_index_files(monkeypatch):
    mapfile, export = publish.publish_mapfile, publish.export_index
    monkeypatch.setattr(publish, "export_index", lambda *args: None)
    monkeypatch.setattr(publish, "publish_mapfile", lambda *args: (mapfile(*args), export(*args)))


def index_before_the_cogs_are_stored(monkeypatch):
    create, mapfile, waiting = S3Store.create, publish.publish_mapfile, []

    def late(*args):
        for body, (store, key, _, *rest) in [waiting.pop(0) for _ in list(waiting)]:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "cog.tif"
                path.write_bytes(body)
                create(store, key, path, *rest)
        return mapfile(*args)

    monkeypatch.setattr(S3Store, "create", lambda *args: waiting.append((args[2].read_bytes(), args)))
    monkeypatch.setattr(publish, "publish_mapfile", late)


@pytest.mark.parametrize(
    ("break_order", "found"),
    [
        (withdraw_the_service_last, "a service without rows"),
        (delete_cogs_before_their_rows, "a row without its COG"),
        (publish_the_mapfile_before_the_index_files, "a service whose download is missing"),
        (index_before_the_cogs_are_stored, "a row without its COG"),
    ],
)
@mock_aws
def test_machine_notices_when_an_order_is_broken(database, unproven, monkeypatch, break_order, found):
    break_order(monkeypatch)

    with pytest.raises(AssertionError, match=found):
        come_and_go(machine_of(database)())


def build_no_cell_where_the_index_changed(monkeypatch):
    touched = update_overviews._touched

    def wrong(archive, collection_id, state, wanted):
        return set() if state.overview_revision else touched(archive, collection_id, state, wanted)

    monkeypatch.setattr(update_overviews, "_touched", wrong)


def show_cells_that_are_not_stored(monkeypatch):
    create = S3Store.create
    monkeypatch.setattr(S3Store, "create", lambda *args: args[1].startswith("overviews/") or create(*args))
    monkeypatch.setattr(update_overviews, "_store_thumbnails", lambda *args: None)  # that would miss the cell first


@pytest.mark.parametrize(
    ("break_overviews", "found"),
    [
        (build_no_cell_where_the_index_changed, "cells of other frames"),
        (show_cells_that_are_not_stored, "a cell without its object"),
    ],
)
@mock_aws
def test_machine_notices_when_overviews_are_wrong(database, unproven, monkeypatch, break_overviews, found):
    break_overviews(monkeypatch)
    with pytest.raises(AssertionError, match=found):
        replace_one_of_two(machine_of(database)())


def replace_one_of_two(machine):
    """Two frames come, and one of them comes again with other pixels."""
    machine.begin()
    try:
        for body in (b"one", b"two"):
            machine.upload(number=1, body=body)
            machine.upload(number=2, body=b"one")
            machine.reconcile()
    finally:
        machine.teardown()


@mock_aws
def test_overviews_are_right_when_a_frame_is_replaced(database, unproven):
    replace_one_of_two(machine_of(database)())
