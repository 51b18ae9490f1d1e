"""From uploads alone: after the loss of the database, and for a bucket that is taken in as a whole, all is as if frames had come singly."""

from __future__ import annotations

from cogmill.domain import keys
from cogmill.domain.model import Bands
from cogmill.maintenance.compare import compare

from tests.small_archive import TRAVIS

FACTS = (
    "SELECT source_key, etag, state, cog_key, cog_size, cog_sha256, source_sha256, recipe, ST_AsText(footprint), scan_stem"
    " FROM cogmill.frame ORDER BY source_key"
)
ROWS = (
    "SELECT location, src_srs, date, roll, frame_num, dl_orig, dl_georef, dl_index, ST_AsText(geom), acquired"
    " FROM cogmill.tile_index ORDER BY location"
)


def test_everything_comes_back_when_the_database_is_lost(sample):
    prefix = TRAVIS.prefix(Bands.BW)
    for number in (1, 2):
        sample.upload_real(number)
        sample.put(f"{prefix}scanned/{sample.stem(TRAVIS, number)}.tif")
    sample.run()
    before = sample.sql(FACTS), sample.sql(ROWS), sample.archive.store.read(keys.mapfile_key(TRAVIS.id))
    cogs = {o.key: o.last_modified for page in sample.archive.store.pages(prefix + "cog/03") for o in page.objects}
    sample.sql("TRUNCATE cogmill.collection, cogmill.finding, cogmill.former_row, cogmill.former_cog CASCADE")
    sample.sql("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")

    sample.run()

    assert (sample.sql(FACTS), sample.sql(ROWS), sample.archive.store.read(keys.mapfile_key(TRAVIS.id))) == before
    after = {o.key: o.last_modified for page in sample.archive.store.pages(prefix + "cog/03") for o in page.objects}
    assert after == cogs  # not one COG was written again
    assert not any(compare(sample.archive).counts.values())


def test_a_bucket_of_uploads_taken_in_as_a_whole_ends_like_uploads_one_by_one(sample):
    prefix = TRAVIS.prefix(Bands.BW)
    for number in (1, 2, 3):
        sample.upload_real(number)
        sample.put(f"{prefix}scanned/{sample.stem(TRAVIS, number)}.tif")
        sample.run()
    before = sample.sql(FACTS), sample.sql(ROWS), derived(sample)
    for key in before[2]:
        sample.delete(key)
    sample.sql("TRUNCATE cogmill.collection, cogmill.finding, cogmill.former_row, cogmill.former_cog CASCADE")
    sample.sql("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")

    sample.run()

    assert (sample.sql(FACTS), sample.sql(ROWS), derived(sample)) == before
    assert not any(compare(sample.archive).counts.values())


def derived(sample):
    """Return key -> bytes of everything that people did not upload."""
    return {
        key: sample.archive.store.read(key)
        for key in sample.listed()
        if "/georef/" not in key and "/scanned/" not in key
    }
