from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from cogmill_airflow.observability import assets
from cogmill_airflow.operators.archive_index import CheckCompiledOperator, CompileIndexesOperator

RUN = SimpleNamespace(dag_id="compile_indexes", run_id="r")


def test_returns_a_small_result_when_an_archive_is_compiled(connected) -> None:
    events = OutletEventAccessors()
    result = CompileIndexesOperator(task_id="compile").execute({"outlet_events": events, "ti": RUN})
    again = OutletEventAccessors()
    CompileIndexesOperator(task_id="compile").execute({"outlet_events": again, "ti": RUN})

    assert (result["services"], result["features"], result["broken_count"]) == (0, 0, 0)
    assert len(result["uploaded"]) == 3
    (event,) = events[assets.indexes()].asset_alias_events
    assert event.dest_asset_key.name == "compiled_indexes"
    assert len(event.extra["files"]) == 3
    assert again[assets.indexes()].asset_alias_events == [], "nothing has changed"


def test_turns_red_and_names_the_collection_when_one_is_missing() -> None:
    compiled = {"broken_count": 1, "broken": [{"collection_id": "travis_usda_1951_frames", "fault": "not finite"}]}

    with pytest.raises(AirflowFailException, match="travis_usda_1951_frames"):
        CheckCompiledOperator(task_id="check", compiled=compiled).execute({})


def test_is_green_when_nothing_is_missing() -> None:
    compiled = {"broken_count": 0, "broken": [], "services": 2, "features": 3}

    assert CheckCompiledOperator(task_id="check", compiled=compiled).execute({}) is None
