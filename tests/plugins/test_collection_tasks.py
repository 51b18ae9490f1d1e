"""The operators of a collection's DAG against a real ledger and a real S3 server."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from cogmill_airflow import operators
from cogmill_airflow.hooks import mill_from_connections

from include.cogmill.pipeline.arrivals import register

COLLECTION = "travis_usda_1951_frames"
GEOREF = "bw/Travis/USDA_1951/frames/georef/"


class TaskInstance:
    """What Airflow hands to a task, as far as it is used here."""

    dag_id = f"collection__{COLLECTION}"
    run_id = "uploads__1"
    map_index = 0

    def __init__(self, **states: str) -> None:
        self.states = states

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert dag_id == self.dag_id
        return dict.fromkeys(run_ids, self.states)


def context(**states: str) -> Any:
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    return {"ti": TaskInstance(**states), "dag_run": SimpleNamespace(start_date=start)}


def run(operator: type[operators.CollectionOperator], given: Any, **kwargs: Any) -> Any:
    return operator(task_id="task", collection_id=COLLECTION, **kwargs).execute(given)


@pytest.fixture
def batches(archive: Any) -> list[dict[str, Any]]:
    """The plan for two uploads that are no rasters."""
    archive.upload(f"{GEOREF}03-22-51_4-173.tif", b"a text")
    archive.upload(f"{GEOREF}03-22-51_4-174.tif", b"another text")
    with mill_from_connections() as mill:
        register(mill)
    return run(operators.PlanFramesOperator, context())


def test_refused_frames_are_boxes_of_their_run_when_built(batches: list[dict[str, Any]]) -> None:
    (batch,) = batches

    result = run(operators.BuildCogsOperator, context(), batch=batch)
    boxes = run(operators.ListRejectedOperator, context())

    assert (result["built"], result["rejected"], result["failed"]) == (0, 2, 0)
    assert [box["label"] for box in boxes] == [
        "03-22-51_4-173.tif: not_a_geotiff",
        "03-22-51_4-174.tif: not_a_geotiff",
    ]


def test_plan_says_so_when_nothing_is_to_be_built(batches: list[dict[str, Any]]) -> None:
    run(operators.BuildCogsOperator, context(), batch=batches[0])

    (empty,) = run(operators.PlanFramesOperator, context())

    assert empty == {"label": "nothing to build", "frame_ids": []}
    assert run(operators.BuildCogsOperator, context(), batch=empty)["built"] == 0


def test_run_without_a_good_frame_publishes_nothing_when_finished(batches: list[dict[str, Any]]) -> None:
    run(operators.BuildCogsOperator, context(), batch=batches[0])

    assert run(operators.UpdateTileIndexOperator, context()) == {"written": 0, "removed": 0}
    assert run(operators.ExportIndexOperator, context()) == []
    published = run(operators.PublishMapfileOperator, context(), service_name="Travis_USDA_1951_frames")
    assert published == {"changed": False, "frames": 0}
    assert run(operators.ReportOperator, context(), published=published)["rejected"] == 2


def test_report_is_red_and_names_the_frame_when_we_failed(batches: list[dict[str, Any]]) -> None:
    with mill_from_connections() as mill:
        first, *_ = mill.ledger.frames.claim(batches[0]["frame_ids"], "owner", 60)
        mill.ledger.frames.finish_failed(first, "owner", "ProofFailed: empty picture")

    with pytest.raises(AirflowFailException, match=r"03-22-51_4-173\.tif: ProofFailed: empty picture"):
        run(operators.ReportOperator, context())


def test_report_is_red_and_names_the_task_when_one_failed(batches: list[dict[str, Any]]) -> None:
    with pytest.raises(AirflowFailException, match="task publish_mapfile failed"):
        run(operators.ReportOperator, context(plan_frames="success", publish_mapfile="failed"))
