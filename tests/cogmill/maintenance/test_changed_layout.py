"""A site file that learns a layout: what was rejected under the old one is taken in without anybody uploading it again."""

from __future__ import annotations

from cogmill.config.site import use_site
from cogmill.domain.layout import TEXAS, use_layout
from cogmill.maintenance.compare import compare
from cogmill.maintenance.repair import repair
from cogmill.pipeline import ingest

FITS = "cir/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif"
SCAN = "cir/Travis/USDA_1951/frames/scanned/03-22-51_4-1.tif"
GONE = "cir/Travis/USDA_1951/frames/georef/03-22-51_4-2.tif"
NEVER = "rgb/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif"


def test_takes_in_what_the_layout_has_learned(sample, tmp_path):
    for key in (FITS, SCAN, GONE, NEVER):
        sample.put(key)
    ingest.ingest_uploads(sample.archive)
    assert compare(sample.archive).counts["rejected_accepted"] == 0
    sample.delete(GONE)
    (tmp_path / "site.yaml").write_text("layout: {bands: {bw: bw, nc: nc, cir: cir}}")

    try:
        use_site(tmp_path / "site.yaml")
        found = compare(sample.archive)
        assert found.counts["rejected_accepted"] == 3
        actions = repair(sample.archive)
        sample.sql("UPDATE cogmill.sweep SET full_at = '-infinity'")
        taken = ingest.ingest_uploads(sample.archive)
    finally:
        use_layout(TEXAS)

    assert sorted(action.subject for action in actions if action.kind == "rejected_accepted") == [FITS, SCAN]
    assert (taken.collection_ids, taken.frames, taken.scans) == (["travis_usda_1951_frames"], 1, 1)
    states = dict(sample.sql("SELECT source_key, state FROM cogmill.frame"))
    assert (states[FITS], states[NEVER]) == ("arrived", "rejected")
