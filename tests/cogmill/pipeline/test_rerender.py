from __future__ import annotations

import hashlib

import pytest
from cogmill.domain import keys
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.model import Bands, Collection, Product
from cogmill.pipeline import publish
from cogmill.pipeline.by_hand.rerender import render_mapfiles, services

from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)
MAPFILE = keys.mapfile_key(TRAVIS.id)
TXDOT = Collection("ElPaso", "TxDOT", "1985", Product.FRAMES)


def test_publishes_nothing_when_the_template_says_the_same(real):
    before = real.client.head_object(Bucket=real.archive.store.bucket, Key=MAPFILE)["LastModified"]

    (rendering,) = render_mapfiles(real.archive, services(real.archive, []))

    assert (rendering.changed, rendering.diff, rendering.fault) == (False, "", "")
    assert real.client.head_object(Bucket=real.archive.store.bucket, Key=MAPFILE)["LastModified"] == before


def test_shows_the_difference_in_a_dry_run_and_publishes_it_otherwise(real):
    new = real.archive.store.read(MAPFILE)
    real.put(MAPFILE, new.replace(b"UNITS METERS", b"UNITS DD"))

    (planned,) = render_mapfiles(real.archive, [TRAVIS.id], dry_run=True)
    assert "-  UNITS DD\n+  UNITS METERS" in planned.diff
    assert real.archive.store.read(MAPFILE) != new

    (done,) = render_mapfiles(real.archive, [TRAVIS.id])
    assert done.changed
    assert real.archive.store.read(MAPFILE) == new


def test_renders_every_service_again_when_the_template_has_changed(real, monkeypatch):
    real.upload_real(1, TXDOT)
    real.run(TXDOT)
    before = {key: real.archive.store.read(key) for key in real.listed("mapfiles/")}
    render = publish.render
    monkeypatch.setattr(
        publish, "render", lambda service: render(service).replace("# A Cogmill", "# Tomorrow's Cogmill")
    )

    outcome = render_mapfiles(real.archive, services(real.archive, []))

    assert [(one.collection_id, one.changed) for one in outcome] == [(TXDOT.id, True), (TRAVIS.id, True)]
    after = {key: real.archive.store.read(key) for key in real.listed("mapfiles/")}
    assert after == {key: text.replace(b"# A Cogmill", b"# Tomorrow's Cogmill") for key, text in before.items()}
    hashes = dict(real.sql("SELECT id, mapfile_sha256 FROM cogmill.collection"))
    assert hashes == {key[9:-4]: hashlib.sha256(text).hexdigest() for key, text in after.items()}


def test_keeps_the_old_mapfile_of_a_service_that_cannot_be_drawn_and_renders_the_others(real):
    real.published(TXDOT)  # its COGs are no pictures
    real.put(MAPFILE, b"old")

    outcome = {
        r.collection_id: (r.changed, bool(r.fault)) for r in render_mapfiles(real.archive, services(real.archive, []))
    }

    assert outcome == {TRAVIS.id: (True, False), TXDOT.id: (False, True)}
    assert real.archive.store.read(keys.mapfile_key(TXDOT.id)) == b"MAP END\n"


def test_names_chosen_services_that_are_not_public(real):
    with pytest.raises(ConfigurationError, match="nowhere_usda_1951_frames"):
        services(real.archive, [TRAVIS.id, "nowhere_usda_1951_frames"])
