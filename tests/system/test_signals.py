"""What runs in a real Airflow tell others: metrics to a StatsD server, and asset events to other DAGs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo.stack import Stack
from tests.system.airflow_api import AirflowApi
from tests.system.conftest import StatsdServer
from tests.system.probes import wait_until
from tests.system.small_survey import put, wait_for_states, write_frame

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

COLLECTION = "signal_usda_1951_frames"
DAG = f"collection__{COLLECTION}"


@pytest.fixture(scope="module")
def upload(airflow_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A frame that is on the map when the tests begin; returns its bytes."""
    body = write_frame(tmp_path_factory.mktemp("frames") / "1.tif", 256, 1)
    put(airflow_stack, "bw/Signal/USDA_1951/frames/georef/03-22-51_4-1.tif", body)
    wait_for_states(airflow_stack, COLLECTION, ["published"], 600)
    AirflowApi(airflow_stack).wait_for_rest(DAG, 240)
    return body


def events(stack: Stack) -> list[dict[str, Any]]:
    found = AirflowApi(stack).get("assets/events", limit=100)["asset_events"]
    return [event for event in found if event["name"] == COLLECTION]


def test_every_metric_arrives_when_a_frame_goes_to_the_map(
    airflow_stack: Stack, statsd: StatsdServer, upload: bytes
) -> None:
    wait_until(lambda: bool(statsd.values("cogmill.upload_to_map")), 30)

    assert sum(statsd.values("cogmill.frames.built")) >= 1
    assert sum(statsd.values("cogmill.frames.published")) >= 1
    assert sum(statsd.values("cogmill.bytes.read")) >= len(upload)
    assert sum(statsd.values("cogmill.bytes.written")) > 0
    assert max(statsd.values("cogmill.frames_per_second")) > 0
    assert max(statsd.values("cogmill.queue.frames")) >= 1
    assert all(0 < ms < 600_000 for ms in statsd.values("cogmill.upload_to_map"))
    print(
        f"upload_to_map {statsd.values('cogmill.upload_to_map')[-1] / 1000:.1f} s, {len(statsd.lines)} lines of StatsD"
    )


def test_asset_event_is_there_when_the_service_changed_and_only_then(
    airflow_stack: Stack, upload: bytes, tmp_path: Path
) -> None:
    (first,) = events(airflow_stack)
    assert first["source_dag_id"] == DAG
    assert first["extra"]["frames"] == 1
    assert first["extra"]["mapfile"] == f"s3://{airflow_stack.settings.bucket}/mapfiles/{COLLECTION}.map"

    api = AirflowApi(airflow_stack)
    api.trigger(DAG)
    runs = api.wait_for_rest(DAG, 300)

    assert {run["state"] for run in runs} == {"success"}
    assert events(airflow_stack) == [first]
