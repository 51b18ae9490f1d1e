"""Capital letters of a collection: one collection however its folders are written, and its name settled by the first COG."""

from __future__ import annotations

import pytest
from cogmill.domain.errors import Reason
from cogmill.domain.model import Bands, Collection, Product
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import remove
from cogmill.pipeline import ingest
from cogmill.pipeline.batches import plan_batches

from tests.small_archive import TRAVIS

SHOUTED = Collection("TRAVIS", "USDA", "1951", Product.FRAMES)
RIGHT, WRONG = TRAVIS.prefix(Bands.BW), SHOUTED.prefix(Bands.BW)


def name(sample):
    ((service_name, folder),) = sample.sql("SELECT service_name, folder FROM cogmill.collection")
    return service_name, folder


def frames(sample):
    return dict(sample.sql("SELECT source_key, state FROM cogmill.frame"))


def withdraw(sample, key):
    sample.delete(key)
    compare(sample.archive)
    sample.sql("UPDATE cogmill.finding SET first_seen = now() - interval '1 day'")
    remove(sample.archive)


def test_a_county_in_other_capital_letters_is_the_same_collection(sample):
    sample.published()

    sample.put(f"{WRONG}georef/03-22-51_4-9.tif")
    sample.put(f"{WRONG}scanned/03-22-51_4-9.tif")
    taken = ingest.ingest_uploads(sample.archive)
    sample.build()
    sample.publish()

    assert (taken.collection_ids, taken.rejected) == ([TRAVIS.id], [])
    assert name(sample) == ("Travis_USDA_1951_frames", "Travis")
    assert sample.states() == ["published"] * 4
    # what Cogmill writes lies in the folder of the collection, and the link leads to the scan where it is
    ((cog, scan),) = sample.sql(
        "SELECT cog_key, dl_orig FROM cogmill.tile_index JOIN cogmill.scan AS s ON dl_orig LIKE '%%TRAVIS%%' WHERE s.key LIKE '%%TRAVIS%%'"
    )
    assert cog.startswith(f"{RIGHT}cog/03-22-51_4-9.")
    assert scan.endswith(f"{WRONG}scanned/03-22-51_4-9.tif")
    assert sample.listed(f"{WRONG}cog/") == []
    assert {k: n for k, n in compare(sample.archive).counts.items() if n} == {}


def test_the_same_frame_in_both_folders_is_one_frame(sample):
    sample.put(f"{RIGHT}georef/03-22-51_4-1.tif")
    sample.put(f"{WRONG}georef/03-22-51_4-1.tif")

    (twin,) = ingest.ingest_uploads(sample.archive).rejected

    assert twin.reason == Reason.DUPLICATE_NAME
    assert "capital letters" in twin.advice


def test_a_collection_is_spelled_anew_when_its_first_upload_is_gone_and_nothing_was_made_of_it(sample):
    sample.put(f"{WRONG}georef/03-22-51_4-1.tif")
    ingest.ingest_uploads(sample.archive)
    withdraw(sample, f"{WRONG}georef/03-22-51_4-1.tif")
    assert name(sample) == ("TRAVIS_USDA_1951_frames", "TRAVIS")

    sample.put(f"{RIGHT}georef/03-22-51_4-1.tif")
    taken = ingest.ingest_uploads(sample.archive)

    assert (taken.collection_ids, taken.rejected) == ([TRAVIS.id], [])
    assert name(sample) == ("Travis_USDA_1951_frames", "Travis")


def test_a_folder_that_was_moved_gives_the_collection_its_name_before_the_first_cog(sample):
    wrong, right = f"{WRONG}georef/03-22-51_4-1.tif", f"{RIGHT}georef/03-22-51_4-1.tif"
    sample.put(wrong)
    ingest.ingest_uploads(sample.archive)
    sample.put(right)
    ingest.ingest_uploads(sample.archive)  # the same frame twice, until maintenance has seen that the first is gone
    withdraw(sample, wrong)
    assert frames(sample) == {wrong: "withdrawn", right: "arrived"}

    plan_batches(sample.archive, TRAVIS.id)
    sample.build()

    assert name(sample) == ("Travis_USDA_1951_frames", "Travis")
    assert len(sample.listed(f"{RIGHT}cog/")) == 1


def test_a_rejected_upload_does_not_name_a_collection(sample):
    sample.put(f"{WRONG}georef/03-22-51_4-1.tif")
    ingest.ingest_uploads(sample.archive)
    sample.sql("UPDATE cogmill.frame SET state = 'rejected', reason = 'no_crs'")

    sample.put(f"{RIGHT}georef/03-22-51_4-2.tif")
    ingest.ingest_uploads(sample.archive)

    assert name(sample) == ("Travis_USDA_1951_frames", "Travis")


def test_the_oldest_upload_names_a_collection_whatever_comes_later(sample):
    sample.put(f"{RIGHT}georef/03-22-51_4-1.tif")
    ingest.ingest_uploads(sample.archive)
    for number in range(2, 5):
        sample.put(f"{WRONG}georef/03-22-51_4-{number}.tif")
        ingest.ingest_uploads(sample.archive)
        plan_batches(sample.archive, TRAVIS.id)

        assert name(sample) == ("Travis_USDA_1951_frames", "Travis")


@pytest.mark.parametrize("published", [True, False])
def test_a_cog_settles_the_name_for_good(sample, published):
    sample.put(f"{WRONG}georef/03-22-51_4-1.tif")
    ingest.ingest_uploads(sample.archive)
    sample.build()
    if published:
        sample.publish(SHOUTED)
    withdraw(sample, f"{WRONG}georef/03-22-51_4-1.tif")

    sample.put(f"{RIGHT}georef/03-22-51_4-2.tif")
    ingest.ingest_uploads(sample.archive)
    plan_batches(sample.archive, TRAVIS.id)
    sample.build()

    assert name(sample) == ("TRAVIS_USDA_1951_frames", "TRAVIS")
    assert len(sample.listed(f"{WRONG}cog/03")) == 2


def test_both_ways_to_store_an_accent_are_one_frame_with_one_scan(sample):
    composed, decomposed = "03-22-51_4-Müller.tif", "03-22-51_4-Mu\u0308ller.tif"
    sample.put(f"{RIGHT}georef/{decomposed}")
    sample.put(f"{RIGHT}scanned/{composed}")
    taken = ingest.ingest_uploads(sample.archive)
    sample.build()
    sample.publish()
    assert taken.rejected == []
    assert sample.sql("SELECT dl_orig IS NOT NULL FROM cogmill.tile_index") == [(True,)]
    (cog,) = sample.listed(f"{RIGHT}cog/03")
    assert cog.startswith(f"{RIGHT}cog/03-22-51_4-Müller.")

    sample.put(f"{RIGHT}georef/{composed}")
    (twin,) = ingest.ingest_uploads(sample.archive).rejected

    assert (twin.reason, twin.key) == (Reason.DUPLICATE_NAME, f"{RIGHT}georef/{composed}")
