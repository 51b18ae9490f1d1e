"""No upload is silent: a TIFF in a wrong folder is rejected, with the key where it belongs, until it is moved there."""

from __future__ import annotations

import pytest
from cogmill.domain.errors import Reason
from cogmill.domain.model import Bands
from cogmill.maintenance.change_plan import plan_changes
from cogmill.maintenance.compare import SETTLED, compare
from cogmill.maintenance.repair import repair
from cogmill.pipeline import ingest

from tests.small_archive import TRAVIS

PREFIX = TRAVIS.prefix(Bands.BW)
NAME = "03-22-51_4-1.tif"
RIGHT = f"{PREFIX}georef/{NAME}"
MISPLACED = [
    f"{PREFIX}georef/roll4/{NAME}",
    f"{PREFIX}Georef/{NAME}",
    f"{PREFIX}georef /{NAME}",
    f"{PREFIX}{NAME}",
    f"{PREFIX}geo/{NAME}",
    f"bw/Travis/USDA_1951/georef/{NAME}",
    f"BW/Travis/USDA_1951/Frames/georef/{NAME}",
    f"{PREFIX}frames/georef/{NAME.upper()}",
]


def a_day_later(sample):
    sample.sql("UPDATE cogmill.finding SET first_seen = now() - interval '1 day'")


def rows(sample):
    return dict(sample.sql("SELECT source_key, state FROM cogmill.frame"))


@pytest.mark.parametrize("key", MISPLACED)
def test_every_misplaced_upload_is_rejected_with_the_key_where_it_belongs(sample, key):
    sample.put(key)
    assert ingest.has_new_uploads(sample.archive)

    (rejected,) = ingest.ingest_uploads(sample.archive).rejected

    right = RIGHT.replace(NAME, NAME.upper()) if key.endswith("TIF") else RIGHT
    assert (rejected.key, rejected.reason, rejected.advice) == (key, Reason.WRONG_FOLDER, f"Move it to {right}.")
    assert f"Move it to {right}." in rejected.text
    assert rows(sample) == {key: "rejected"}
    assert not ingest.has_new_uploads(sample.archive)


@pytest.mark.parametrize("key", [NAME, "backup/scans/x.TIFF", "Travis/x.tif"])
def test_an_upload_whose_place_cannot_be_told_is_rejected_with_the_pattern_of_places(sample, key):
    sample.put(key)

    (rejected,) = ingest.ingest_uploads(sample.archive).rejected

    assert rejected.reason == Reason.WRONG_FOLDER
    assert "<bands>/<County>/<AGENCY>_<YYYY>/<product>/georef/" in rejected.advice


def test_moving_the_file_ends_the_rejection_and_asks_nobody(sample):
    wrong = f"{PREFIX}georef/roll4/{NAME}"
    sample.put(wrong)
    ingest.ingest_uploads(sample.archive)
    assert {k: n for k, n in compare(sample.archive).counts.items() if n} == {}

    sample.put(RIGHT)
    sample.delete(wrong)
    ingest.ingest_uploads(sample.archive)
    assert {k: n for k, n in compare(sample.archive).counts.items() if n} == {"rejected_gone": 1}
    assert plan_changes(sample.archive).frames == 0
    assert repair(sample.archive) == []  # not before the grace period is over
    a_day_later(sample)
    (done,) = repair(sample.archive)

    assert (done.subject, done.done) == (wrong, "withdrawn")
    assert rows(sample) == {wrong: "withdrawn", RIGHT: "arrived"}
    assert not ingest.has_new_uploads(sample.archive)


def test_a_rejection_that_came_back_stays(sample):
    wrong = f"{PREFIX}{NAME}"
    sample.put(wrong)
    ingest.ingest_uploads(sample.archive)
    sample.delete(wrong)
    compare(sample.archive)
    a_day_later(sample)
    sample.put(wrong)

    assert repair(sample.archive) == []
    assert rows(sample) == {wrong: "rejected"}


def test_a_new_version_that_was_rejected_and_deleted_leaves_the_map_as_a_frame_does(sample):
    sample.published()
    sample.sql("UPDATE cogmill.frame SET state = 'rejected', reason = 'empty' WHERE source_key = %s", RIGHT)
    sample.delete(RIGHT)

    assert compare(sample.archive).counts["source_missing"] == 1
    assert compare(sample.archive).counts["rejected_gone"] == 0


def test_a_misplaced_upload_that_the_ledger_does_not_know_is_reported(sample, monkeypatch):
    monkeypatch.setattr("cogmill.maintenance.compare.SETTLED", -SETTLED)
    sample.put(f"{PREFIX}{NAME}")

    assert compare(sample.archive).counts["upload_unknown"] == 1


def test_what_lies_where_cogmill_writes_or_is_no_tiff_does_not_enter_the_ledger(sample):
    for key in (
        f"{PREFIX}cog/{NAME}", f"{PREFIX}cog/roll4/{NAME}", f"{PREFIX}cog/tile_index/{NAME}", f"quarantine/{RIGHT}", f"mapfiles/{NAME}",
        f"overviews/{NAME}", f"{PREFIX}notes.pdf", f"{PREFIX}roll4/{NAME}.aux.xml", "index.html",
    ):  # fmt: skip
        sample.put(key)

    assert not ingest.has_new_uploads(sample.archive)
    assert rows(sample) == {}
