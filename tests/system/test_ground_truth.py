"""The whole way, by real Airflow runs: drop the demo's survey, then compare every map with the known ground."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from cogmill.overviews.grid import resolution

from demo.__main__ import drop
from demo.maps import Service
from demo.stack import Stack
from demo.survey.generate import generate
from demo.survey.landscape import Landscape
from demo.survey.manifest import Manifest
from tests.system.probes import ledger_rows, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

PATIENCE_S = 420
COLLECTIONS = (
    "hays_ams_1950_frames",
    "stratmap_travis_tnris_1996_frames",
    "travis_txdot_1985_mosaic",
    "travis_usda_1951_frames",
    "travis_usda_1951_index",
)


@pytest.fixture(scope="module")
def landscape(survey: Manifest) -> Landscape:
    return survey.landscape


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return generate(tmp_path_factory.mktemp("survey") / "files")


@pytest.fixture(scope="module")
def services(airflow_stack: Stack, survey: Manifest, landscape: Landscape) -> Iterator[dict[str, Service]]:
    drop(airflow_stack, survey)
    services = {name: Service(airflow_stack, name, frames) for name, frames in survey.collections.items()}
    deadline = time.monotonic() + PATIENCE_S
    for service in services.values():
        service.wait(landscape, max(1.0, deadline - time.monotonic()))
    return services


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("zoom", ["overview", "middle", "full"])
def test_shows_the_ground(services: dict[str, Service], landscape: Landscape, name: str, zoom: str) -> None:
    service = services[name]
    bounds, width, height = service.overview()
    if zoom != "overview":
        # one map pixel is two pixels of the photograph, then about one
        pixel = service.gsd * (2 if zoom == "middle" else 1)
        x, y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
        width = height = 700
        bounds = (x - 350 * pixel, y - 350 * pixel, x + 350 * pixel, y + 350 * pixel)

    verdict = service.verdict(landscape, (bounds, width, height))

    print(f"{name} {zoom}: {verdict}")
    assert verdict.is_right, str(verdict)


@pytest.mark.parametrize("coarser", [1, 1.9, 3, 6, 10])
def test_shows_the_ground_from_the_overviews_of_the_collection(
    services: dict[str, Service], landscape: Landscape, airflow_stack: Stack, coarser: float
) -> None:
    name = "travis_usda_1951_frames"
    service = services[name]
    query = "SELECT overview_levels FROM cogmill.collection WHERE id = 'travis_usda_1951_frames'"
    wait_until(lambda: bool(ledger_rows(airflow_stack, query)[0][0]), 120)
    ((levels,),) = ledger_rows(airflow_stack, query)
    pixel = resolution(levels[0]) * coarser * 1.01  # beyond the scale at which overviews take over
    (west, south, east, north), _, _ = service.overview()
    window = ((west, south, east, north), round((east - west) / pixel), round((north - south) / pixel))
    wait_until(lambda: service.verdict(landscape, window).is_right, 30)  # s3fs keeps a mapfile for a few seconds

    verdict = service.verdict(landscape, window)

    print(f"{name} {coarser} times coarser than level {levels[0]}: {verdict}")
    assert verdict.is_right, str(verdict)
    assert verdict.lost_landmarks == 0


def test_shows_pure_white_and_pure_black_inside_photographs(services: dict[str, Service], landscape: Landscape) -> None:
    verdicts = [service.verdict(landscape, service.overview()) for service in services.values()]

    assert sum(verdict.landmarks for verdict in verdicts) > 0
    assert sum(verdict.lost_landmarks for verdict in verdicts) == 0


def test_writes_nothing_but_the_documented_objects(
    services: dict[str, Service], airflow_stack: Stack, survey: Manifest
) -> None:
    ours = (*{item.key.rsplit("/", 2)[0] for item in survey.items}, "mapfiles/")
    pages = airflow_stack.s3_client().get_paginator("list_objects_v2").paginate(Bucket=airflow_stack.settings.bucket)
    keys = [entry["Key"] for page in pages for entry in page["Contents"] if entry["Key"].startswith(ours)]
    uploads = [key for key in keys if "/georef/" in key or "/scanned/" in key]
    cogs = [key for key in keys if "/cog/" in key and key.endswith(".tif")]
    index = [key for key in keys if "/cog/tile_index/" in key]
    maps = [key for key in keys if key.startswith("mapfiles/") and key.endswith(".map")]

    assert sorted(uploads + cogs + index + maps) == sorted(keys)


def test_keeps_grey_and_colour_of_one_flight_in_one_service(services: dict[str, Service], airflow_stack: Stack) -> None:
    rows = ledger_rows(
        airflow_stack,
        "SELECT bands, count(*) FROM cogmill.frame WHERE collection_id = 'travis_usda_1951_frames'"
        " AND state = 'published' GROUP BY bands ORDER BY bands",
    )

    assert rows == [("bw", 12), ("nc", 2)]


def test_says_which_frame_was_rejected_and_why(services: dict[str, Service], airflow_stack: Stack) -> None:
    rows = ledger_rows(airflow_stack, "SELECT source_key, reason FROM cogmill.frame WHERE state = 'rejected'")

    assert ("bw/Travis/USDA_1951/frames/georef/03-22-51_5-199.tif", "no_crs") in rows
