"""From uploads alone: after the loss of the database, and for a bucket that is taken in as a whole, all is as if frames had come singly."""

from __future__ import annotations

from cogmill.domain import keys
from cogmill.domain.model import Bands
from cogmill.maintenance.compare import compare
from cogmill.pipeline import update_overviews

from tests.small_archive import TRAVIS

FACTS = (
    "SELECT source_key, etag, state, cog_key, cog_size, cog_sha256, source_sha256, recipe, ST_AsText(footprint), scan_stem"
    " FROM cogmill.frame ORDER BY source_key"
)
ROWS = (
    "SELECT location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, ST_AsText(geom), acquired"
    " FROM cogmill.tile_index ORDER BY location"
)
CELLS = "SELECT level, x, y, acquired, all_days, key, location, size, sha256, ST_AsText(geom) FROM cogmill.overview ORDER BY key"


def test_everything_comes_back_when_the_database_is_lost(sample, monkeypatch):
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", 1)
    prefix = TRAVIS.prefix(Bands.BW)
    for number in (1, 2):
        sample.upload_real(number)
        sample.put(f"{prefix}scanned/{sample.stem(TRAVIS, number)}.tif")
    sample.run()
    before = facts(sample), sample.archive.store.read(keys.mapfile_key(TRAVIS.id))
    stored = moments(sample, prefix + "cog/03"), moments(sample, "overviews/")
    assert sample.sql(CELLS)
    sample.sql("TRUNCATE cogmill.collection, cogmill.finding, cogmill.former_row, cogmill.former_cog CASCADE")
    sample.sql("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")

    sample.run()

    assert (facts(sample), sample.archive.store.read(keys.mapfile_key(TRAVIS.id))) == before
    # not one COG was written again, and cells that were built again are those that are stored
    assert (moments(sample, prefix + "cog/03"), moments(sample, "overviews/")) == stored
    assert not any(compare(sample.archive).counts.values())


def test_a_bucket_of_uploads_taken_in_as_a_whole_ends_like_uploads_one_by_one(sample, monkeypatch):
    monkeypatch.setattr(update_overviews, "MOST_FRAMES", 2)
    prefix = TRAVIS.prefix(Bands.BW)
    for number in (1, 2, 3):
        sample.upload_real(number)
        sample.put(f"{prefix}scanned/{sample.stem(TRAVIS, number)}.tif")
        sample.run()
    before = facts(sample), derived(sample)
    assert sample.sql(CELLS)
    for key in before[1]:
        sample.delete(key)
    sample.sql("TRUNCATE cogmill.collection, cogmill.finding, cogmill.former_row, cogmill.former_cog CASCADE")
    sample.sql("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")

    sample.run()

    assert (facts(sample), derived(sample)) == before
    assert not any(compare(sample.archive).counts.values())


def facts(sample):
    """Return frames, index rows and cells."""
    return [sample.sql(query) for query in (FACTS, ROWS, CELLS)]


def moments(sample, prefix):
    """Return when each object below a prefix was stored, by key."""
    return {o.key: o.last_modified for page in sample.archive.store.pages(prefix) for o in page.objects}


def derived(sample):
    """Return key -> bytes of everything that people did not upload."""
    return {
        key: sample.archive.store.read(key)
        for key in sample.listed()
        if "/georef/" not in key and "/scanned/" not in key
    }
