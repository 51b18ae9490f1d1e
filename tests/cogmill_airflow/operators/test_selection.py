from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.utils.types import DagRunType
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.model import Collection, Product
from cogmill_airflow.connections import archive_from_connections
from cogmill_airflow.operators.selection import (
    chosen_collections,
    is_dry_run,
    names_everything,
    takes_everything,
)

HAYS, TRAVIS, MISSION = "hays_ams_1950_frames", "travis_usda_1951_frames", "stratmap_border_ams_cm8_mosaic"


@pytest.fixture
def known(connected) -> None:
    with archive_from_connections() as archive:
        archive.ledger.uploads.add_collections(
            [
                Collection("Hays", "AMS", "1950", Product.FRAMES),
                Collection("Travis", "USDA", "1951", Product.FRAMES),
                Collection("StratMap/Border", "AMS", "CM8", Product.MOSAIC),
            ]
        )


def chosen(*collections: str, **narrowed: Any) -> list[str]:
    with archive_from_connections() as archive:
        return chosen_collections(archive, {"collections": list(collections), **narrowed})


@pytest.mark.parametrize("name", [HAYS, "Hays_AMS_1950_frames", " Hays AMS 1950 frames"])
def test_takes_a_collection_as_it_is_shown_anywhere(known: None, name: str) -> None:
    assert chosen(name, HAYS) == [HAYS]


@pytest.mark.parametrize(
    ("narrowed", "left"),
    [
        ({}, [HAYS, MISSION, TRAVIS]),
        ({"counties": ["travis", "Border"]}, [MISSION, TRAVIS]),
        ({"agencies": ["AMS"]}, [HAYS, MISSION]),
        ({"agencies": ["AMS"], "products": ["frames"]}, [HAYS]),
        ({"first_year": 1951}, [TRAVIS]),
        ({"last_year": 1950}, [HAYS]),
        ({"first_year": 1950, "last_year": 1951}, [HAYS, TRAVIS]),
    ],
    ids=str,
)
def test_everything_is_narrowed_down(known: None, narrowed: dict[str, Any], left: list[str]) -> None:
    assert chosen("everything", **narrowed) == left


def test_says_what_may_have_been_meant(known: None) -> None:
    with pytest.raises(ConfigurationError, match=f"hays_ams_1905_frames is none. Is it {HAYS}"):
        chosen("Hays_AMS_1905_frames")
    with pytest.raises(ConfigurationError, match="The page Collections has all of them"):
        chosen("xyz")


def test_never_returns_nothing(known: None) -> None:
    with pytest.raises(ConfigurationError, match="none is chosen"):
        chosen()
    with pytest.raises(ConfigurationError, match="none is left"):
        chosen(HAYS, counties=["Travis"])


def test_a_run_by_schedule_is_never_dry() -> None:
    by_hand, by_schedule = (SimpleNamespace(run_type=DagRunType(kind)) for kind in ("manual", "scheduled"))

    assert is_dry_run({"params": {"dry_run": True}, "dag_run": by_hand})
    assert not is_dry_run({"params": {"dry_run": True}, "dag_run": by_schedule})
    assert not is_dry_run({"params": {"dry_run": False}, "dag_run": by_hand})


@pytest.mark.parametrize("name", ["everything", " Everything"])
def test_everything_is_all_only_without_anything_that_narrows_it_down(name: str) -> None:
    assert takes_everything({"collections": [name], "counties": None, "limit": None})
    assert names_everything({"collections": [name], "counties": ["Hays"]})
    assert not takes_everything({"collections": [name], "counties": ["Hays"]})
    assert not takes_everything({"collections": [name], "prefix": "bw/Hays/"})
    assert not takes_everything({"collections": [HAYS]})
