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


def test_everything_comes_back_when_the_database_is_lost(archive):
    prefix = TRAVIS.prefix(Bands.BW)
    for number in (1, 2):
        archive.upload_real(number)
        archive.put(f"{prefix}scanned/{archive.stem(TRAVIS, number)}.tif")
    archive.run()
    before = archive.sql(FACTS), archive.sql(ROWS), archive.mill.store.read(keys.mapfile_key(TRAVIS.id))
    cogs = {o.key: o.last_modified for page in archive.mill.store.pages(prefix + "cog/03") for o in page.objects}
    archive.sql("TRUNCATE cogmill.collection, cogmill.finding, cogmill.former_row, cogmill.former_cog CASCADE")
    archive.sql("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")

    archive.run()

    assert (archive.sql(FACTS), archive.sql(ROWS), archive.mill.store.read(keys.mapfile_key(TRAVIS.id))) == before
    after = {o.key: o.last_modified for page in archive.mill.store.pages(prefix + "cog/03") for o in page.objects}
    assert after == cogs  # not one COG was written again
    assert not any(compare(archive.mill).counts.values())


def test_a_bucket_of_uploads_taken_in_as_a_whole_ends_like_uploads_one_by_one(archive):
    prefix = TRAVIS.prefix(Bands.BW)
    for number in (1, 2, 3):
        archive.upload_real(number)
        archive.put(f"{prefix}scanned/{archive.stem(TRAVIS, number)}.tif")
        archive.run()
    before = archive.sql(FACTS), archive.sql(ROWS), derived(archive)
    for key in before[2]:
        archive.delete(key)
    archive.sql("TRUNCATE cogmill.collection, cogmill.finding, cogmill.former_row, cogmill.former_cog CASCADE")
    archive.sql("UPDATE cogmill.sweep SET watermark = '-infinity', full_at = '-infinity'")

    archive.run()

    assert (archive.sql(FACTS), archive.sql(ROWS), derived(archive)) == before
    assert not any(compare(archive.mill).counts.values())


def derived(archive):
    """Return key -> bytes of everything that people did not upload."""
    return {
        key: archive.mill.store.read(key)
        for key in archive.listed()
        if "/georef/" not in key and "/scanned/" not in key
    }
