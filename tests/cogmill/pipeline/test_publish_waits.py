"""A service that cannot be published waits longer each time, and no run is asked for meanwhile."""

from __future__ import annotations

import pytest
from cogmill.domain.errors import ConfigurationError, ServiceUnavailableError, VerificationError
from cogmill.pipeline import ingest, publish, update_overviews

from tests.small_archive import TRAVIS

FIVE_MINUTES_AGO = "UPDATE cogmill.collection SET triggered_at = now() - interval '6 minutes'"


@pytest.fixture
def stuck(sample):
    """A collection with a COG that MapServer does not draw."""
    sample.upload_real(1)
    ingest.ingest_uploads(sample.archive)
    blind = sample.archive.with_settings(mapserv="/bin/true")
    with pytest.raises(VerificationError):
        type(sample)(blind, sample.client, sample.libpq).run()
    return sample


def is_due(sample):
    sample.sql(FIVE_MINUTES_AGO)
    return sample.archive.ledger.uploads.due_collections(300, 10) == [TRAVIS.id]


def test_asks_for_no_run_before_its_time_and_the_time_doubles(stuck):
    blind, waits = stuck.archive.with_settings(mapserv="/bin/true"), []
    for _ in range(9):
        assert stuck.states() == ["built"]
        assert not is_due(stuck)
        wait = "SELECT round(extract(epoch FROM publish_after - now()) / 60) FROM cogmill.collection"
        waits.append(int(stuck.sql(wait)[0][0]))
        stuck.sql("UPDATE cogmill.collection SET publish_after = now()")
        assert is_due(stuck)
        with pytest.raises(VerificationError):
            publish.publish_mapfile(blind, TRAVIS.id)

    assert waits == [5, 10, 20, 40, 80, 160, 320, 360, 360]


def test_is_published_with_the_next_good_run_and_forgets_its_failures(stuck):
    publish.publish_mapfile(stuck.archive, TRAVIS.id)

    assert stuck.states() == ["published"]
    assert stuck.sql("SELECT publish_failures, publish_after FROM cogmill.collection") == [(0, None)]


def test_new_uploads_do_not_wait_for_it(stuck):
    stuck.upload_real(2)
    ingest.ingest_uploads(stuck.archive)

    assert is_due(stuck)


def test_waits_with_other_levels_of_overviews_as_well(sample):
    sample.published()
    sample.sql("UPDATE cogmill.collection SET mapfile_levels = '{13}'")
    assert is_due(sample)

    with pytest.raises(VerificationError):
        update_overviews.update_overviews(sample.archive.with_settings(mapserv="/bin/true"), TRAVIS.id)

    assert not is_due(sample)
    sample.sql("UPDATE cogmill.collection SET publish_after = now()")
    assert is_due(sample)


def test_waits_with_a_wrong_collection_file_as_well(stuck, tmp_path):
    stuck.sql("UPDATE cogmill.collection SET publish_after = NULL")
    (tmp_path / f"{TRAVIS.id}.yaml").write_text("no_such_key: 1\n")

    with pytest.raises(ConfigurationError):
        publish.publish_mapfile(stuck.archive.with_settings(collections_dir=tmp_path), TRAVIS.id)

    assert not is_due(stuck)


def test_an_outage_is_no_failure_of_the_service(stuck, monkeypatch):
    stuck.sql("UPDATE cogmill.collection SET publish_after = NULL")

    def away(*_):
        raise ServiceUnavailableError("S3 is away")

    monkeypatch.setattr(publish, "verify_draft", away)
    with pytest.raises(ServiceUnavailableError):
        publish.publish_mapfile(stuck.archive, TRAVIS.id)

    assert is_due(stuck)
