"""Good uploads, spoiled at random but repeatably: each ends as a verified COG or rejected with a reason.

The normal run takes 60 of them; `python -m bench.mutations --count 2000`, or `COGMILL_MUTATIONS=2000` here, as many as a release needs.
"""

from __future__ import annotations

import os

import pytest
from cogmill.cog.sandbox.limits import GIB

from bench.mutations import LIMIT_S, codecs, sources, spoil

COUNT = int(os.environ.get("COGMILL_MUTATIONS", "60"))


def test_sources_have_every_codec_that_libtiff_has_here(tmp_path):
    assert len(sources(tmp_path)) >= 20
    assert {"JPEG", "LZW", "DEFLATE", "PACKBITS", "CCITTFAX4"} <= set(codecs())


@pytest.mark.timeout(3600)
def test_ends_verified_or_rejected_when_an_upload_is_spoiled(tmp_path, record_property):
    outcome = spoil(COUNT, tmp_path)

    record_property("ends", outcome.text)
    assert outcome.wrong == {}
    assert outcome.ends.total() == COUNT
    assert outcome.slowest_s < 2 * LIMIT_S + 10, "a worker that dies is started once more"
    assert outcome.most_bytes < GIB
