"""Lone scans in STAC, list and page: valid, escaped, and silent about what nobody knows."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest
from cogmill.config.site import Site
from cogmill.domain.geo import Bounds4326
from cogmill.domain.model import Bands
from cogmill.public.scans import scan_items, scan_list
from cogmill.public.scans.lone_scan import LoneScan, ScanFacts
from cogmill.public.scans.scan_list import archive_documents, collection_documents, scan_entry

from tests.cogmill.public.stac.conftest import ADDRESSES, DAY, SITE, UPLOADED
from tests.cogmill.public.stac.validating import validate
from tests.small_archive import TRAVIS

FACTS = ScanFacts(collection=TRAVIS, title='A <b> & "c"', place=None, site=SITE, addresses=ADDRESSES.of(TRAVIS.id))
KNOWN = LoneScan(
    bands=Bands.BW, stem="03-22-51_4-1", key="bw/Travis/USDA_1951/frames/scanned/03-22-51_4-1.tif", size=10, uploaded_at=UPLOADED,
    date="03-22-51", roll="4", frame_num="1", acquired=(DAY, DAY),
    picture="catalog/x/scans/bw/03-22-51_4-1.webp", width=10, height=10, reason=None,
)  # fmt: skip
UNKNOWN = replace(
    KNOWN, stem="a %+#&=,~ Ü ]]>", date=None, roll=None, frame_num=None, acquired=None, picture=None, reason="truncated"
)
SCANS = [KNOWN, UNKNOWN, replace(UNKNOWN, stem="later", reason=None), replace(UNKNOWN, stem="ours", reason="failed")]


def files(facts=FACTS, scans=SCANS):
    return {document.key: document.body for document in collection_documents(facts, scans)}


@pytest.mark.parametrize("place", [None, Bounds4326(-98, 30, -97, 31)])
@pytest.mark.parametrize("site", [SITE, Site()])
def test_everything_is_valid(validator, place, site):
    facts = replace(FACTS, place=place, site=site)
    written = files(facts)
    (root,) = [d for d in archive_documents(site, ADDRESSES, [scan_entry(facts, SCANS)]) if d.key.startswith("stac/")]

    stac = [json.loads(body) for key, body in written.items() if key.startswith("stac/") and key.endswith(".json")]
    for document in [*stac, json.loads(root.body)]:
        validate(validator, document)
    items = [document for document in stac if document["type"] == "Feature"]
    assert len(items) == len(SCANS)
    assert {item["geometry"] for item in items} == {None}
    assert not any("bbox" in item for item in items)


def test_an_unknown_day_is_between_the_first_photograph_and_the_upload():
    (item,) = [json.loads(body) for key, body in files().items() if key.endswith("later.json")]

    about = item["properties"]
    assert (about["cogmill:dated"], about["datetime"]) == ("unknown", None)
    assert about["start_datetime"].startswith("1858-")
    assert about["end_datetime"].startswith(UPLOADED.astimezone(dt.UTC).date().isoformat())


def test_the_page_is_escaped_and_says_why_there_is_no_picture():
    page = files()[f"catalog/{TRAVIS.id}/scans.html"].decode()

    assert "<b>" not in page
    assert "]]&gt;" in page
    for why in ("drawn with one of the next nights", "drawing it failed", "cannot be drawn (truncated)"):
        assert why in page


def test_the_page_names_license_and_holder_as_all_others_do():
    stated, unstated = (
        files(replace(FACTS, site=site))[f"catalog/{TRAVIS.id}/scans.html"].decode() for site in (SITE, Site())
    )

    assert f'href="{SITE.license.url}"' in stated
    assert f'href="{SITE.organization_url}"' in stated
    assert "No license is stated" in unstated


def test_a_long_page_says_where_the_rest_is_and_many_scans_have_no_files_of_their_own(monkeypatch):
    monkeypatch.setattr(scan_list, "ON_PAGE", 2)
    monkeypatch.setattr(scan_items, "JSON_ITEMS", 3)

    written = files()

    assert "The first 2 of them" in written[f"catalog/{TRAVIS.id}/scans.html"].decode()
    assert len(json.loads(written[f"catalog/{TRAVIS.id}/scans.json"])["scans"]) == 4
    assert [key for key in written if "/items/" in key] == []
    assert len(json.loads(written[f"stac/scans/{TRAVIS.id}/items.geojson"])["features"]) == 4


def test_without_lone_scans_there_is_no_file():
    assert files(scans=[]) == {}
