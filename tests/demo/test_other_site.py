from __future__ import annotations

from pathlib import Path

import pytest
from cogmill.config.site import use_site
from cogmill.domain.keys import parse_upload
from cogmill.domain.layout import TEXAS, use_layout

from demo.maps import Service
from demo.survey.landscape import AUSTIN, GOETTINGEN, Landscape
from demo.survey.manifest import Item, Manifest
from demo.survey.other_site import in_layout_of_site, place_of_site
from demo.survey.plan import shots

SITE = Path(__file__).parents[2] / "examples" / "central-europe" / "site.yaml"


@pytest.fixture(scope="module")
def survey():
    """The demo's survey without its pictures."""
    items = []
    for shot in shots(Landscape(1, 4.0), 900, 4.0):
        outline = [] if shot.reason else [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
        places = [("georef", shot.name, outline), *([("scanned", shot.scan, [])] if shot.scan else [])]
        for stage, name, area in places:
            key = f"{shot.bands}/{shot.folder}/{stage}/{name}"
            items.append(Item(key, name, parse_upload(key).collection.id, 1, area, 1.0, shot.reason if area else ""))
    return Manifest(Path("unused"), 1, 4.0, items)


@pytest.fixture
def other(survey):
    use_site(SITE)
    yield in_layout_of_site(survey)
    use_layout(TEXAS)


def test_keeps_the_survey_as_it_is_without_another_site(survey):
    assert in_layout_of_site(survey) is survey
    assert place_of_site() == AUSTIN


def test_names_every_file_of_the_survey_as_the_other_site_does(survey, other):
    uploads = [parse_upload(item.key) for item in other.items]

    assert place_of_site() == GOETTINGEN
    assert len({item.key for item in other.items}) == len(survey.items)
    assert [item.is_scan for item in other.items] == ["/scanned/" in item.key for item in survey.items]
    assert [upload.bands for upload in uploads] == [item.key[:2] for item in survey.items]
    assert other.items[0].key == "Travis/1951 USDA/Luftbilder/sw/georeferenziert/1951-03-22 Film 4 Bild 173.tif"
    assert sorted(other.collections) == [
        "hays_ams_1950_frames",
        "stratmap_travis_tnris_1996_frames",
        "travis_txdot_1985_mosaic",
        "travis_usda_1951_frames",
        "travis_usda_1951_index",
    ]
    layer = Service(None, "travis_txdot_1985_mosaic", other.collections["travis_txdot_1985_mosaic"]).layer
    assert layer == "Travis_TXDOT_1985_mosaic"
