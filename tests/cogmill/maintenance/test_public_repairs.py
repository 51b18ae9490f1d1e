"""What the public reads is written again when it is lost, and what nothing names is put aside."""

from __future__ import annotations

import pytest
from cogmill.domain import public_keys
from cogmill.domain.model import Bands
from cogmill.maintenance import compare as comparison
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import repair
from cogmill.pipeline import publish
from cogmill.pipeline.public_files import update_public_files

from tests.small_archive import TRAVIS

PREFIXES = (public_keys.CATALOG, public_keys.STAC, public_keys.VIEWER)
PAGE = public_keys.collection_page(TRAVIS.id)


def faults(sample):
    return {kind: count for kind, count in compare(sample.archive).counts.items() if count}


def stored(sample):
    """Return every static file with its bytes."""
    return {key: sample.archive.store.read(key) for prefix in PREFIXES for key in sample.listed(prefix)}


@pytest.fixture
def public(sample):
    """A published collection with all its static files."""
    sample.published()
    update_public_files(sample.archive, TRAVIS.id)
    assert faults(sample) == {}
    return sample


@pytest.mark.parametrize(
    ("key", "subject"),
    [
        (PAGE, TRAVIS.id),
        (public_keys.photograph_page(TRAVIS.id, Bands.BW, "03-22-51_4-1"), TRAVIS.id),
        (public_keys.stac_collection_key(TRAVIS.id), TRAVIS.id),
        (public_keys.SERVICES, "the archive"),
        (public_keys.STAC_ROOT, "the archive"),
        (public_keys.VIEWER_COLLECTIONS, "the archive"),
    ],
)
@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_what_the_public_reads_is_written_again(public, key, subject, how):
    before = stored(public)
    if how == "deleted":
        public.delete(key)
    else:
        public.put(key, b"somebody else's")
    assert faults(public) == {"public_file_missing": 1}

    (act,) = repair(public.archive)

    assert (act.kind, act.subject, act.failed) == ("public_file_missing", subject, False)
    assert stored(public) == before
    assert faults(public) == {}


def test_a_service_that_no_list_has_is_entered(public):
    before = stored(public)
    public.sql("DELETE FROM cogmill.public_entry")
    assert faults(public) == {}, "its run may still be about to write"
    public.sql("UPDATE cogmill.collection SET published_at = now() - interval '2 hours'")
    assert faults(public) == {"public_file_missing": 1}

    assert [act.failed for act in repair(public.archive)] == [False]

    assert public.sql("SELECT collection_id FROM cogmill.public_entry") == [(TRAVIS.id,)]
    assert stored(public) == before
    assert faults(public) == {}


def test_a_service_that_was_withdrawn_leaves_every_list(public):
    publish.withdraw_service(public.archive, TRAVIS.id)
    assert "public_file_missing" in faults(public)

    repair(public.archive)

    assert [key for key in stored(public) if TRAVIS.id in key] == []
    assert TRAVIS.id not in public.archive.store.read(public_keys.SERVICES).decode()


@pytest.mark.parametrize("key", ["catalog/strange.html", f"stac/{TRAVIS.id}/items/bw/nobody.json", "viewer/evil.js"])
def test_what_nothing_names_is_put_aside_once_it_has_settled(public, key, monkeypatch):
    before = stored(public)
    public.put(key)
    assert faults(public) == {}, "somebody may be about to write down what it is"
    monkeypatch.setattr(comparison, "SETTLED", -comparison.SETTLED)
    assert faults(public) == {"public_file_orphan": 1}

    assert [(act.kind, act.subject) for act in repair(public.archive)] == [("public_file_orphan", key)]

    assert stored(public) == before
    assert f"quarantine/{key}" in public.listed("quarantine/")
    assert faults(public) == {}
